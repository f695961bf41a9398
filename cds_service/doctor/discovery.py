"""What the service offers, and whether clients can read it."""

from collections.abc import Iterator
from typing import Any

from cds_service.cds_client.answer import plain
from cds_service.doctor.findings import Finding, fail, not_told, ok, warn
from cds_service.doctor.templates import unusable, unusual
from cds_service.doctor.visit import Visit

WANTED = ("hook", "id", "description")  # REQUIRED of every service
DEMONSTRATION = "demonstration model"


def discovery(visit: Visit) -> Iterator[Finding]:
    """A list of services, each with what CDS Hooks requires."""
    answer = visit.discovery
    if answer.status == 401:
        yield fail(
            "401: it takes registered clients alone",
            "give --token-key and --iss of a registered client; where they are given, its operator "
            "sees by `lamo-cds clients refused` why the token was not taken",
        )
        return
    if answer.status != 200:
        told = answer.diagnostics or "no reason given"
        yield fail(f"{answer.status}: {told}", "see that the URL is the base URL of the service")
        return
    body = answer.body
    if not isinstance(body, dict) or not isinstance(body.get("services"), list):
        yield fail("no JSON with an array of services", "answer as CDS Hooks has discovery")
        return
    yield from _offered(visit, body["services"])


def prefetch(visit: Visit) -> Iterator[Finding]:
    """Templates that clients can fill."""
    keys = [
        (f"{_id(service)} prefetch.{plain(str(key))}", template)
        for service in visit.services
        for key, template in _templates(service).items()
    ]
    bad = [f"{name} {why}" for name, template in keys if (why := unusable(template))]
    odd = [
        f"{name} {why}"
        for name, template in keys
        if not unusable(template)
        for why in unusual(str(template))
    ]
    if bad:
        yield fail("; ".join(bad), "write the templates as CDS Hooks has them")
    if odd:
        yield warn("; ".join(odd), "see that your client can fill them, or let it leave them out")
    if not keys:
        yield not_told("it asks for no prefetch")
    elif not bad and not odd:
        yield ok(f"{len(keys)} templates, all of them plain reads and searches")


def model(visit: Visit) -> Iterator[Finding]:
    """Which model it is: ours says so in discovery where it is a demonstration."""
    if not visit.is_ours:
        yield not_told("another software: it says nothing of its model")
        return
    if any(DEMONSTRATION in str(one.get("description", "")).lower() for one in visit.services):
        yield warn(
            "it serves the demonstration model, trained on synthetic patients",
            "name your own by LAMO_ARTIFACT before anybody acts on its cards",
        )
        return
    yield ok("a model of the deployment's own; its card is in the artifact, and in /review/")


def _offered(visit: Visit, listed: list[Any]) -> Iterator[Finding]:
    lacking = [
        f"{_id(service) if isinstance(service, dict) else 'an entry'} has no {member}"
        for service in listed
        for member in WANTED
        if not isinstance(service, dict) or not isinstance(service.get(member), str)
    ]
    pairs = [(one.get("id"), one.get("hook")) for one in visit.services]
    if lacking:
        yield fail("; ".join(lacking), "give every service its hook, id and description")
    elif len(set(pairs)) != len(pairs):
        yield fail("two services have one id and hook", "give each an id of its own")
    elif not listed:
        yield warn("it offers no service", "see that this client may call one")
    else:
        yield ok(", ".join(f"{_id(one)} on {plain(str(one.get('hook')))}" for one in listed))


def _templates(service: dict[str, Any]) -> dict[str, Any]:
    found = service.get("prefetch")
    return found if isinstance(found, dict) else {}


def _id(service: dict[str, Any]) -> str:
    return plain(str(service.get("id")))
