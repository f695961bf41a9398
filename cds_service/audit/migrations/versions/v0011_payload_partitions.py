"""Table payload on PostgreSQL in one partition a month; SQLite has none.

Rights that were granted on the table are to be granted again: `lamo-cds db grant`.
"""

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Connection

from cds_service.audit.ids import first_event_id
from cds_service.audit.partitions import make_partitions
from cds_service.audit.unsequenced import id_ms

revision = "0011"
down_revision = "0010"

OLDEST = timedelta(days=10 * 365)  # older rows stand in the default partition
COLUMNS = "event_id, patient, period, ciphertext"
UNPARTED = "payload_unparted"


def upgrade() -> None:
    """Make the parted table beside the other, move the rows, and put it in its place."""
    connection = op.get_bind()
    if connection.dialect.name == "postgresql":
        _set_aside()
        _create(" PARTITION BY RANGE (event_id)")
        op.execute("CREATE TABLE payload_default PARTITION OF payload DEFAULT")
        _make_months(connection)
        _move()
        # a statement may name a partition itself
        _refuse_updates("payload_refuses_row_update", "ROW")


def downgrade() -> None:
    """One table again, with the same rows."""
    if op.get_bind().dialect.name == "postgresql":
        _set_aside()
        _create("")
        _move()


def _set_aside() -> None:
    """The names of its indexes are wanted by the other one."""
    op.execute(f"ALTER TABLE payload RENAME TO {UNPARTED}")
    for index in ("pk_payload", "ix_payload_patient", "ix_payload_period"):
        op.execute(f"ALTER INDEX {index} RENAME TO {index}_unparted")


def _create(parted: str) -> None:
    op.execute(
        "CREATE TABLE payload (event_id VARCHAR(36) NOT NULL, patient VARCHAR(32), "
        "period VARCHAR(7), ciphertext BYTEA NOT NULL, "
        "CONSTRAINT pk_payload PRIMARY KEY (event_id), "
        "CONSTRAINT fk_payload_event_id_event FOREIGN KEY (event_id) REFERENCES event (event_id), "
        "CONSTRAINT fk_payload_patient_patient FOREIGN KEY (patient) REFERENCES patient (pid), "
        "CONSTRAINT fk_payload_period_period FOREIGN KEY (period) REFERENCES period (period), "
        f"CONSTRAINT ck_payload_one_key CHECK ((patient IS NULL) <> (period IS NULL))){parted}"
    )
    for column in ("patient", "period"):
        op.create_index(f"ix_payload_{column}", "payload", [column])
    _refuse_updates("payload_refuses_update", "STATEMENT")


def _refuse_updates(name: str, each: str) -> None:
    op.execute(
        f"CREATE TRIGGER {name} BEFORE UPDATE ON payload "
        f"FOR EACH {each} EXECUTE FUNCTION audit_refuse_change()"
    )


def _make_months(connection: Connection) -> None:
    """From the oldest row on, if that is not too old, to two years from now."""
    now = datetime.now(UTC)
    floor = first_event_id(now - OLDEST)
    oldest = sa.text(f"SELECT min(event_id) FROM {UNPARTED} WHERE event_id >= :floor")  # noqa: S608
    event_id = connection.execute(oldest, {"floor": floor}).scalar_one()
    begin = now if event_id is None else datetime.fromtimestamp(id_ms(event_id) / 1000, UTC)
    make_partitions(connection, min(begin, now), 24 + _apart(begin, now))


def _apart(begin: datetime, end: datetime) -> int:
    return max(0, (end.year - begin.year) * 12 + end.month - begin.month)


def _move() -> None:
    op.execute(f"INSERT INTO payload ({COLUMNS}) SELECT {COLUMNS} FROM {UNPARTED}")  # noqa: S608
    op.execute(f"DROP TABLE {UNPARTED}")
