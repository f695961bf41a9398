"""The tables event, card and feedback, and the triggers that refuse every change of a row."""

import sqlalchemy as sa
from alembic import op
from alembic.util import CommandError

from cds_service.audit.migrations.append_only import refuse_changes

revision = "0001"
down_revision = None

TABLES = ("event", "card", "feedback")
# a row that these find is one that INSERT OR REPLACE would delete without a word
SQLITE_SAME_ROW = {
    "event": "event_id = NEW.event_id",
    "card": "card_uuid = NEW.card_uuid",
    "feedback": (
        "event_id = NEW.event_id OR (card_uuid = NEW.card_uuid AND outcome = NEW.outcome "
        "AND outcome_timestamp = NEW.outcome_timestamp)"
    ),
}


def upgrade() -> None:
    """Create the tables, then close them to all but INSERT and SELECT."""
    _create_event()
    _create_card()
    _create_feedback()
    if op.get_bind().dialect.name == "postgresql":
        _create_refusing_function()
    refuse_changes(SQLITE_SAME_ROW)


def downgrade() -> None:
    """Drop the tables while they are empty; an audit log with events is never dropped by code."""
    events = op.get_bind().execute(sa.text("SELECT count(*) FROM event")).scalar_one()
    if events:
        raise CommandError(
            f"the audit log holds {events} events and is not dropped: "
            "keep the database, and start a new one elsewhere"
        )
    for table in reversed(TABLES):
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION audit_refuse_change()")


def _create_event() -> None:
    op.create_table(
        "event",
        sa.Column("event_id", sa.String(36), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("recorded_at", sa.String(), nullable=False),
        sa.Column("service_id", sa.String()),
        sa.Column("hook", sa.String()),
        sa.Column("hook_instance", sa.String()),
        sa.Column("client", sa.String(), nullable=False),
        sa.Column("user_ref", sa.String()),
        sa.Column("patient_id", sa.String()),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("card_count", sa.Integer(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("event_id", name="pk_event"),
        sa.CheckConstraint("length(event_id) = 36", name=op.f("ck_event_event_id_is_a_uuid")),
    )
    op.create_index("ix_event_hook_instance", "event", ["hook_instance"])
    op.create_index("ix_event_patient_id", "event", ["patient_id"])


def _create_card() -> None:
    op.create_table(
        "card",
        sa.Column("card_uuid", sa.String(255), nullable=False),
        sa.Column("event_id", sa.String(36), nullable=False),
        sa.PrimaryKeyConstraint("card_uuid", name="pk_card"),
        sa.ForeignKeyConstraint(["event_id"], ["event.event_id"], name="fk_card_event_id_event"),
    )
    op.create_index("ix_card_event_id", "card", ["event_id"])


def _create_feedback() -> None:
    op.create_table(
        "feedback",
        sa.Column("event_id", sa.String(36), nullable=False),
        sa.Column("card_uuid", sa.String(255), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("outcome_timestamp", sa.String(), nullable=False),
        sa.Column("decision_event_id", sa.String(36)),
        sa.PrimaryKeyConstraint("event_id", name="pk_feedback"),
        sa.ForeignKeyConstraint(
            ["event_id"], ["event.event_id"], name="fk_feedback_event_id_event"
        ),
        sa.ForeignKeyConstraint(
            ["decision_event_id"], ["event.event_id"], name="fk_feedback_decision_event_id_event"
        ),
        sa.UniqueConstraint(
            "card_uuid", "outcome", "outcome_timestamp", name="uq_feedback_card_uuid"
        ),
    )
    op.create_index("ix_feedback_decision_event_id", "feedback", ["decision_event_id"])


def _create_refusing_function() -> None:
    op.execute(
        "CREATE FUNCTION audit_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "RAISE EXCEPTION 'rows of the audit log are never changed: % on % refused', "
        "TG_OP, TG_TABLE_NAME; END $$"
    )
