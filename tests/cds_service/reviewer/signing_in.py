"""Viewers without accounts, for tests of the pages."""

from collections.abc import Callable

from flask.testing import FlaskClient

from cds_service.reviewer.roles import ROLES, Role
from cds_service.reviewer.viewer import Viewer

SignIn = Callable[..., FlaskClient]
CSRF = "csrf-of-the-session"
HOSTILE = "<script>alert(1)</script>"  # as an issuer or a token may hold it


def viewer_of(cookie: str) -> Viewer | None:
    """The viewer whose cookie names their roles, as "reviewer+operator"."""
    roles: list[Role] = [role for role in ROLES if role in cookie.split("+")]
    return Viewer(account=cookie, roles=frozenset(roles), csrf=CSRF) if roles else None
