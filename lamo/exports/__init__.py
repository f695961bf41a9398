"""What a hospital has exported: files read to their end, their rows counted, by patient."""
