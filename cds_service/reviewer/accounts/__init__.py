"""Accounts of the people who come to /review: how they prove who they are, and their sessions."""
