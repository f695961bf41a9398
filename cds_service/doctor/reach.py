"""Is it there, is its certificate good, is its clock right."""

import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from cryptography import x509

from cds_service.cds_client.client import CallFailed
from cds_service.doctor.findings import Finding, fail, not_told, ok, warn
from cds_service.doctor.visit import Visit

CONNECT_S = 10.0
FEW_DAYS = 30  # that a certificate has left: time to renew it
CLOCKS_APART_S = 60.0  # by which tokens may be off (docs/connecting.md)
CLOCKS_ODD_S = 5.0


def certificate(visit: Visit) -> Iterator[Finding]:
    """https, its version, and a certificate that this machine believes."""
    parts = urlsplit(visit.client.url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    if parts.scheme == "http":
        yield from _without_tls(visit)
        return
    try:
        version, found = _handshake(host, port, visit.client.trusted)
    except ssl.SSLCertVerificationError as error:
        until = _valid_until(host, port)
        yield fail(
            f"its certificate is not believed: {error.verify_message}; it is valid until {until}",
            "renew it, send the whole chain, or name the certificates of its issuer by --ca-file",
        )
        return
    except OSError as error:  # TLS that does not come about is one too
        yield fail(
            f"no TLS with {host}:{port}: {type(error).__name__}",
            "see that the host name resolves, the port is open, and TLS 1.2 or 1.3 is spoken there",
        )
        return
    yield ok(f"{version}, issued by {found.issuer.rfc4514_string()}, believed")
    days = (found.not_valid_after_utc - _now(visit)).days
    told = f"its certificate has {days} days left"
    yield warn(told, "renew it, and have that done by itself") if days < FEW_DAYS else ok(told)


def reachable(visit: Visit) -> Iterator[Finding]:
    """An answer of HTTP to discovery, whatever it says."""
    try:
        answer = visit.discovery
    except CallFailed as failed:
        mend = "start it (`lamo-cds serve`), open the way to it, or give the URL that it has"
        yield fail(failed.found, mend)
        return
    yield ok(f"answers in {answer.ms:.0f} ms")


def clock(visit: Visit) -> Iterator[Finding]:
    """Its Date header against our clock: tokens are of now for both."""
    told = visit.discovery.headers.get("Date")
    try:
        theirs = parsedate_to_datetime(told) if told else None
    except ValueError:
        theirs = None
    if theirs is None:
        yield not_told("it sends no Date that can be read")
        return
    apart = (theirs.replace(tzinfo=theirs.tzinfo or UTC) - _now(visit)).total_seconds()
    where = "ahead of" if apart > 0 else "behind"
    found = f"its clock is {abs(apart):.0f} s {where} ours"
    mend = "have both machines follow a time server: a token lives minutes"
    if abs(apart) > CLOCKS_APART_S:
        yield fail(found, mend)
    elif abs(apart) > CLOCKS_ODD_S:
        yield warn(found, mend)
    else:
        yield ok("its clock agrees with ours")


def _without_tls(visit: Visit) -> Iterator[Finding]:
    if visit.client.is_loopback:
        yield ok("http, on this machine alone")
        return
    yield fail(
        "http: patients' data and tokens can be read on the way",
        "put TLS in front of it, as docker/nginx.conf does, and call it by https",
    )


def _handshake(host: str, port: int, trusted: str) -> tuple[str, x509.Certificate]:
    context = ssl.create_default_context(cafile=trusted)
    with (
        socket.create_connection((host, port), timeout=CONNECT_S) as raw,
        context.wrap_socket(raw, server_hostname=host) as secure,
    ):
        return str(secure.version()), x509.load_der_x509_certificate(
            secure.getpeercert(binary_form=True) or b""
        )


def _valid_until(host: str, port: int) -> str:
    """Of a certificate that was not believed."""
    try:
        pem = ssl.get_server_certificate((host, port), timeout=CONNECT_S)
    except OSError:
        return "a day that it does not show again"
    return f"{x509.load_pem_x509_certificate(pem.encode()).not_valid_after_utc:%Y-%m-%d %H:%M} UTC"


def _now(visit: Visit) -> datetime:
    return datetime.fromtimestamp(visit.plan.clock(), UTC)
