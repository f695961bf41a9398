"""Searches that people keep."""

from urllib.parse import parse_qsl

from flask import redirect, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import BadRequest

from cds_service.audit.entries import AdministrationEntry
from cds_service.audit.ids import new_event_id
from cds_service.audit.log import Change
from cds_service.audit.read_model.saved import drop_filter, keep_filter
from cds_service.reviewer.asked import query_of
from cds_service.reviewer.pages import desk, page, request_id, viewer
from cds_service.reviewer.views.search import EVENTS, SEARCHERS


@page("/events/saved", SEARCHERS, methods=["POST"])
def save_search() -> ResponseReturnValue:
    """Keep the filters of a search under a name."""
    typed = EVENTS.typed(dict(parse_qsl(request.form.get("query", ""))))
    try:
        EVENTS.search(typed, desk().formulary)  # what cannot be searched for is not kept
        kept = keep_filter(viewer().account, request.form.get("name", "").strip(), query_of(typed))
        _record("save-search", kept)
    except ValueError as problem:
        raise BadRequest(str(problem)) from None
    return redirect(f"{url_for('review.search')}?{query_of(typed)}", 303)


@page("/events/saved/drop", SEARCHERS, methods=["POST"])
def drop_search() -> ResponseReturnValue:
    """Forget a search that was kept."""
    _record("drop-search", drop_filter(viewer().account, request.form.get("name", "")))
    return redirect(url_for("review.search"), 303)


def _record(action: str, change: Change) -> None:
    """The name is the person's own word, and is left out: nobody promised that it names nobody."""
    entry = AdministrationEntry(
        event_id=new_event_id(),
        request_id=request_id(),
        user=viewer().user,
        action=action,
        subject=viewer().user,
    )
    desk().log.append_administration(entry, change)
