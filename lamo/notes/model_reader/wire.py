"""HTTP to the note model: never past the deadline, no redirects, no proxies, no environment.

One transport serves one note, so that the deadline is the same for all it carries. Every step of
its connections ends with the deadline (sockets.py), so whole answers do too.
"""

import ssl

import httpcore2
import httpx2

from lamo.deadline import Deadline
from lamo.notes.model_reader.sockets import DeadlineBackend

MOST_BYTES = 4 * 1024 * 1024  # of one answer
_SENT = ("accept", "authorization", "content-length", "content-type", "host")  # headers


class Unusable(httpx2.TransportError):
    """An answer that is not read on; the message is ours, not the server's."""


class DeadlineTransport(httpx2.BaseTransport):
    """Carries the requests of one note. Answers are read whole, as they are sent."""

    def __init__(self, deadline: Deadline, tls: ssl.SSLContext) -> None:
        self._pool = httpcore2.ConnectionPool(
            ssl_context=tls, network_backend=DeadlineBackend(deadline)
        )

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send what the endpoint needs, without the headers that the client or environment add."""
        headers = [(name, value) for name, value in request.headers.items() if name in _SENT]
        headers += [("user-agent", "lamo-cds"), ("accept-encoding", "identity")]
        try:
            with self._pool.stream(
                request.method, str(request.url), headers=headers, content=request.read()
            ) as answer:
                return httpx2.Response(answer.status, headers=answer.headers, content=_body(answer))
        except httpcore2.TimeoutException:
            raise httpx2.ReadTimeout("no answer in time") from None
        except httpcore2.ConnectError as error:
            if "CERTIFICATE_VERIFY_FAILED" in str(error):
                raise Unusable("has a certificate that is not trusted") from None
            raise httpx2.ConnectError("not reached") from None
        except (httpcore2.NetworkError, httpcore2.ProtocolError):
            raise httpx2.ReadError("broken off") from None

    def close(self) -> None:
        """Close the connections."""
        self._pool.close()


def _body(answer: httpcore2.Response) -> bytes:
    names = {name.lower(): value.lower() for name, value in answer.headers}
    if names.get(b"content-encoding", b"identity") != b"identity":
        raise Unusable("sent a compressed answer, which nobody asked for")
    body = bytearray()
    for part in answer.iter_stream():
        body += part
        if len(body) > MOST_BYTES:
            raise Unusable(f"sent more than {MOST_BYTES} bytes")
    return bytes(body)
