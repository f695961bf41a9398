"""The tables leaf, tile and head: the Merkle tree over the events, and what was signed of it."""

import sqlalchemy as sa
from alembic import op
from alembic.util import CommandError

from cds_service.audit.migrations.append_only import refuse_changes

revision = "0006"
down_revision = "0005"

TABLES = ("leaf", "tile", "head")
# a row that these find is one that INSERT OR REPLACE would delete without a word
SQLITE_SAME_ROW = {
    "leaf": "leaf_index = NEW.leaf_index OR event_id = NEW.event_id",
    "tile": "level = NEW.level AND tile_index = NEW.tile_index",
    "head": "number = NEW.number",
}


def upgrade() -> None:
    """Create the tables, then close them to all but INSERT and SELECT."""
    op.create_table(
        "leaf",
        sa.Column("leaf_index", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("event_id", sa.String(), nullable=False),
        sa.Column("leaf_hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("leaf_index", name="pk_leaf"),
        sa.UniqueConstraint("event_id", name="uq_leaf_event_id"),
        sa.ForeignKeyConstraint(["event_id"], ["event.event_id"], name="fk_leaf_event_id_event"),
    )
    op.create_table(
        "tile",
        sa.Column("level", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("tile_index", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("hashes", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("level", "tile_index", name="pk_tile"),
    )
    op.create_table(
        "head",
        sa.Column("number", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("tree_size", sa.BigInteger(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_head"),
    )
    refuse_changes(SQLITE_SAME_ROW)


def downgrade() -> None:
    """Drop the tables while they are empty; what was signed is never dropped by code."""
    heads = op.get_bind().execute(sa.text("SELECT count(*) FROM head")).scalar_one()
    if heads:
        raise CommandError(
            f"the audit log holds {heads} signed heads and is not taken apart: "
            "keep the database, and start a new one elsewhere"
        )
    for table in reversed(TABLES):
        op.drop_table(table)
