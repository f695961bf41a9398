"""A sink that is a syslog collector: RFC 5424 over UDP, TCP (RFC 6587) or a socket of this machine.

The message is the head as a line of the file of heads, so that what was collected can be verified
with `lamo-cds audit verify --heads`. Python's own handler writes neither the header of RFC 5424 nor
the lengths of RFC 6587.
"""

import os
import socket
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit

from cds_service.audit.canonical import rfc3339
from cds_service.audit.heads import exported_line
from cds_service.audit.sinks.sink import SinkFailed

PRIORITY = 13 * 8 + 5  # facility "log audit", severity "notice"
SEND_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SyslogSink:
    """Sends heads; by UDP nobody says whether one has arrived."""

    target: str  # udp://HOST:PORT, tcp://HOST:PORT or a path
    name: str = "syslog"

    def send(self, number: int, note: str) -> None:
        """See Sink."""
        message = syslog_message(exported_line(number, note), datetime.now(UTC))
        try:
            self._send(message)
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno else type(error).__name__
            raise SinkFailed(f"the syslog collector could not be reached ({reason})") from None

    def _send(self, message: bytes) -> None:
        if self.target.startswith("/"):
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as local:
                local.settimeout(SEND_S)
                local.connect(self.target)
                local.send(message)
            return
        parts = urlsplit(self.target)
        address = (parts.hostname or "", parts.port or 0)
        if parts.scheme == "tcp":
            with socket.create_connection(address, SEND_S) as stream:
                stream.sendall(b"%d %s" % (len(message), message))
                stream.shutdown(socket.SHUT_WR)
                stream.recv(1)  # the end, once all was read; or an error when it was not
            return
        family, *_, found = socket.getaddrinfo(*address, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, socket.SOCK_DGRAM) as datagram:
            datagram.settimeout(SEND_S)
            datagram.sendto(message, found)


def syslog_message(text: str, now: datetime) -> bytes:
    """A message of RFC 5424 without structured data; the text is ASCII."""
    header = f"<{PRIORITY}>1 {rfc3339(now)} {_host()} lamo-cds {os.getpid()} head-signed -"
    return f"{header} {text}".encode("ascii")


def _host() -> str:
    name = socket.gethostname()
    return name if name.isascii() and name.isprintable() and " " not in name else "-"
