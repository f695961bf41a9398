"""A log of a million decisions: who called, what was decided, how it gets into the database."""
