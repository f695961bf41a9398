"""Signing in at the identity provider: there, and back again."""

import structlog
from flask import make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import NotFound

from cds_service.reviewer.accounts.oidc import Provider, ProviderRefused
from cds_service.reviewer.accounts.tries import NOBODY, TooManyTries
from cds_service.reviewer.cookies import give_session, give_under_way, take_back, under_way_name
from cds_service.reviewer.pages import desk, request_id, review
from cds_service.reviewer.views.sign_in import end_present_session, safe_next

log = structlog.get_logger()


@review.get("/oidc")
def sign_in_elsewhere() -> ResponseReturnValue:
    """Send somebody to the provider."""
    try:
        desk().accounts.tries.check()
        url, cookie = _provider().begin(safe_next(request.args.get("next", "")))
    except (ProviderRefused, TooManyTries) as refused:
        return _refused(refused)
    response = make_response(redirect(url, 303))
    return give_under_way(response, cookie, is_secure=desk().is_secure)


@review.get("/oidc/callback")
def come_back() -> ResponseReturnValue:
    """Take in whom the provider vouches for.

    The page goes on by itself and is no redirect: of one that began at another site no browser
    would send the session's cookie along.
    """
    accounts, name = desk().accounts, under_way_name(is_secure=desk().is_secure)
    try:
        accounts.tries.check()
        who, wanted = _provider().finish(request.cookies.get(name, ""), request.args)
        account = accounts.provided.welcome(who, request_id())
        if account is None:
            raise ProviderRefused("the account is disabled")
    except (ProviderRefused, TooManyTries) as refused:
        return _refused(refused)
    end_present_session()
    cookie = accounts.let_in(account, "identity provider", request_id())
    response = make_response(render_template("review/signed_in.html", next=safe_next(wanted)))
    take_back(response, name, is_secure=desk().is_secure)
    return give_session(response, cookie, is_secure=desk().is_secure)


def _provider() -> Provider:
    found = desk().accounts.provider
    if found is None:
        raise NotFound("no identity provider is set up here")
    return found


def _refused(refused: Exception) -> ResponseReturnValue:
    """Say nothing of why to whoever came; the operator's log has it."""
    log.warning("provider_refused", why=str(refused), error=type(refused).__name__)
    if isinstance(refused, ProviderRefused):
        desk().accounts.tries.note(NOBODY, request_id())
    response = make_response(render_template("review/not_signed_in.html"), 401)
    return take_back(
        response, under_way_name(is_secure=desk().is_secure), is_secure=desk().is_secure
    )
