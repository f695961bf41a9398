"""Scoring engines behind one protocol (`base.Scorer`)."""
