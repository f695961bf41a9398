"""The audit log: what was decided, for whom and why, committed before any card leaves."""
