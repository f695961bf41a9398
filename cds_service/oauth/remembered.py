"""What is remembered of a sign-in under way, sealed, in the browser that it was begun in."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from cds_service.keys.sealing import Sealed, open_sealed, seal
from cds_service.keys.service import KeyService, NotOpened

UNDER_WAY_S = 600  # that a person has to sign in elsewhere


class NotRemembered(Exception):  # noqa: N818 - a situation, named as such
    """The browser that came back is not one that was sent, not long ago."""


def remember(keys: KeyService, asked: Mapping[str, Any], context: str, now: datetime) -> str:
    """The cookie that remembers what was asked: JSON values, with secrets among them."""
    until = int(now.timestamp()) + UNDER_WAY_S
    sealed = seal(keys, json.dumps({**asked, "until": until}).encode(), context)
    return urlsafe_b64encode(sealed.to_bytes()).decode()


def recall(keys: KeyService, cookie: str, context: str, now: datetime) -> dict[str, Any]:
    """What a cookie of remember() remembers.

    Raises:
        NotRemembered: it is none of that context, or was given too long ago.
    """
    try:
        sealed = Sealed.from_bytes(urlsafe_b64decode(cookie.encode()))
        asked: dict[str, Any] = json.loads(open_sealed(keys, sealed, context))
    except (ValueError, NotOpened):
        raise NotRemembered("no sign-in was begun in this browser") from None
    if asked["until"] < now.timestamp():
        raise NotRemembered("the sign-in was begun too long ago")
    return asked
