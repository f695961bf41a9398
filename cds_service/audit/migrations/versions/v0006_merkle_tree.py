"""The tables leaf, tile and head: the Merkle tree over the events, and what was signed of it."""

import sqlalchemy as sa
from alembic import op
from alembic.util import CommandError

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
    if op.get_bind().dialect.name == "postgresql":
        _refuse_changes_on_postgresql()
    else:
        _refuse_changes_on_sqlite()


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


def _refuse_changes_on_postgresql() -> None:
    for table in TABLES:
        op.execute(
            f"CREATE TRIGGER {table}_refuses_change BEFORE UPDATE OR DELETE OR TRUNCATE "
            f"ON {table} FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse_change()"
        )


def _refuse_changes_on_sqlite() -> None:
    for table in TABLES:
        refuse = "SELECT RAISE(ABORT, 'rows of the audit log are never changed')"
        for change in ("update", "delete"):
            op.execute(
                f"CREATE TRIGGER {table}_refuses_{change} BEFORE {change.upper()} ON {table} "
                f"BEGIN {refuse}; END"
            )
        op.execute(
            f"CREATE TRIGGER {table}_refuses_replace BEFORE INSERT ON {table} "
            f"WHEN EXISTS (SELECT 1 FROM {table} WHERE {SQLITE_SAME_ROW[table]}) "
            f"BEGIN {refuse}; END"
        )
