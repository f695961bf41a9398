"""One JSON document from an address that a caller or a registered client names."""

from typing import Any

from cds_service.outbound.errors import ReadFailed
from cds_service.outbound.guard import Guard
from cds_service.outbound.side_by_side import side_by_side
from cds_service.outbound.visit import Visit
from cds_service.web.json_body import JsonRefused, read_json
from lamo.deadline import Deadline


def fetch_json(url: str, guard: Guard, deadline: Deadline, max_bytes: int) -> Any:
    """GET a JSON document, such as a JWK Set (RFC 7517), without a token.

    Args:
        url: https, or http to this machine in sandbox mode.
        guard: one for all fetches of the process, so that a server that is down is left alone.
        deadline: holds for looking up the name, connecting and reading alike.
        max_bytes: of the body.

    Raises:
        ReadFailed: says why. The text completes "the server ..." and quotes nothing.
    """
    if not guard.allows_scheme(url):
        raise ReadFailed("has an address that is not https, or is of an odd form")
    visit = Visit(guard, url, deadline, max_bytes)

    def read(visit: Visit) -> Any:
        return _json(visit.get(url, max_bytes, accept="application/json").body)

    answer = side_by_side(visit, {url: read}, failed=ReadFailed)[url]
    if isinstance(answer, ReadFailed):
        raise answer
    return answer


def _json(body: bytes) -> Any:
    try:
        return read_json(body)
    except JsonRefused:
        raise ReadFailed("did not answer with JSON") from None
