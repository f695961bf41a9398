"""What a start needs: one table, read by `lamo-cds serve` to refuse and by `lamo-cds check`."""
