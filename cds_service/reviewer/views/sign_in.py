"""Signing in and out."""

from flask.typing import ResponseReturnValue
from werkzeug.exceptions import Unauthorized

from cds_service.reviewer.pages import page, review
from cds_service.reviewer.roles import EVERYBODY


@review.get("/login")
def login() -> ResponseReturnValue:
    """Ask who it is."""
    raise Unauthorized("nobody can sign in yet")


@page("/logout", EVERYBODY, methods=["POST"])
def sign_out() -> ResponseReturnValue:
    """End the session."""
    raise Unauthorized("nobody can sign in yet")
