"""Registered CDS Clients: who they are, how their tokens are verified, why some were refused."""
