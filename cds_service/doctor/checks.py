"""Everything that the doctor looks at, in order, and where the documents tell of it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from cds_service.cds_client.client import CallFailed
from cds_service.doctor import calls, cors, discovery, reach, refusals, tokens
from cds_service.doctor.findings import Finding, fail
from cds_service.doctor.visit import Visit


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing to look at."""

    name: str
    look: Callable[[Visit], Iterator[Finding]]
    link: str  # into the documents
    is_needed: bool = False  # where it fails, nothing after it can be looked at


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A finding, of which check, and where to read on."""

    check: str
    finding: Finding
    link: str


CONNECTING = "docs/connecting.md"
CHECKS = (
    Check(
        name="tls", look=reach.certificate, link=f"{CONNECTING}#the-proxy", is_needed=True
    ),
    Check(
        name="reachable", look=reach.reachable, link=f"{CONNECTING}#two-modes", is_needed=True
    ),
    Check(name="clock", look=reach.clock, link=f"{CONNECTING}#tokens"),
    Check(
        name="discovery", look=discovery.discovery, link=f"{CONNECTING}#tokens", is_needed=True
    ),
    Check(name="prefetch", look=discovery.prefetch, link=f"{CONNECTING}#what-is-read"),
    Check(name="cors", look=cors.cors, link="docs/settings.md#settings"),
    Check(name="no token", look=tokens.without_token, link=f"{CONNECTING}#two-modes"),
    Check(name="token", look=tokens.with_token, link=f"{CONNECTING}#tokens"),
    Check(name="call", look=calls.with_prefetch, link=f"{CONNECTING}#what-is-read"),
    Check(name="no prefetch", look=calls.without_prefetch, link=f"{CONNECTING}#what-is-read"),
    Check(name="time", look=calls.in_time, link="docs/settings.md#the-deadline"),
    Check(name="feedback", look=calls.feedback, link="docs/audit.md#what-is-recorded"),
    Check(name="receipt", look=calls.receipt, link="docs/audit.md#evidence"),
    Check(name="rubbish", look=refusals.rubbish, link=f"{CONNECTING}#limits"),
    Check(name="request id", look=refusals.request_ids, link=f"{CONNECTING}#limits"),
    Check(name="ready", look=refusals.ready, link="docs/observing.md#readiness"),
    Check(name="model", look=discovery.model, link=f"{CONNECTING}#two-modes"),
)  # fmt: skip


def examine(visit: Visit) -> Iterator[Told]:
    """Look at everything; it ends with the first failure of a check that is needed."""
    for check in CHECKS:
        found = list(_looked(check, visit))
        yield from (Told(check=check.name, finding=one, link=check.link) for one in found)
        if check.is_needed and any(one.level == "fail" for one in found):
            return


def _looked(check: Check, visit: Visit) -> Iterator[Finding]:
    """A service that stops answering in the middle is a finding too."""
    try:
        yield from check.look(visit)
    except CallFailed as failed:
        yield fail(failed.found, "see the service's log for why it went away")
