"""The addresses of the app, and of the page beside it that is open to whoever has its address."""

import re
import secrets
from typing import Any
from uuid import UUID

from flask import (
    Response,
    after_this_request,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import NotFound

from cds_service.audit.log import EventUnknown
from cds_service.audit.receipts import receipt_begins
from cds_service.cards.policy import RULES
from cds_service.oauth.remembered import UNDER_WAY_S
from cds_service.reviewer.shown.parts import versions_of
from cds_service.reviewer.shown.values import mappings
from cds_service.smart.kinds import kinds_of
from cds_service.smart.page import evidence_values
from cds_service.smart.pages import (
    banners,
    decision_of,
    desk,
    jar,
    record_look,
    refuse_foreign_form,
    session_of,
    smart,
)
from cds_service.smart.sessions import LONGEST

STATE = re.compile(r"[A-Za-z0-9_-]{43}")
MOST_FACTS = 200  # that one form may name


@smart.get("/smart/launch")
def launch() -> ResponseReturnValue:
    """Send whoever opens the app to the authorization server of their EHR."""
    url, state, cookie = desk().launching.begin(
        request.args.get("iss", ""), request.args.get("launch", "")
    )
    response = make_response(redirect(url, 303))
    for old in jar().left_behind(request.cookies):
        jar().take_back(response, old)
    return jar().give(response, jar().name("launch", state), cookie, UNDER_WAY_S)


@smart.get("/smart/callback")
def callback() -> ResponseReturnValue:
    """Take in whom the EHR vouches for. Nothing that is secret goes into the next address."""
    state = request.args.get("state", "")
    name = jar().name("launch", state if STATE.fullmatch(state) else "none")
    after_this_request(lambda response: jar().take_back(response, name))  # good for one try
    opened = desk().launching.finish(request.cookies.get(name, ""), request.args)
    cookie, handle = desk().sessions.open(opened.session, opened.lasts), secrets.token_urlsafe(12)
    response = make_response(redirect(url_for("smart.evidence", handle=handle), 303))
    seconds = int(min(opened.lasts, LONGEST).total_seconds())
    return jar().give(response, jar().name("look", handle), cookie, seconds)


@smart.route("/smart/evidence/<handle>", methods=["GET", "POST"])
def evidence(handle: str) -> ResponseReturnValue:
    """One decision, with what it rests on; by POST, also without some of the facts."""
    session, client = session_of(handle)
    left_out = None
    if request.method == "POST":
        refuse_foreign_form(session)
        left_out = _left_out()
    stored = decision_of(session)
    record_look(session, left_out=len(left_out or ()))
    place = desk().evidence.place(session.event_id)
    values: dict[str, Any] = {
        **banners(),
        **evidence_values(session, stored, client.fhir_bases, left_out, desk()),
        "csrf": session.csrf,
        "handle": handle,
        "receipt": place and receipt_begins(session.event_id, place.leaf),
    }
    return render_template("smart/evidence.html", **values)


@smart.post("/smart/evidence/<handle>/end")
def end_look(handle: str) -> ResponseReturnValue:
    """End a look before its half hour is over, as on a computer that is shared."""
    session, _ = session_of(handle)
    refuse_foreign_form(session)
    name = jar().name("look", handle)
    desk().sessions.end(request.cookies[name])
    return jar().take_back(make_response(render_template("smart/ended.html", **banners())), name)


@smart.get("/smart/forget.css")
def forget() -> ResponseReturnValue:
    """Have the browser drop the pages that it keeps for "back", `no-store` or not.

    It does so for what a page loads; when the page itself comes, the one before still stands.
    """
    return Response("", mimetype="text/css", headers={"Clear-Site-Data": '"cache"'})


@smart.get("/smart/jwks.json")
def show_app_key() -> ResponseReturnValue:
    """The public key that EHRs verify the app by (RFC 7517)."""
    return desk().app_key.jwks()


@smart.get("/evidence/<uuid:event_id>")
def about_advice(event_id: UUID) -> ResponseReturnValue:
    """What kind of advice it was and what it was made by; nothing that the log protects."""
    log, policy = desk().tools.audit_log, desk().tools.policy
    try:
        stored = log.find_event(str(event_id), is_opened=False)
    except EventUnknown:
        stored = None
    if stored is None or stored.summary.kind != "decision" or stored.is_altered:
        raise NotFound("No advice has this address.")
    return render_template(
        "smart/about.html",
        **banners(),
        summary=stored.summary,
        kinds=kinds_of(mappings(stored.body.get("about"))),
        versions=versions_of(stored.body),
        policy=policy,
        rules=[(rule, policy.of(rule)) for rule in sorted(RULES)],
    )


def _left_out() -> frozenset[str]:
    """The keys of the facts that were shown and are not kept."""
    shown = request.form.getlist("shown")[:MOST_FACTS]
    return frozenset(shown) - frozenset(request.form.getlist("kept"))
