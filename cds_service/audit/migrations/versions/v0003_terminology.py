"""The tables of a hospital's drug terminology: one release, replaced as a whole.

Like the digests they may lose rows: the release is loaded again. Going down drops them.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

TABLES = (
    "terminology_release",
    "terminology_concept",
    "terminology_ingredient",
    "terminology_code",
)


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "terminology_release",
        sa.Column("source", sa.String(16), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("loaded_at", sa.String(), nullable=False),
        sa.Column("concepts", sa.Integer(), nullable=False),
        sa.Column("codes", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("source", name="pk_terminology_release"),
    )
    op.create_table(
        "terminology_concept",
        sa.Column("rxcui", sa.String(16), nullable=False),
        sa.Column("tty", sa.String(8), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("rxcui", name="pk_terminology_concept"),
    )
    op.create_table(
        "terminology_ingredient",
        sa.Column("rxcui", sa.String(16), nullable=False),
        sa.Column("ingredient", sa.String(16), nullable=False),
        sa.PrimaryKeyConstraint("rxcui", "ingredient", name="pk_terminology_ingredient"),
    )
    op.create_table(
        "terminology_code",
        sa.Column("system", sa.String(64), nullable=False),
        sa.Column("code", sa.String(16), nullable=False),
        sa.Column("rxcui", sa.String(16), nullable=False),
        sa.PrimaryKeyConstraint("system", "code", "rxcui", name="pk_terminology_code"),
    )


def downgrade() -> None:
    """Drop the tables with their rows."""
    for table in reversed(TABLES):
        op.drop_table(table)
