"""A sink that is an HTTPS address: each head is sent by POST, as it was signed."""

from dataclasses import dataclass

from cds_service.audit.sinks.sink import SinkFailed
from cds_service.outbound.errors import ReadFailed
from cds_service.outbound.guard import Guard
from cds_service.outbound.post import post_text
from lamo.deadline import Deadline

SEND_MS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpsSink:
    """Takes a head when it answers with a status 2xx."""

    url: str
    guard: Guard
    name: str = "url"

    def send(self, number: int, note: str) -> None:
        """See Sink."""
        del number  # the receiver knows a head by its size and root
        try:
            post_text(self.url, note, self.guard, Deadline.after_ms(SEND_MS))
        except ReadFailed as failed:
            raise SinkFailed(f"the server {failed}") from None
