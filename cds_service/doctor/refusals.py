"""What is answered to rubbish, how requests are named, and what the service says of itself."""

from collections.abc import Iterator
from uuid import uuid4

from cds_service.cds_client.answer import plain
from cds_service.cds_client.client import DISCOVERY
from cds_service.doctor.findings import Finding, fail, not_told, ok, warn
from cds_service.doctor.visit import Visit

REQUEST_ID = "X-Request-Id"
READY = "/readyz"


def rubbish(visit: Visit) -> Iterator[Finding]:
    """What is no call is refused as such, in FHIR, and never with cards."""
    known = visit.path if visit.called is not None else f"{DISCOVERY}/any"
    for what, path, data in (
        ("text that is not JSON", known, b"{rubbish"),
        ("a call without context", known, b'{"hook": "order-sign", "hookInstance": "1"}'),
        ("a service that is not there", f"{DISCOVERY}/doctor-{uuid4()}", b"{}"),
    ):
        answer = visit.client.ask("POST", path, data=data)
        if not 400 <= answer.status < 500:
            yield fail(
                f"{what}: {answer.status}, wanted 400 to 499",
                "silence on an error reads as 'checked, nothing found': refuse it",
            )
        elif not answer.diagnostics:
            told = f"{what}: {answer.status}, with no OperationOutcome"
            yield fail(told, "see what stands in front") if visit.is_ours else warn(told, "log it")
        else:
            yield ok(f"{what}: {answer.status} and an OperationOutcome")


def request_ids(visit: Visit) -> Iterator[Finding]:
    """The id of a request comes back, so that both logs can be laid side by side."""
    sent = f"doctor-{uuid4()}"
    found = visit.client.ask("GET", DISCOVERY, headers={REQUEST_ID: sent}).headers.get(REQUEST_ID)
    if found == sent:
        yield ok(f"{REQUEST_ID} comes back as it was sent")
    elif found:
        yield warn(f"{REQUEST_ID} comes back as another one", "have the proxy pass it on")
    elif visit.is_ours:
        yield fail(f"no {REQUEST_ID} in the answer", "have the proxy let it through")
    else:
        yield not_told(f"it sends no {REQUEST_ID}")


def ready(visit: Visit) -> Iterator[Finding]:
    """What the service says of its database, tables, clock and model."""
    answer = visit.client.ask("GET", READY, token="")
    body = answer.body
    if answer.status == 503 and answer.diagnostics:
        yield fail(f"not ready: {answer.diagnostics}", "mend what it names")
        return
    checks = body.get("checks") if isinstance(body, dict) else None
    if answer.status != 200 or not isinstance(checks, dict):
        yield not_told(f"{READY} is not to be seen from here: {answer.status}")
        return
    bad = [f"{plain(name)}: {plain(str(one.get('why')))}" for name, one in checks.items()
           if isinstance(one, dict) and not one.get("ok")]  # fmt: skip
    if bad:
        yield warn("; ".join(bad), "mend that: calls are answered with less until then")
    else:
        yield ok(f"ready: {', '.join(map(plain, checks))}")
