"""Whether calls need a token, and whether bad ones are refused."""

from collections.abc import Iterator

from cds_service.cds_client.answer import Answer
from cds_service.cds_client.client import DISCOVERY
from cds_service.cds_client.signer import TOKEN_S, TokenSigner
from cds_service.doctor.findings import Finding, fail, not_told, ok, warn
from cds_service.doctor.visit import Visit

CALLER = "Lamo-Caller"  # says in sandbox mode for whom the caller was taken
DOUBT = "token-refused="
LATE_S = 600  # since a token has expired: more than clocks may differ
WHY = "its operator sees by `lamo-cds clients refused` why"


def without_token(visit: Visit) -> Iterator[Finding]:
    """Nobody is let in without one, where patients are."""
    answer = visit.client.ask("GET", DISCOVERY, token="")
    if answer.status in (401, 403):
        yield ok(f"without a token: {answer.status}")
    elif visit.client.is_loopback:
        yield ok("taken without a token, on this machine alone: sandbox mode")
    else:
        yield warn(
            f"without a token: {answer.status}, so it asks nobody who calls",
            "set LAMO_MODE=production before there is any data of patients",
        )


def with_token(visit: Visit) -> Iterator[Finding]:
    """A good token is taken once; another audience, an expired one, a replay are not."""
    signer = visit.client.signer
    if signer is None:
        yield not_told("no key was given", "give --token-key, --iss and, for PEM, --kid")
        return
    good = signer.token(visit.client.public_url + DISCOVERY)
    answer = visit.client.ask("GET", DISCOVERY, token=good)
    _, doubt, reason = answer.headers.get(CALLER, "").partition(DOUBT)
    if answer.status != 200 or doubt:
        told = f"refused for {reason}" if doubt else f"answered with {answer.status}"
        yield fail(f"a good token is {told}", f"compare iss, kid and key; {WHY}")
        return
    yield ok("a good token is taken")
    for what, token in _bad_tokens(visit, signer, good):
        yield _refused(visit.client.ask("GET", DISCOVERY, token=token), what)


def _bad_tokens(visit: Visit, signer: TokenSigner, good: str) -> Iterator[tuple[str, str]]:
    url = visit.client.public_url + DISCOVERY
    now = int(visit.plan.clock())
    yield "the same token again", good
    yield "a token for another URL", signer.token("https://doctor.invalid/cds-services")
    past = {"iat": now - LATE_S - TOKEN_S, "exp": now - LATE_S}
    yield "a token that has expired", signer.token(url, **past)
    head, claims, signature = signer.token(url).split(".")
    yield "a token whose signature was changed", f"{head}.{claims}.{_changed(signature)}"


def _refused(answer: Answer, what: str) -> Finding:
    if answer.status == 401:
        return ok(f"{what}: refused")
    return fail(
        f"{what}: answered with {answer.status}, wanted 401",
        "verify tokens as CDS Hooks has it: audience, expiry, signature, and each jti once",
    )


def _changed(signature: str) -> str:
    """With another first letter, which no padding can hide."""
    return ("B" if signature[0] == "A" else "A") + signature[1:]
