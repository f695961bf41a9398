"""`lamo-cds check`: what stops a start, by the table of serve, and what an operator should know."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from ipaddress import ip_address, ip_network
from typing import Any, Literal
from urllib.parse import urlsplit

from cds_service.audit.database import AuditFailure, is_made
from cds_service.clients.listed import told_broken
from cds_service.observing.checks import DatabaseChecks
from cds_service.observing.health import Unwell
from cds_service.settings import Settings
from cds_service.starting.needs import NEEDS, REFUSALS, Need, Start, When, registered

Verdict = Literal["ok", "warn", "fail", "later"]  # "later": cannot be looked at yet

LEAST_FREE = 2 * 1024**3  # bytes: some 100,000 decisions
METADATA = ip_network("169.254.0.0/16")  # where clouds answer with credentials
WIDE = 8  # bits of a network: a wider one is most of what there is


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What was found of one thing; says what to do where it is not ok."""

    name: str
    verdict: Verdict
    found: str

    def to_json(self) -> dict[str, Any]:
        """The same for programs."""
        return asdict(self)


class Doubtful(Exception):  # noqa: N818 - a situation, named as such
    """It stops no start, and an operator should know."""


class NotYet(Exception):  # noqa: N818 - a situation, named as such
    """It cannot be looked at before the first start has made what it is about."""


def look(settings: Settings) -> Iterator[Line]:
    """Everything that stops a start, and what else an operator should know. Changes nothing."""
    start = Start(settings)
    yield from _needs(start, "at once")
    database = _Database(settings)
    try:
        yield _line("database", database.reachable)
        yield _line("migrations", database.at_head)
        yield _line("clock", database.clock)
    finally:
        database.close()
    if database.has_tables or not database.is_made:
        yield from _needs(start, "with tables")
        yield _line("clients set aside", lambda: _set_aside(settings))
    else:
        late = (need.name for need in NEEDS if need.when == "with tables")
        yield from (_line(name, _no_tables) for name in late)
    yield _line("disk", lambda: _disk(settings))
    yield _line("outbound networks", lambda: _outbound(settings))
    if settings.public_url or not settings.is_production:  # else `mode` has said so
        yield _line("public URL", lambda: _public_url(settings))


def _needs(start: Start, when: When) -> Iterator[Line]:
    for need in NEEDS:
        if need.when == when:
            yield _line(need.name, _looking(need, start))


def _looking(need: Need, start: Start) -> Callable[[], str]:
    return lambda: need.look(start)


def _line(name: str, find: Callable[[], str]) -> Line:
    try:
        return Line(name=name, verdict="ok", found=find())
    except NotYet as not_yet:
        return Line(name=name, verdict="later", found=str(not_yet))
    except (Doubtful, Unwell) as doubt:
        return Line(name=name, verdict="warn", found=str(doubt))
    except AuditFailure as failure:
        return Line(name=name, verdict="fail", found=failure.reason)
    except REFUSALS as refused:
        return Line(name=name, verdict="fail", found=str(refused))


def _no_tables() -> str:
    raise NotYet("not yet looked at: the start makes the tables first, and then looks")


class _Database:
    """Looks at the audit database, where there is one."""

    def __init__(self, settings: Settings) -> None:
        self.has_tables = False
        self.is_made = is_made(settings.database_url)
        self._checks = DatabaseChecks(settings.database_url, timeout_s=5.0)

    def reachable(self) -> str:
        if not self.is_made:
            return "there is none yet: the first start makes it"
        try:
            return self._checks.writable()
        except Unwell as unwell:
            raise AuditFailure(str(unwell)) from None

    def at_head(self) -> str:
        if not self.is_made:
            return "the first start makes the tables"
        try:
            told = self._checks.at_head()
        except Unwell as unwell:
            raise Doubtful(f"{unwell}; a start does so by itself") from None
        self.has_tables = True
        return told

    def clock(self) -> str:
        return self._checks.clocks_agree() if self.has_tables else _no_tables()

    def close(self) -> None:
        self._checks.close()


def _set_aside(settings: Settings) -> str:
    if broken := registered(settings).broken:
        raise Doubtful(told_broken(broken))
    return "none"


def _disk(settings: Settings) -> str:
    var_dir = settings.var_dir.absolute()
    there = next(one for one in (var_dir, *var_dir.parents) if one.exists())
    free = shutil.disk_usage(there).free
    told = f"{free / 1024**3:.1f} GiB are free at {there}"
    if free < LEAST_FREE:
        wanted = LEAST_FREE / 1024**3
        raise Doubtful(f"{told}, wanted {wanted:.0f} or more: no decision is given unrecorded")
    return told


def _outbound(settings: Settings) -> str:
    for network in map(ip_network, settings.outbound_networks):
        if network.prefixlen < WIDE or (network.version == 4 and network.overlaps(METADATA)):
            raise Doubtful(
                f"LAMO_OUTBOUND_NETWORKS: {network} is wide, or holds the addresses where clouds "
                "give out credentials: name the networks of your FHIR servers alone"
            )
    return ", ".join(settings.outbound_networks) or "the public internet alone"


def _public_url(settings: Settings) -> str:
    if settings.is_open:
        raise Doubtful(
            f"sandbox mode on {settings.host}: whoever reaches this address may call; "
            "LAMO_MODE=production takes registered clients alone"
        )
    url = settings.public_url
    if url is None:
        return f"none: {settings.base_url} is what people are told"
    host = urlsplit(url).hostname or ""
    if settings.is_production and (_is_local(host) or urlsplit(url).port == settings.port):
        raise Doubtful(
            f"LAMO_PUBLIC_URL: {url} looks like this process, which speaks no TLS: wanted the "
            "address of the proxy that does, as clients reach it"
        )
    return url


def _is_local(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
