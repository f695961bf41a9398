"""How a page is made: who may see it stands beside it, and no look goes unrecorded.

    @page("/decisions/<event_id>", PATIENTS)
    def decision(event_id: str) -> Seen: ...

A view returns what was found. The look is committed to the audit log, then the page is rendered:
what could not be recorded is not shown.
"""

import secrets
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, fields
from functools import wraps
from typing import Any

from flask import Blueprint, Response, current_app, g, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import Forbidden

from cds_service.audit.entries import AccessEntry
from cds_service.audit.ids import new_event_id
from cds_service.reviewer.desk import ReviewDesk
from cds_service.reviewer.roles import Role
from cds_service.reviewer.viewer import Viewer

review = Blueprint(
    "review",
    __name__,
    url_prefix="/review",
    template_folder="templates",
    static_folder="static",
)
MAY_SEE: dict[str, frozenset[Role]] = {}  # by endpoint: what is not named here is open


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What is recorded of a look; see AccessEntry."""

    looked_at: str | None = None  # the event
    filters: Mapping[str, Any] = field(default_factory=dict)
    rows: int | None = None
    sha256: str | None = None
    patient_client: str | None = None
    patient_id: str | None = field(default=None, repr=False)
    purpose: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a view found, and how it is shown."""

    template: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    part: str | None = None  # the template that htmx gets in place of the whole page
    look: Look = Look()
    answer: Response | None = None  # in place of a template: a file that is handed out


View = Callable[..., Seen | ResponseReturnValue]


def page(
    rule: str, roles: Collection[Role], *, methods: Collection[str] = ("GET",)
) -> Callable[[View], View]:
    """Make a view a page of the reviewers'.

    Args:
        rule: the address below /review.
        roles: of which a viewer has to have one.
        methods: POST for what changes something: the form repeats `csrf` (see door.py), and the
            view records the change itself, with `append_administration`.
    """

    def made(view: View) -> View:
        MAY_SEE[f"{review.name}.{view.__name__}"] = frozenset(roles)

        @wraps(view)
        def seen(**arguments: Any) -> ResponseReturnValue:
            found = view(**arguments)
            return _shown(found) if isinstance(found, Seen) else found

        review.add_url_rule(rule, view_func=seen, methods=list(methods))
        return view

    return made


def desk() -> ReviewDesk:
    """What the page works with."""
    found: ReviewDesk = current_app.extensions["review"]
    return found


def viewer() -> Viewer:
    """Who is signed in."""
    found: Viewer = g.viewer
    return found


def request_id() -> str:
    """Of the request that is being answered."""
    return str(g.request_id)


def require_role(endpoint: str) -> None:
    """Return when the viewer may see a page.

    Raises:
        Forbidden: they may not; recorded.
    """
    wanted = MAY_SEE[endpoint]
    if not viewer().roles & wanted:
        record_look(Look(), outcome="denied")
        raise Forbidden(f"this page is for {' or '.join(sorted(wanted))}")


def record_look(look: Look, outcome: Any = "seen") -> None:
    """Commit a look of the viewer at the page that is asked for."""
    entry = AccessEntry(
        event_id=new_event_id(),
        request_id=request_id(),
        user=viewer().user,
        roles=sorted(viewer().roles),
        page=str(request.endpoint).removeprefix(f"{review.name}."),
        outcome=outcome,
        **{one.name: getattr(look, one.name) for one in fields(look)},
    )
    desk().log.append_access(entry)


def new_token() -> str:
    """A secret that nobody guesses."""
    return secrets.token_urlsafe(32)


def _shown(found: Seen) -> ResponseReturnValue:
    record_look(found.look)
    if found.answer is not None:
        return found.answer
    is_part = found.part is not None and "HX-Request" in request.headers
    return render_template(str(found.part) if is_part else found.template, **found.values)
