"""The tables override_count, card_outcome and drift_day: counts that pages show.

They are derived from events: `lamo-cds audit reindex` makes anew what they hold.
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

TABLES = ("override_count", "card_outcome", "drift_day")
CELL = {
    "facet": 10,
    "rule": 64,
    "month": 7,
    "rxcui": 64,
    "service_id": 64,
    "client": 255,
    "model": 100,
    "reason": 64,
}


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "override_count",
        *(sa.Column(name, sa.String(length), nullable=False) for name, length in CELL.items()),
        *(
            sa.Column(name, sa.Integer(), nullable=False)
            for name in ("shown", "accepted", "overridden", "contradicted")
        ),
        sa.PrimaryKeyConstraint(*CELL, name="pk_override_count"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_override_count_rxcui", "override_count", ["facet", "rxcui", "month"])
    op.create_table(
        "card_outcome",
        sa.Column("card_uuid", sa.String(255), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("is_contradicted", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("card_uuid", name="pk_card_outcome"),
    )
    op.create_table(
        "drift_day",
        sa.Column("day", sa.String(10), nullable=False),
        sa.Column("service_id", sa.String(64), nullable=False),
        sa.Column("model", sa.String(100), nullable=False),
        sa.Column("counts", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("day", "service_id", "model", name="pk_drift_day"),
    )


def downgrade() -> None:
    """Drop the tables: nothing in them is not in the events."""
    for table in reversed(TABLES):
        op.drop_table(table)
