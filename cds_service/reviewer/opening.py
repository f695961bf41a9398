"""Whom one event is for, and whether with what is protected of it.

An event is opened by its id no further than the list in which it stands would show it.
"""

from uuid import UUID

from werkzeug.exceptions import NotFound

from cds_service.audit.log import EventUnknown, StoredEvent
from cds_service.reviewer.pages import MAY_SEE, Look, desk, record_look, viewer
from cds_service.reviewer.roles import PATIENTS
from cds_service.reviewer.viewer import Viewer

LISTS = {
    "access": "review.access_log",
    "administration": "review.changes",
    "retention": "review.changes",
}  # by kind, the list that it stands in


def found(event_id: UUID) -> StoredEvent:
    """The event, with what is protected for who may see that.

    Raises:
        NotFound: there is none, or it is not for the viewer; the latter is recorded.
    """
    try:
        stored = desk().log.find_event(str(event_id), is_opened=False)
    except EventUnknown:
        raise NotFound("no event has this id") from None
    if not _is_for(stored, viewer()):
        record_look(Look(looked_at=str(event_id)), outcome="denied")
        raise NotFound("no event has this id")
    if opens(stored, viewer()):
        return desk().log.find_event(str(event_id))
    return stored


def opens(stored: StoredEvent, who: Viewer) -> bool:
    """Whether somebody may see what is protected of an event that is for them."""
    allowed = {"compliance"} if stored.summary.kind in LISTS else PATIENTS
    return not who.roles.isdisjoint(allowed)


def _is_for(stored: StoredEvent, who: Viewer) -> bool:
    kind, user = stored.summary.kind, stored.body.get("user")
    endpoint = LISTS.get(kind, "review.search")
    is_own = kind == "access" and user == who.user
    return is_own or not who.roles.isdisjoint(MAY_SEE[endpoint])
