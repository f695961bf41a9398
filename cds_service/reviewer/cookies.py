"""The cookies of /review, and the word that every form of a session repeats."""

import hmac

from flask import Response, request
from werkzeug.exceptions import BadRequest

from cds_service.oauth.remembered import UNDER_WAY_S

PROBE = "__Host-lamo-kept"


def cookie_name(*, is_secure: bool) -> str:
    """The session's cookie: bound to the host where it travels by https."""
    return "__Host-lamo-review" if is_secure else "lamo-review"


def under_way_name(*, is_secure: bool) -> str:
    """The cookie of a sign-in that is under way at the identity provider."""
    return "__Host-lamo-oidc" if is_secure else "lamo-oidc"


def give_probe(response: Response) -> Response:
    """Have the browser bring back, with what is typed, that it keeps cookies of this address."""
    response.set_cookie(PROBE, "1", path="/", secure=True, httponly=True, samesite="Strict")
    return response


def give_session(response: Response, cookie: str, *, is_secure: bool) -> Response:
    """Have the browser keep a session until it is closed, and show it to no page of others."""
    response.set_cookie(
        cookie_name(is_secure=is_secure),
        cookie,
        path="/",
        secure=is_secure,
        httponly=True,
        samesite="Strict",
    )
    return response


def give_under_way(response: Response, cookie: str, *, is_secure: bool) -> Response:
    """Have the browser keep what a sign-in is compared with, and bring it back from there."""
    response.set_cookie(
        under_way_name(is_secure=is_secure),
        cookie,
        path="/",
        max_age=UNDER_WAY_S,
        secure=is_secure,
        httponly=True,
        samesite="Lax",  # sent along when a link of another site leads here; Strict is not
    )
    return response


def take_back(response: Response, name: str, *, is_secure: bool) -> Response:
    """Have the browser forget a cookie."""
    response.delete_cookie(name, path="/", secure=is_secure, httponly=True)
    return response


def refuse_without_csrf(wanted: str) -> None:
    """Return when the form that was sent is one of the session.

    Raises:
        BadRequest: it is not.
    """
    shown = request.form.get("csrf") or request.headers.get("X-CSRF", "")
    if not hmac.compare_digest(shown.encode(), wanted.encode()):
        raise BadRequest("the form is not of this session; open the page again and send it again")
