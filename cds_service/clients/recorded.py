"""Changes of the registry as events: which client, and which members, never a key."""

from cds_service.audit.entries import OPERATOR, AdministrationEntry
from cds_service.audit.ids import new_event_id
from cds_service.audit.log import AuditLog
from cds_service.clients.registry import Change, Commit, Told


def recorded_in(log: AuditLog) -> Commit:
    """Makes each change together with its event, both or neither."""

    def commit(told: Told, change: Change) -> None:
        entry = AdministrationEntry(
            event_id=new_event_id(),
            request_id=None,
            user=OPERATOR,
            action=told.action,
            subject=told.client,
            details={"members": told.members},
        )
        log.append_administration(entry, change)

    return commit
