"""The exchange of a code for tokens (RFC 6749 section 4.1.3), where connections may go at all."""

import threading
from collections.abc import Mapping
from typing import Any

import requests
from authlib.common.errors import AuthlibBaseError

from cds_service.outbound.dialer import Dialer
from cds_service.outbound.errors import ReadFailed
from cds_service.outbound.guard import Guard
from cds_service.outbound.transport import guard_session
from lamo.deadline import Deadline


class NotExchanged(Exception):  # noqa: N818 - a situation, named as such
    """There are no tokens for the code. Quotes nothing of the answer."""


def exchange(
    client: Any, url: str, guard: Guard, deadline: Deadline, **asked: str
) -> Mapping[str, Any]:
    """Ask the token endpoint, no longer than there is time; redirects are not followed.

    Args:
        client: an OAuth2Session of Authlib, which is untyped.
        url: of the token endpoint.
        guard: says where connections may go.
        deadline: holds for looking up the name, connecting and reading alike.
        asked: code, code_verifier, and what else the form holds.

    Raises:
        NotExchanged: it refused, or did not answer as it must.
    """
    dialer = Dialer(guard, deadline)
    guard_session(client, guard, dialer)
    ending = threading.Timer(deadline.left_s(), dialer.shut)
    ending.start()
    try:
        found: Mapping[str, Any] = client.fetch_token(
            url, timeout=deadline.left_s(), allow_redirects=False, **asked
        )
    except (AuthlibBaseError, requests.RequestException, ReadFailed, ValueError) as error:
        raise NotExchanged(f"the code was not exchanged: {type(error).__name__}") from None
    finally:
        ending.cancel()
        dialer.shut()
    return found
