"""Alembic: env.py and the revisions."""
