"""Whose row of the table `patient` it is. No trigger guards that table: keys come and go in it.

A patient is found by a lookup, and the key of the row opens for that lookup alone. A key that an
older release wrapped opens whatever lookup stands beside it: there the patient's decisions, which
tell client and patient id under seal, have to name the same patient.
"""

from collections.abc import Iterator

from sqlalchemy import Connection, select

from cds_service.audit.database import AuditFailure
from cds_service.audit.findings import Findings
from cds_service.audit.models import EventRow, PayloadRow
from cds_service.audit.payloads import open_stored
from cds_service.audit.typed import LogAltered, read_body
from cds_service.audit.vault import DataKey, Vault, Whom
from cds_service.keys.service import NotOpened

AT_ONCE = 2000  # rows


def pid_of(connection: Connection, vault: Vault, whom: Whom) -> str | None:
    """What stands for a patient in events; None when nothing is kept of them (any more).

    Raises:
        AuditFailure: the row that they are found by is not theirs, or its key does not unwrap.
    """
    key = vault.known_key(connection, whom)
    if key is None:
        return None
    if not key.is_bound and is_anothers(connection, vault, key):
        raise AuditFailure(
            "the row that this patient is found by holds another's key: rows of the table patient "
            "were exchanged. `lamo-cds audit verify` names them; give back `lookup` from a backup"
        )
    return key.patient


def is_anothers(connection: Connection, vault: Vault, key: DataKey) -> bool:
    """Whether a decision under a patient's key is of another patient than the row's."""
    return any(lookup != key.lookup for lookup in _told(connection, vault, key))


def check_keys(connection: Connection, vault: Vault, findings: Findings) -> None:
    """Tell which keys do not unwrap or stand in another's row, of all that are stored."""
    loose = 0
    for kind in vault.kinds():
        what = kind.model.__tablename__
        query = kind.query.order_by(kind.name)
        for row in connection.execute(query, execution_options={"yield_per": AT_ONCE}):
            try:
                key = kind.read(*row)
            except AuditFailure as closed:
                findings.add("keys", f"{what} {row[0]}: {closed.reason}")
                continue
            loose += not key.is_bound
            if not key.is_bound and is_anothers(connection, vault, key):
                told = f"{what} {row[0]}: its row is found by the lookup of another patient"
                findings.add("keys", told)
    if loose:
        findings.notes.append(
            f"{loose} keys of patients are of an older release, and open in any row: run "
            "`lamo-cds audit rotate-keys` once, which binds each to its own"
        )


def _told(connection: Connection, vault: Vault, key: DataKey) -> Iterator[str]:
    """The lookup of whom each decision names that opens; what does not open names nobody."""
    query = (
        select(EventRow.event_id, EventRow.body, PayloadRow.ciphertext)
        .join(PayloadRow, PayloadRow.event_id == EventRow.event_id)
        .where(PayloadRow.patient == key.patient, EventRow.kind == "decision")
    )
    for row in connection.execute(query):
        try:
            private = open_stored(row.ciphertext, row.event_id, key.key)
            client = read_body(row.event_id, row.body)["client"]
        except (NotOpened, LogAltered, LookupError):
            continue  # other checks tell it
        yield vault.lookup(Whom(client=str(client), patient_id=private["patient_id"]))
