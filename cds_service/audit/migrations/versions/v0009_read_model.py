"""The read model: how far projections have come, and the tables that they fill."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


INDEXES = {
    "group": ["group_id", "event_id"],
    "patient": ["patient", "group_id", "event_id"],
    "user": ["user_ref", "group_id", "event_id"],
    "request": ["request_id", "event_id"],
}
TABLES = ("projection", "search_group", "search_event", "search_term", "saved_filter")


def upgrade() -> None:
    """Create the tables, empty: projections fill them from the first leaf on."""
    op.create_table(
        "projection",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("next_leaf", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_projection"),
    )
    op.create_table(
        "search_group",
        sa.Column("group_id", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("client", sa.String(), nullable=False),
        sa.Column("service_id", sa.String(), nullable=True),
        sa.Column("hook", sa.String(), nullable=True),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=True),
        sa.Column("detail", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("group_id", name="pk_search_group"),
    )
    op.create_table(
        "search_event",
        sa.Column("event_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("group_id", sa.Integer(), nullable=False),
        sa.Column("recorded_at", sa.String(), nullable=False),
        sa.Column("user_ref", sa.String(), nullable=True),
        sa.Column("patient", sa.String(32), nullable=True),
        sa.Column("request_id", sa.String(), nullable=True),
        sa.Column("card_count", sa.Integer(), nullable=False),
        sa.Column("about", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("event_id", name="pk_search_event"),
    )
    for name, columns in INDEXES.items():
        op.create_index(f"ix_search_event_{name}", "search_event", columns)
    op.create_table(
        "search_term",
        sa.Column("term", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("group_id", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("event_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.PrimaryKeyConstraint("term", "group_id", "event_id", name="pk_search_term"),
    )
    op.create_table(
        "saved_filter",
        sa.Column("account", sa.String(255), nullable=False),
        sa.Column("name", sa.String(60), nullable=False),
        sa.Column("query", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("account", "name", name="pk_saved_filter"),
    )


def downgrade() -> None:
    """Drop the tables: but for saved filters, what they hold can be derived again."""
    for table in reversed(TABLES):
        op.drop_table(table)
