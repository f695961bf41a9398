"""From findings, proposals and gaps to the few cards that are shown."""
