"""What is protected leaves the bodies of events for the table payload, encrypted.

Going up parts every event that is there, and needs the keys for that; going down opens what still
opens, and of what was erased or has expired leaves what the body says. The rows of the log are
closed to changes: the triggers that see to it are lifted and put back in the same transaction.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from alembic import context, op
from alembic.util import CommandError
from sqlalchemy import Connection

from cds_service.audit.migrate import mark_for_rewrite
from cds_service.audit.migrations.schema_1 import join_all, part_all
from cds_service.audit.vault import Vault

revision = "0005"
down_revision = "0004"

CLOSED = ("event", "card", "feedback")


def upgrade() -> None:
    """Make the tables, part what is there, and close the log again."""
    connection = op.get_bind()
    _create_tables()
    op.create_index("ix_payload_patient", "payload", ["patient"])
    op.create_index("ix_payload_period", "payload", ["period"])
    with _open_to_changes(connection):
        op.add_column("event", sa.Column("patient", sa.String(32)))
        if _has_events(connection):
            part_all(connection, _vault())
            mark_for_rewrite(connection)
        op.drop_index("ix_event_patient_id", "event")
        op.drop_column("event", "patient_id")
        op.create_index("ix_event_patient", "event", ["patient"])
    _refuse_updates(connection)


def downgrade() -> None:
    """Put together what opens, then drop the tables with the keys."""
    connection = op.get_bind()
    with _open_to_changes(connection):
        op.add_column("event", sa.Column("patient_id", sa.String()))
        if _has_events(connection):
            join_all(connection, _vault())
        op.drop_index("ix_event_patient", "event")
        op.drop_column("event", "patient")
        op.create_index("ix_event_patient_id", "event", ["patient_id"])
    for table in ("hold", "payload", "period", "patient"):
        op.drop_table(table)


def _create_tables() -> None:
    key = (
        ("key_id", sa.String(64)),
        ("wrapped_key", sa.LargeBinary()),
        ("created_at", sa.String()),
    )
    op.create_table(
        "patient",
        sa.Column("lookup", sa.String(64), nullable=False),
        sa.Column("pid", sa.String(32), nullable=False),
        *(sa.Column(name, kind, nullable=False) for name, kind in key),
        sa.PrimaryKeyConstraint("lookup", name="pk_patient"),
        sa.UniqueConstraint("pid", name="uq_patient_pid"),
    )
    op.create_table(
        "period",
        sa.Column("period", sa.String(7), nullable=False),
        *(sa.Column(name, kind, nullable=False) for name, kind in key),
        sa.PrimaryKeyConstraint("period", name="pk_period"),
    )
    op.create_table(
        "payload",
        sa.Column("event_id", sa.String(36), nullable=False),
        sa.Column("patient", sa.String(32)),
        sa.Column("period", sa.String(7)),
        sa.Column("ciphertext", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("event_id", name="pk_payload"),
        sa.ForeignKeyConstraint(["event_id"], ["event.event_id"], name="fk_payload_event_id_event"),
        sa.ForeignKeyConstraint(["patient"], ["patient.pid"], name="fk_payload_patient_patient"),
        sa.ForeignKeyConstraint(["period"], ["period.period"], name="fk_payload_period_period"),
        sa.CheckConstraint(
            "(patient IS NULL) <> (period IS NULL)", name=op.f("ck_payload_one_key")
        ),
    )
    op.create_table(
        "hold",
        sa.Column("subject", sa.String(32), nullable=False),
        sa.Column("placed_at", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("subject", name="pk_hold"),
    )


def _has_events(connection: Connection) -> bool:
    found = connection.execute(sa.text("SELECT count(*) FROM event")).scalar_one()
    return bool(found)


def _vault() -> Vault:
    keys = context.config.attributes["keys"]
    if keys is None:
        raise CommandError(
            "the events that it holds are encrypted in this release, and there are no keys: name "
            "the folder of the service's keys.json in VAR_DIR, or give them in LAMO_KEYS"
        )
    return Vault(keys)


@contextmanager
def _open_to_changes(connection: Connection) -> Iterator[None]:
    if connection.dialect.name == "postgresql":
        for table in CLOSED:
            op.execute(f"ALTER TABLE {table} DISABLE TRIGGER {table}_refuses_change")
        yield
        for table in CLOSED:
            op.execute(f"ALTER TABLE {table} ENABLE TRIGGER {table}_refuses_change")
        return
    query = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name IN :tables"
    asked = sa.text(query).bindparams(sa.bindparam("tables", expanding=True))
    triggers = connection.execute(asked, {"tables": CLOSED}).all()
    for name, _ in triggers:
        op.execute(f"DROP TRIGGER {name}")
    yield
    for _, statement in triggers:
        connection.exec_driver_sql(statement)


def _refuse_updates(connection: Connection) -> None:
    """A payload may go; it is never replaced."""
    if connection.dialect.name == "postgresql":
        op.execute(
            "CREATE TRIGGER payload_refuses_update BEFORE UPDATE ON payload "
            "FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse_change()"
        )
        return
    op.execute(
        "CREATE TRIGGER payload_refuses_update BEFORE UPDATE ON payload "
        "BEGIN SELECT RAISE(ABORT, 'rows of the audit log are never changed'); END"
    )
