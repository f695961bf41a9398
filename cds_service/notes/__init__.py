"""Clinical notes in the service: what is kept of those that were read."""
