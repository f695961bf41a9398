"""Reading URLs in one way; what others could read in another way is refused."""

import posixpath
import re
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from cds_service.outbound.errors import ReadFailed

PORTS = {"http": 80, "https": 443}
URL = re.compile(r"[^\x00-\x20\x7f]{1,8192}")  # parsers differ in what they do about these
NAME = re.compile(r"(?=.{1,253}$)(?!-)[a-z0-9_-]{1,63}(\.(?!-)[a-z0-9_-]{1,63})*")
NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")  # where resolvers read decimal, octal or hex IPv4


class Origin(NamedTuple):
    """Scheme, host in lower case and port, written out (RFC 6454)."""

    scheme: str
    host: str  # a name, or an IP address without brackets
    port: int


def origin_of(url: str) -> Origin:
    """The origin of an absolute http or https URL.

    Raises:
        ReadFailed: it is no such URL, or has a user, port 0 or a host of an odd spelling.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise ReadFailed("has an address that cannot be read") from None
    is_plain = URL.fullmatch(url) and parts.scheme in PORTS and port != 0
    if not is_plain or not _is_plain_host(parts.netloc, host):
        raise ReadFailed("has an address of an odd form")
    return Origin(parts.scheme, host, PORTS[parts.scheme] if port is None else port)


def literal(host: str) -> IPv4Address | IPv6Address | None:
    """The IP address that a host is, if it is no name."""
    try:
        return ip_address(host)
    except ValueError:
        return None


def is_same_base(one: str, other: str) -> bool:
    """Whether two base URLs differ in nothing but case of the host, default port and last slash."""
    return is_under(one, other) and is_under(other, one)


def is_under(url: str, base: str) -> bool:
    """Whether the URL has the origin of the base and a path at or below the base's."""
    try:
        same_origin = origin_of(url) == origin_of(base)
    except ReadFailed:
        return False
    path, root = urlsplit(url).path, urlsplit(base).path.rstrip("/")
    below = path.rstrip("/") == root or path.startswith(f"{root}/")
    return same_origin and below and _is_plain_path(unquote(path))


def _is_plain_path(path: str) -> bool:
    """Whether there is nothing in a path, once decoded, that leads out of where it seems to be."""
    odd = "\\" in path or "%" in path  # what is encoded twice, somebody may decode twice
    return not odd and posixpath.normpath(path or "/") == (path.rstrip("/") or "/")


def _is_plain_host(netloc: str, host: str) -> bool:
    if not netloc.isascii() or "@" in netloc or ("[" in netloc) != (":" in host):
        return False
    address = literal(host)
    if address is not None:
        return "%" not in host  # a zone is of one machine
    labels = host.split(".")
    return NAME.fullmatch(host) is not None and not NUMBER.fullmatch(labels[-1])
