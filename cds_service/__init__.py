"""HTTP in, cards out, everything recorded."""
