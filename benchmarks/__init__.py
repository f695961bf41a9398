"""What is timed or scored: each prints a table beside its peers and its limit."""
