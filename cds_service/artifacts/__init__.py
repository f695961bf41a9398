"""Which model artefacts there are here, which of them is served, and which is tried beside it."""
