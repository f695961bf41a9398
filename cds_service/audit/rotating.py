"""Changing the key that heads are signed with: a head that names the new one, and an event."""

from sqlalchemy import Connection

from cds_service.audit.administering import TIMEOUT_S, check_keys
from cds_service.audit.entries import OPERATOR, AdministrationEntry
from cds_service.audit.heads import rotate_key
from cds_service.audit.ids import new_event_id
from cds_service.audit.log import AuditLog
from cds_service.keys.service import KeyService
from cds_service.keys.signing import SigningFile


def rotate_signing_key(database_url: str, keys: KeyService, signing: SigningFile) -> str:
    """Rotate it, and say so in the log, both or neither.

    Returns:
        The new key, as NAME+ID+KEY.

    Raises:
        AuditFailure: the head before was not signed with these keys, or the database fails.
        KeysRefused: the keys cannot be used, or not be replaced.
    """
    rotated: list[str] = []

    def change(connection: Connection) -> None:
        rotated.append(rotate_key(connection, signing))

    entry = AdministrationEntry(
        event_id=new_event_id(),
        request_id=None,
        user=OPERATOR,
        action="rotate-signing-key",
        subject=signing.path.name,
    )
    check_keys(database_url, keys)
    log = AuditLog(database_url, keys, timeout_s=TIMEOUT_S)
    try:
        log.append_administration(entry, change)
    finally:
        log.close()
    return rotated[-1]
