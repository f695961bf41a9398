"""The blueprint of the app, and what its views share."""

import hmac
import re

from flask import Blueprint, current_app, g, request

from cds_service.audit.entries import AccessEntry
from cds_service.audit.ids import new_event_id
from cds_service.audit.log import EventUnknown
from cds_service.audit.reading import StoredEvent
from cds_service.clients.client import RegisteredClient
from cds_service.smart.cookies import Jar
from cds_service.smart.desk import SmartDesk
from cds_service.smart.errors import AppRefused, NotKept, NotYours, SessionOver
from cds_service.smart.sessions import Session
from cds_service.smart.users import kind_of

PAGE = "evidence"  # as the audit log names it
smart = Blueprint(
    "smart",
    __name__,
    template_folder="templates",
    static_folder="static",
    static_url_path="/smart/static",
)


def desk() -> SmartDesk:
    """What the page works with."""
    found: SmartDesk = current_app.extensions["smart"]
    return found


def jar() -> Jar:
    """How cookies are given to the browser that asks."""
    origins = desk().frame_origins()
    return Jar(is_secure=desk().is_secure, is_framed=bool(origins))


def banners() -> dict[str, bool]:
    """What no page may leave out: see templates/smart/base.html."""
    found: dict[str, bool] = current_app.extensions["smart_banners"]
    return found


def session_of(handle: str) -> tuple[Session, RegisteredClient]:
    """Who looks, and by which client's leave.

    Raises:
        SessionOver: nobody, not any more, or their client is disabled.
    """
    is_handle = re.fullmatch(r"[A-Za-z0-9_-]{16}", handle) is not None
    cookie = request.cookies.get(jar().name("look", handle), "") if is_handle else ""
    session = desk().sessions.find(cookie) if cookie else None
    listed = desk().registry.by_name(session.client) if session else None
    if session is None or listed is None or listed.disabled_at is not None:
        raise SessionOver
    g.frame_client = session.client
    return session, listed.client


def refuse_foreign_form(session: Session) -> None:
    """Return when a form that was sent is one of this session's page.

    Raises:
        AppRefused: it is not.
    """
    shown = request.form.get("csrf", "")
    is_ours = request.headers.get("Sec-Fetch-Site", "same-origin") == "same-origin"
    if not is_ours or not hmac.compare_digest(shown.encode(), session.csrf.encode()):
        raise AppRefused("The form is not of this page. Open the page again, and send it again.")


def decision_of(session: Session) -> StoredEvent:
    """The decision that the card was of, when it is this client's and about this patient.

    Raises:
        NotYours: it is another's, or there is none; recorded.
        NotKept: what is protected of it is gone or cannot be opened.
    """
    try:
        stored = desk().tools.audit_log.find_event(session.event_id)
    except EventUnknown:
        stored = None
    if stored is None or stored.summary.kind != "decision":
        record_look(session, outcome="denied")
        raise NotYours
    is_opened = stored.protected == "open"
    is_theirs = stored.body.get("patient_id") == session.patient_id or not is_opened
    if stored.summary.client != session.client or not is_theirs:
        record_look(session, outcome="denied")
        raise NotYours
    if not is_opened or stored.is_altered:
        raise NotKept
    return stored


def record_look(session: Session, *, left_out: int = 0, outcome: str = "seen") -> None:
    """Commit that somebody looks, before anything is shown."""
    entry = AccessEntry(
        event_id=new_event_id(),
        request_id=g.request_id,
        user=session.user,
        roles=[kind_of(session.user)],
        page=PAGE,
        outcome="denied" if outcome == "denied" else "seen",
        looked_at=session.event_id,
        filters={"left_out": left_out} if left_out else {},
        patient_client=session.client,
        patient_id=session.patient_id,
        client=session.client,
    )
    desk().tools.audit_log.append_access(entry)
