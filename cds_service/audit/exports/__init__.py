"""What leaves the audit log for other tools: AuditEvent, Provenance, CSV, and the bundle."""
