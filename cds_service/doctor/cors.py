"""Whether a client in a browser is let in: CORS (Fetch Standard), on errors too."""

from collections.abc import Iterator

from cds_service.cds_client.answer import Answer
from cds_service.cds_client.client import DISCOVERY
from cds_service.doctor.findings import Finding, fail, not_told, ok
from cds_service.doctor.visit import Visit

MEND = "name the origin in LAMO_CORS_ORIGINS"
ALLOW = "Access-Control-Allow-Origin"


def cors(visit: Visit) -> Iterator[Finding]:
    """The preflight of a call, discovery, and a refusal."""
    origin = visit.plan.origin
    if origin is None:
        yield not_told("no browser client was named", "give --origin where there is one")
        return
    asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    asked |= {"Access-Control-Request-Headers": "authorization, content-type"}
    preflight = visit.client.ask("OPTIONS", visit.path, headers=asked, token="")
    yield _preflight(preflight, origin)
    told = {"Origin": origin}
    yield _readable(visit.client.ask("GET", DISCOVERY, headers=told), origin, "discovery")
    refusal = visit.client.ask("POST", f"{DISCOVERY}/no-such", data=b"{}", headers=told)
    yield _readable(refusal, origin, "a refusal")


def _preflight(answer: Answer, origin: str) -> Finding:
    headers = answer.headers.get("Access-Control-Allow-Headers", "").lower()
    methods = answer.headers.get("Access-Control-Allow-Methods", "").upper()
    lacking = [] if _allows(answer, origin) else ["the origin"]
    lacking += [] if "POST" in methods or methods.strip() == "*" else ["POST"]
    lacking += [name for name in ("authorization", "content-type") if name not in headers]
    if answer.status >= 300 or lacking:
        told = ", ".join(lacking) or f"anything: it answers {answer.status}"
        return fail(f"the preflight of a call does not allow {told}", MEND)
    return ok("the preflight of a call allows it, with Authorization")


def _readable(answer: Answer, origin: str, what: str) -> Finding:
    if _allows(answer, origin):
        return ok(f"{what} may be read")
    return fail(f"{what} carries no {ALLOW} for the origin, so the page sees an error alone", MEND)


def _allows(answer: Answer, origin: str) -> bool:
    return answer.headers.get(ALLOW) in (origin, "*")
