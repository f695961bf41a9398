"""Rows of two patients are exchanged by somebody who owns the database: nobody acts on them.

Keys are bound to what their patient is found by; those of an older release are not, and there the
decisions under seal tell whose they are.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Connection, select, update

from cds_service.audit.database import AuditFailure, open_engine
from cds_service.audit.keeping import Keeper
from cds_service.audit.log import AuditLog
from cds_service.audit.models import PatientRow
from cds_service.audit.read_model.reading import ReadModel
from cds_service.audit.vault import Vault, Whom
from cds_service.audit.verify import Asked, verify_log
from cds_service.keys.service import KeyService
from cds_service.keys.signing import FILE, SigningFile
from tests.cds_service.audit.evidence_fixtures import var_dir
from tests.cds_service.audit.test_entries import decision

pytest_plugins = ["tests.cds_service.audit_fixtures"]
__all__ = ["var_dir"]
CLIENT = decision().client
ONE, OTHER = (Whom(client=CLIENT, patient_id=name) for name in ("patient-1", "patient-2"))


@pytest.fixture
def two(audit_log: AuditLog) -> AuditLog:
    """A log with a decision of each of two patients."""
    for whom in (ONE, OTHER):
        audit_log.append_decision(decision(patient_id=whom.patient_id))
    return audit_log


@pytest.fixture
def keeper(audit_url: str, audit_keys: KeyService) -> Iterator[Keeper]:
    made = Keeper(audit_url, audit_keys)
    yield made
    made.close()


@pytest.fixture
def asked(var_dir: Path, audit_keys: KeyService) -> Asked:
    return Asked(first_key=SigningFile(var_dir / FILE).read().keys[0], keys=audit_keys)


def no_notes(patient_id: str) -> int:
    del patient_id
    return 0


def set_row(connection: Connection, pid: str, **values: object) -> None:
    connection.execute(update(PatientRow).where(PatientRow.pid == pid).values(**values))


def rows_of(connection: Connection) -> list[tuple[str, str, str, bytes]]:
    rows = connection.execute(select(PatientRow.__table__).order_by(PatientRow.pid))
    return [(row.pid, row.lookup, row.key_id, row.wrapped_key) for row in rows]


def exchange(url: str) -> list[str]:
    """Exchange what both patients are found by; their pids."""
    engine = open_engine(url)
    with engine.begin() as connection:
        (one, its, *_), (other, others, *_) = rows_of(connection)
        for pid, lookup in ((one, "on its way"), (other, its), (one, others)):
            set_row(connection, pid, lookup=lookup)
    engine.dispose()
    return [one, other]


def loosen(url: str, keys: KeyService) -> None:
    """Wrap the keys as an older release did: for the pid alone."""
    engine = open_engine(url)
    with engine.begin() as connection:
        for row in rows_of(connection):
            wrapped = keys.wrap(Vault(keys).of_patient(*row).key, f"audit patient {row[0]}")
            set_row(connection, row[0], wrapped_key=wrapped.wrapped)
    engine.dispose()


@pytest.fixture(params=["bound", "of an older release"])
def exchanged(
    request: pytest.FixtureRequest, two: AuditLog, audit_url: str, audit_keys: KeyService
) -> list[str]:
    """The pids of two patients whose rows were exchanged."""
    if request.param != "bound":
        loosen(audit_url, audit_keys)
    return exchange(audit_url)


def test_nobody_lists_searches_erases_or_holds_another_patient(
    exchanged: list[str], two: AuditLog, keeper: Keeper, audit_url: str, audit_keys: KeyService
) -> None:
    model = ReadModel(audit_url, audit_keys, timeout_s=60)
    for work in (
        lambda: two.list_events(patient=ONE),
        lambda: model.pid(ONE),
        lambda: keeper.erase(ONE, no_notes),
        lambda: keeper.hold(OTHER),
        lambda: keeper.release(OTHER),
    ):
        with pytest.raises(AuditFailure) as refused:
            work()
        assert "audit verify` names" in refused.value.reason
    model.close()
    assert [one.kind for one in two.list_events()] == ["decision", "decision"]


def test_verification_names_both_rows(exchanged: list[str], audit_url: str, asked: Asked) -> None:
    told = verify_log(audit_url, asked).failed["keys"]
    assert [line.split(":")[0] for line in told] == [f"patient {pid}" for pid in exchanged]
    without = verify_log(audit_url, replace(asked, keys=None))
    assert ("keys" in without.checked, "keys" in without.failed) == (False, False)


def test_a_call_about_an_exchanged_patient_is_refused(two: AuditLog, audit_url: str) -> None:
    exchange(audit_url)
    with pytest.raises(AuditFailure, match="in time"):
        two.append_decision(decision(patient_id=ONE.patient_id))


def test_keys_of_an_older_release_open_and_are_bound_by_a_rotation(
    two: AuditLog, keeper: Keeper, audit_url: str, audit_keys: KeyService, asked: Asked
) -> None:
    loosen(audit_url, audit_keys)
    two.append_decision(decision(patient_id=ONE.patient_id))
    assert len(two.list_events(patient=ONE)) == 2
    found = verify_log(audit_url, asked)
    assert ("keys" in found.failed, "2 keys of patients" in "".join(found.notes)) == (False, True)
    assert [keeper.rotate(), keeper.rotate()] == [2, 0]
    assert not any("keys of patients" in note for note in verify_log(audit_url, asked).notes)
    assert {one.patient_id for one in two.list_events(patient=ONE)} == {ONE.patient_id}


def test_a_rotation_binds_no_row_that_was_exchanged(
    two: AuditLog, keeper: Keeper, audit_url: str, audit_keys: KeyService, asked: Asked
) -> None:
    loosen(audit_url, audit_keys)
    exchange(audit_url)
    assert keeper.rotate() == 0
    assert len(verify_log(audit_url, asked).failed["keys"]) == 2
    exchange(audit_url)  # as it is given back
    assert (keeper.rotate(), "keys" in verify_log(audit_url, asked).failed) == (2, False)
