"""Calls with a patient who is made up: their cards, their time, and what is done with them."""

from collections.abc import Iterator
from datetime import UTC, datetime
from statistics import median
from typing import Any

from cds_service.audit.checkpoint import NoteRefused
from cds_service.audit.receipts import HEADER, parse_receipt
from cds_service.cds_client.answer import Answer, plain
from cds_service.doctor.findings import Finding, fail, not_told, ok, warn
from cds_service.doctor.made_up import EXPECTED, occasion_of
from cds_service.doctor.visit import Visit
from cds_service.trying.story import topics

CALLS = 5  # that are timed, after the first one
WANTED_MS = 500  # CDS Hooks 2.0, Performance
LONGEST_SUMMARY = 140  # characters
INDICATORS = ("info", "warning", "critical")


def with_prefetch(visit: Visit) -> Iterator[Finding]:
    """A call with everything that was asked for is answered with cards that clients can show."""
    if visit.called is None:
        yield not_told("no hook that the doctor has a call for", "fire your own by sandbox replay")
        return
    answer = visit.first
    if answer.status != 200:
        yield fail(f"{answer.status}: {answer.diagnostics or 'no reason given'}", "mend that first")
        return
    bad = [why for card in answer.cards for why in _complaints(card)]
    body = answer.body
    if not isinstance(body, dict) or not isinstance(body.get("cards"), list):
        yield fail("200 without an array of cards", "answer as CDS Hooks has it")
    elif bad:
        yield fail("; ".join(bad), "clients may not show such cards")
    else:
        yield from _expected(visit, answer)


def without_prefetch(visit: Visit) -> Iterator[Finding]:
    """The same without prefetch: fetched from a FHIR server, or refused with what is wanted."""
    if visit.called is None:
        return
    if visit.plan.fhir_base is None:
        yield _refused(visit, visit.call(prefetch=...))
        yield not_told("nothing is fetched", "give --fhir and --patient to see that it can be")
        return
    answer = visit.call(prefetch=..., **_from_server(visit))
    if answer.status != 200:
        told = answer.diagnostics or "no reason given"
        yield fail(
            f"with the FHIR server: {answer.status}: {told}",
            "have the server registered (fhir_bases) and reachable from the service, and give "
            "--fhir-token where it wants one",
        )
    elif "gap" in topics(answer.cards):
        yield warn("with the FHIR server: a card says that not all was checked", "read it")
    else:
        yield ok(f"with the FHIR server: {len(answer.cards)} cards, {answer.ms:.0f} ms")


def in_time(visit: Visit) -> Iterator[Finding]:
    """Within what CDS Hooks asks for, as we wait for it."""
    if visit.called is None or visit.first.status != 200:
        return
    answers = [visit.call() for _ in range(CALLS)]
    times = [answer.ms for answer in answers]
    own = dict(answers[-1].stages).get("total")
    share = f", {own:.0f} ms of the last one in the service itself" if own is not None else ""
    found = f"{CALLS} calls: {median(times):.0f} ms, at most {max(times):.0f} ms{share}"
    if any(answer.status != 200 for answer in answers):
        yield fail("a call that was answered before is refused now", "look into the service's log")
    elif median(times) > WANTED_MS:
        yield fail(f"{found}; wanted are {WANTED_MS}", "see Server-Timing for the slow stage")
    elif max(times) > WANTED_MS:
        yield warn(f"{found}; wanted are {WANTED_MS}", "see whether that is often so")
    else:
        yield ok(found)


def feedback(visit: Visit) -> Iterator[Finding]:
    """What was done with a card is taken, and may be told twice."""
    if visit.called is None or visit.first.status != 200:
        return
    uuid = next((card["uuid"] for card in visit.first.cards if card.get("uuid")), None)
    if uuid is None:
        yield not_told("no card has a uuid to tell of")
        return
    moment = datetime.fromtimestamp(visit.plan.clock(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    told = {"card": uuid, "outcome": "overridden", "outcomeTimestamp": moment}
    answers = [visit.feedback(told) for _ in range(2)]
    if answers[0].status == 404 and not visit.is_ours:
        yield not_told("it takes no feedback")
    elif any(answer.status != 200 for answer in answers):
        statuses = " and ".join(str(answer.status) for answer in answers)
        yield fail(f"told twice: {statuses}: {answers[-1].diagnostics}", "feedback has to be taken")
    else:
        yield ok("taken, and taken again without complaint")


def receipt(visit: Visit) -> Iterator[Finding]:
    """The proof that the call stands in the audit log, signed with the key of that log."""
    if visit.called is None or visit.first.status != 200:
        return
    text = visit.first.receipt
    if text is None:
        told = f"answers carry no {HEADER}"
        yield warn(told, "see the service's log for why") if visit.is_ours else not_told(told)
        return
    if not visit.plan.log_keys:
        yield not_told("a receipt is there", "give --log-key to have it verified")
        return
    try:
        parse_receipt(text).verify({key.key_id: key for key in visit.plan.log_keys})
    except NoteRefused as refused:
        yield fail(f"the receipt is not of this log: {refused}", "compare `lamo-cds audit key`")
        return
    yield ok("the receipt is signed with the key of the log")


def _from_server(visit: Visit) -> dict[str, Any]:
    plan, service = visit.plan, visit.called or {}
    told: dict[str, Any] = {"fhirServer": plan.fhir_base}
    if plan.patient_id is not None:
        told["context"] = occasion_of(str(service.get("hook")), plan.patient_id).context()
    if plan.fhir_token is not None:
        told["fhirAuthorization"] = {
            "access_token": plan.fhir_token,
            "token_type": "Bearer",
            "expires_in": 300,
            "scope": "patient/*.read",
            "subject": "lamo-doctor",
        }
    return told


def _refused(visit: Visit, answer: Answer) -> Finding:
    if answer.status == 412:
        return ok("without prefetch: 412, with what is wanted")
    if answer.status == 200:
        return ok("without prefetch: answered all the same")
    wanted = "412 and what is wanted" if visit.is_ours else "412, or cards"
    return fail(f"without prefetch: {answer.status}, wanted {wanted}", "answer as CDS Hooks has it")


def _expected(visit: Visit, answer: Answer) -> Iterator[Finding]:
    hook = str((visit.called or {}).get("hook"))
    wanted = EXPECTED.get(hook) if visit.is_ours else None
    told = f"{hook}: {len(answer.cards)} cards, {answer.ms:.0f} ms"
    if wanted is None or wanted in topics(answer.cards):
        yield ok(told)
        return
    yield fail(
        f"{told}, none about the {wanted} of the made-up patient",
        "see whether the card policy shows such cards, and what the gap cards say",
    )


def _complaints(card: dict[str, Any]) -> Iterator[str]:
    summary, source = card.get("summary"), card.get("source")
    if not isinstance(summary, str) or not 0 < len(summary) < LONGEST_SUMMARY:
        yield f"a summary that is not 1 to {LONGEST_SUMMARY - 1} characters"
    if card.get("indicator") not in INDICATORS:
        yield f"an indicator that is none: {plain(str(card.get('indicator')))[:20]}"
    if not isinstance(source, dict) or not source.get("label"):
        yield "a card without source.label"
