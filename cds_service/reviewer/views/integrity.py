"""How the log stands: its heads, what waits for its place, the last verification, kept heads."""

from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from flask import g, redirect, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import RequestEntityTooLarge

from cds_service.audit.checkpoint import NoteRefused
from cds_service.audit.entries import AdministrationEntry
from cds_service.audit.evidence import MOST_WAITING
from cds_service.audit.ids import new_event_id
from cds_service.audit.sequencer import IDLE_HEAD_S
from cds_service.audit.typed import LogAltered
from cds_service.audit.unsequenced import MERGE_DELAY_S
from cds_service.reviewer.pages import Look, Seen, desk, page, viewer
from cds_service.reviewer.roles import Role

WATCH: frozenset[Role] = frozenset({"compliance", "operator", "administrator"})
MOST_BYTES = 128 * 1024  # of kept heads: some 400 lines
LATE_S = 60.0  # for an hourly head to come


@page("/integrity", WATCH)
def integrity() -> Seen:
    """Show it."""
    return Seen(template="review/integrity.html", values=_standing() | {"compared": None})


@page("/integrity/verification", WATCH, methods=["POST"])
def start_verification() -> ResponseReturnValue:
    """Have the whole log verified aside, unless that is being done."""
    if not desk().verification.is_running():
        entry = AdministrationEntry(
            event_id=new_event_id(),
            request_id=g.request_id,
            user=viewer().user,
            action="start-verification",
            subject="audit log",
        )
        desk().log.append_administration(entry)
        desk().verification.start()
    return redirect(url_for("review.integrity"), 303)


@page("/integrity/heads", WATCH, methods=["POST"])
def compare_heads() -> Seen:
    """Compare heads that were kept elsewhere with the log."""
    data = _sent()
    compared: Any = ()
    refused = None
    try:
        if text := data.decode("utf-8", "replace").strip():
            compared = desk().evidence.compare(text)
    except NoteRefused as reason:
        refused = f"the newest head of the database itself is not signed well: {reason}"
    except LogAltered as altered:
        refused = altered.reason
    return Seen(
        template="review/integrity.html",
        values=_standing() | {"compared": compared, "refused": refused},
        look=Look(rows=len(compared), sha256=sha256(data).hexdigest()),
    )


def _sent() -> bytes:
    """What was uploaded, or else typed."""
    file = request.files.get("file")
    data = file.stream.read(MOST_BYTES + 1) if file and file.filename else b""
    data = data or request.form.get("head", "").encode("utf-8", "replace")
    if len(data) > MOST_BYTES:
        raise RequestEntityTooLarge(
            f"more than {MOST_BYTES // 1024} KiB of heads: send the last lines of the file, "
            "which are evidence for everything before them"
        )
    return data


def _standing() -> dict[str, Any]:
    standing = desk().evidence.standing()
    newest = standing.heads[0] if standing.heads else None
    age_s = None
    if newest is not None and newest.signed_at:
        signed_at = datetime.fromisoformat(newest.signed_at)
        age_s = (datetime.now(UTC) - signed_at).total_seconds()
    return {
        "standing": standing,
        "newest": newest,
        "age_s": age_s,
        "is_old": age_s is not None and age_s > IDLE_HEAD_S + LATE_S,
        "is_late": standing.oldest_s > MERGE_DELAY_S,
        "merge_delay_s": MERGE_DELAY_S,
        "most_waiting": MOST_WAITING,
        "last": desk().verification.last(),
        "is_running": desk().verification.is_running(),
        "refused": None,
    }
