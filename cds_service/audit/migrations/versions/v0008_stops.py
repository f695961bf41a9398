"""The stop switch, and which events tell what was served.

Going down drops both: everything is switched on again, and the events stay.
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "stop",
        sa.Column("scope", sa.String(16), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("since", sa.String(), nullable=False),
        sa.Column("by_user", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("scope", "name", name="pk_stop"),
        sa.CheckConstraint("scope IN ('service', 'rule')", name="ck_stop_scope_is_known"),
    )
    op.create_table(
        "served",
        sa.Column("number", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("event_id", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_served"),
        sa.ForeignKeyConstraint(["event_id"], ["event.event_id"], name="fk_served_event_id_event"),
    )


def downgrade() -> None:
    """Drop the tables with their rows."""
    op.drop_table("served")
    op.drop_table("stop")
