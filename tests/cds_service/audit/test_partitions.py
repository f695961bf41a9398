"""Payloads stand by month on PostgreSQL, and what has expired goes a month at a time."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import ProgrammingError

from cds_service.audit.database import open_engine
from cds_service.audit.ids import first_event_id
from cds_service.audit.keeping import Keeper
from cds_service.audit.log import AuditLog
from cds_service.audit.migrate import downgrade, upgrade
from cds_service.audit.partitions import make_partitions, months, rows_without_month
from cds_service.audit.vault import Whom
from cds_service.keys.service import KeyService
from tests.cds_service.audit.test_entries import decision
from tests.cds_service.postgres import PostgresServer

pytest_plugins = ["tests.cds_service.audit_fixtures"]
JANUARY = datetime(2017, 1, 1, tzinfo=UTC)


@pytest.fixture
def url(postgres_server: PostgresServer) -> str:
    url = postgres_server.new_database()
    upgrade(url)
    return url


@pytest.fixture
def log(url: str, audit_keys: KeyService) -> Iterator[AuditLog]:
    log = AuditLog(url, audit_keys, timeout_s=60, clock=lambda: JANUARY)
    yield log
    log.close()


@pytest.fixture
def connection(url: str) -> Iterator[Connection]:
    engine = open_engine(url, timeout_s=60, read_only=True)
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def append(log: AuditLog, moment: datetime, patient: str) -> None:
    log.append_decision(decision(event_id=first_event_id(moment), patient_id=patient))


def partitions(connection: Connection) -> dict[str, int]:
    query = "SELECT tableoid::regclass::text, count(*) FROM payload GROUP BY 1"
    return {row[0]: row[1] for row in connection.execute(text(query))}


def has(connection: Connection, name: str) -> bool:
    found = connection.execute(text(f"SELECT to_regclass('{name}') IS NOT NULL"))
    return bool(found.scalar_one())


def test_months_follow_each_other_over_a_year() -> None:
    found = [f"{month:%Y-%m}" for month in months(datetime(2026, 11, 30, tzinfo=UTC), 3)]
    assert found == ["2026-11", "2026-12", "2027-01"]


def test_two_years_are_made_ahead(connection: Connection) -> None:
    (*_, last) = months(datetime.now(UTC), 25)
    assert has(connection, f"payload_{last:%Y_%m}")


def test_rows_stand_in_their_month_after_every_migration(
    log: AuditLog, url: str, connection: Connection, audit_keys: KeyService
) -> None:
    now = datetime.now(UTC)
    append(log, now, "one")
    append(log, JANUARY, "two")
    month = f"payload_{now:%Y_%m}"
    assert partitions(connection) == {month: 1, "payload_default": 1}
    downgrade(url, "0010", audit_keys)
    assert partitions(connection) == {"payload": 2}
    upgrade(url)  # which makes a month for every row that is there
    assert partitions(connection) == {month: 1, "payload_2017_01": 1}
    assert log.find_event(first_event_id(now)).protected == "open"


def test_rows_without_a_month_move_when_it_is_made(log: AuditLog, connection: Connection) -> None:
    append(log, JANUARY, "one")
    assert rows_without_month(connection) == 1
    make_partitions(connection, JANUARY, ahead=0)
    assert rows_without_month(connection) == 0
    assert partitions(connection) == {"payload_2017_01": 1}


def test_a_month_goes_as_a_whole_unless_something_is_held(
    log: AuditLog, url: str, connection: Connection, audit_keys: KeyService
) -> None:
    make_partitions(connection, JANUARY, ahead=2)
    for days, patient in ((0, "one"), (1, "two"), (35, "two"), (70, "two")):
        append(log, JANUARY + timedelta(days=days), patient)
    keeper = Keeper(url, audit_keys)
    keeper.hold(Whom(client="https://ehr.example.org", patient_id="one"))
    gone = keeper.purge(datetime(2017, 3, 2, tzinfo=UTC))
    keeper.close()
    assert gone.payloads == 2
    assert not has(connection, "payload_2017_02")
    assert partitions(connection) == {"payload_2017_01": 1, "payload_2017_03": 1}


def test_no_payload_is_changed_by_way_of_its_month(log: AuditLog, connection: Connection) -> None:
    append(log, JANUARY, "one")
    for table in ("payload", "payload_default"):
        with pytest.raises(ProgrammingError, match="never changed"):
            connection.execute(text(f"UPDATE {table} SET ciphertext = ''"))  # noqa: S608
