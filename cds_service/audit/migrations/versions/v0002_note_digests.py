"""The table note_digest: a cache of what was read in clinical notes, every row sealed.

Unlike the audit log it may lose rows: they are made anew from the notes. So no trigger refuses
changes, and going down drops it with what it holds.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "note_digest",
        sa.Column("note_key", sa.String(64), nullable=False),
        sa.Column("patient", sa.String(64), nullable=False),
        sa.Column("reader", sa.String(), nullable=False),
        sa.Column("made_at", sa.String(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("note_key", name="pk_note_digest"),
        sa.CheckConstraint("length(note_key) = 64", name=op.f("ck_note_digest_note_key_is_hmac")),
    )
    op.create_index("ix_note_digest_patient", "note_digest", ["patient"])
    op.create_index("ix_note_digest_made_at", "note_digest", ["made_at"])


def downgrade() -> None:
    """Drop the table with its rows."""
    op.drop_table("note_digest")
