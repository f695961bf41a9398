"""What is served, what is switched off, who is registered and who was refused.

Switching takes two steps: the form leads to a page that says what it will do, and that page's form
does it.
"""

from collections.abc import Sequence

from flask import g, redirect, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import BadRequest

from cds_service.cards.parts import TOPICS
from cds_service.clients.refused import REASONS
from cds_service.hooks.discovery import SERVICES
from cds_service.reviewer.pages import Seen, desk, page, viewer
from cds_service.reviewer.roles import Role
from cds_service.served.history import read_changes
from cds_service.stops.stops import Scope
from cds_service.stops.switch import MOST_REASON, NAMES, Switch, SwitchRefused, throw

SWITCH: frozenset[Role] = frozenset({"operator", "administrator"})
LABELS = {("service", one.service_id): one.title for one in SERVICES} | {
    ("rule", name): TOPICS[name] for name in NAMES["rule"]
}
Named = tuple[Scope, str, str]  # scope, name, what a person calls it


@page("/administration", SWITCH | {"compliance"})
def administration() -> Seen:
    """Show everything that an operator decides on."""
    stopped = desk().stops.read().stops
    off = {(one.scope, one.name) for one in stopped}
    changes = desk().log.read(read_changes)
    values = {
        "served": desk().served,
        "changes": changes,
        "since": changes[0].at if changes and changes[0].after == desk().served else None,
        "stopped": stopped,
        "labels": LABELS,
        "may_switch": bool(viewer().roles & SWITCH),
        "can_stop": _named(off, is_off=False),
        "can_resume": _named(off, is_off=True),
        "most_reason": MOST_REASON,
        "refused": desk().refused_tokens(),
        "reasons": REASONS,
        "clients": desk().clients(),
    }
    return Seen(template="review/administration.html", values=values)


@page("/administration/confirm", SWITCH, methods=["POST"])
def confirm_switch() -> Seen:
    """Say what a switch will do, before it is done."""
    asked = _asked()
    values = {"asked": asked, "label": LABELS[asked.scope, asked.name]}
    return Seen(template="review/confirm_switch.html", values=values)


@page("/administration/switch", SWITCH, methods=["POST"])
def throw_switch() -> ResponseReturnValue:
    """Switch it."""
    try:
        throw(_asked(), desk().log, viewer().user, g.request_id)
    except SwitchRefused as refused:
        raise BadRequest(str(refused)) from None
    return redirect(url_for("review.administration"), 303)


def _asked() -> Switch:
    scope, _, name = request.form.get("what", "").partition(" ")
    turn, reason = request.form.get("turn", ""), request.form.get("reason", "")
    try:
        return Switch(turn=turn, scope=scope, name=name, reason=reason)  # type: ignore[arg-type]
    except SwitchRefused as refused:
        raise BadRequest(str(refused)) from None


def _named(off: set[tuple[Scope, str]], *, is_off: bool) -> Sequence[Named]:
    every = [(scope, name) for scope, names in NAMES.items() for name in names]
    return [(*one, LABELS[one]) for one in every if (one in off) == is_off]
