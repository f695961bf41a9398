"""Who may see what is for operators: whoever has the operator's key, or anybody in a sandbox."""

import hmac
from collections.abc import Mapping

from flask import current_app, request
from werkzeug.datastructures import Authorization
from werkzeug.exceptions import NotFound

from cds_service.doors import Doors
from cds_service.errors import ServiceError


class NotOperator(ServiceError):  # noqa: N818 - a situation
    """A page for operators was asked for without their key."""

    status = 401
    issue_code = "login"
    headers: Mapping[str, str] = {
        "WWW-Authenticate": 'Basic realm="operator", charset="UTF-8", Bearer realm="operator"'
    }

    def __init__(self) -> None:
        super().__init__(
            "this address is for the operator of the service; send the operator's key as a bearer "
            "token, or as the password of any user"
        )


def require_operator() -> None:
    """Return when the request may see what is for operators.

    Raises:
        NotOperator: it has not the operator's key.
        NotFound: there is no key, and the service is in production: there is nothing to see.
    """
    doors: Doors = current_app.extensions["doors"]
    key = doors.settings.operator_key
    if key is None and doors.settings.is_production:
        raise NotFound
    # compared in a time that does not tell how much of it fits
    if key is not None and not hmac.compare_digest(_shown(), key.get_secret_value().encode()):
        raise NotOperator


def _shown() -> bytes:
    """What stands where the key belongs."""
    sent = request.headers.get("Authorization", "")
    if not sent.isascii():  # werkzeug 3.1 fails to read such a header of type Basic
        return b""
    shown = Authorization.from_header(sent)
    if shown is None or shown.type not in ("basic", "bearer"):
        return b""
    return (shown.token or shown.password or "").encode()
