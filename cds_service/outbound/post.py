"""One text, sent to an address that the settings name."""

from cds_service.outbound.errors import ReadFailed
from cds_service.outbound.guard import Guard
from cds_service.outbound.side_by_side import side_by_side
from cds_service.outbound.visit import Visit
from lamo.deadline import Deadline


def post_text(url: str, text: str, guard: Guard, deadline: Deadline) -> None:
    """POST a text as text/plain in UTF-8, and return when a status 2xx has come.

    Args:
        url: https, or http to this machine in sandbox mode.
        text: what is sent.
        guard: one for all of the process.
        deadline: holds for looking up the name, connecting, sending and the answer alike.

    Raises:
        ReadFailed: it was not taken. The text completes "the server ..." and quotes nothing.
    """
    if not guard.allows_scheme(url):
        raise ReadFailed("has an address that is not https, or is of an odd form")
    visit = Visit(guard, url, deadline, max_bytes=0)

    def send(visit: Visit) -> ReadFailed | None:
        visit.post(url, text.encode(), "text/plain; charset=utf-8")
        return None

    failed = side_by_side(visit, {url: send}, failed=ReadFailed)[url]
    if failed is not None:
        raise failed
