"""The registry of clients, the tokens that were seen, and why some were refused.

Going down drops them: keep the definitions (`lamo-cds clients list --json`) to add them again.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

TABLES = ("client", "seen_token", "refused_token")


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "client",
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("definition", sa.String(), nullable=False),
        sa.Column("changed_at", sa.String(), nullable=False),
        sa.Column("disabled_at", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("name", name="pk_client"),
    )
    op.create_table(
        "seen_token",
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_seen_token"),
    )
    op.create_index("ix_seen_token_expires_at", "seen_token", ["expires_at"])
    op.create_table(
        "refused_token",
        sa.Column("minute", sa.String(27), nullable=False),
        sa.Column("client", sa.String(64), nullable=False),
        sa.Column("reason", sa.String(32), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("detail", sa.String(), nullable=False),
        sa.Column("request_id", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("minute", "client", "reason", name="pk_refused_token"),
    )


def downgrade() -> None:
    """Drop the tables with their rows."""
    for table in reversed(TABLES):
        op.drop_table(table)
