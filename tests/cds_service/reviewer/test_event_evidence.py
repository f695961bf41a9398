"""Verifying one event by a browser: every step by itself, and a proof to take away."""

import json
from base64 import b64decode

import pytest

from cds_service.audit.checkpoint import parse_head
from cds_service.audit.log import AuditLog
from cds_service.audit.merkle import verify_inclusion
from cds_service.audit.sequencer import sequence_all
from cds_service.keys.signing import FILE, SigningFile, new_signing_keys
from cds_service.reviewer.desk import ReviewDesk
from cds_service.settings import Settings
from tests.cds_service.audit.test_entries import decision
from tests.cds_service.reviewer.signing_in import SignIn
from tests.cds_service.reviewer.tampering import tamper

pytest_plugins = [
    "tests.cds_service.audit_fixtures",
    "tests.cds_service.reviewer.review_fixtures",
]
on_sqlite = pytest.mark.parametrize("database_server", ["sqlite"], indirect=True)


@pytest.fixture
def event_id(
    audit_log: AuditLog, audit_url: str, settings: Settings, review_desk: ReviewDesk
) -> str:
    """The middle one of three events that have their place under a head."""
    entries = [decision(patient_id=f"patient-{number}") for number in range(3)]
    for entry in entries:
        audit_log.append_decision(entry)
    assert sequence_all(audit_url, settings.var_dir) == 3
    return entries[1].event_id


def outcomes(desk: ReviewDesk, event_id: str) -> list[str]:
    """Of bytes, place, head, payload and columns."""
    return [one.outcome for one in desk.evidence.check(event_id)]


def test_an_event_that_nobody_changed_passes_every_check(
    signed_in: SignIn, review_desk: ReviewDesk, event_id: str
) -> None:
    assert outcomes(review_desk, event_id) == ["ok"] * 5
    address = f"/review/events/{event_id}/verification"
    assert "stands in the log as it was recorded" in signed_in("operator").get(address).text
    part = signed_in("reviewer").get(address, headers={"HX-Request": "true"}).text
    assert part.lstrip().startswith('<p class="note good">')


@on_sqlite
@pytest.mark.parametrize(
    ("statement", "wanted"),
    [
        (
            "UPDATE event SET body = CAST(replace(body, 'ok', 'no') AS BLOB) WHERE event_id = :id",
            ["failed", "failed", "ok", "ok", "failed"],
        ),
        (
            "UPDATE event SET body = x'78' WHERE event_id = :id",
            ["failed", "failed", "ok", "failed", "failed"],
        ),
        (
            "UPDATE leaf SET leaf_hash = zeroblob(32) WHERE event_id = :id",
            ["failed", "ok", "ok", "ok", "ok"],
        ),
        (
            "UPDATE leaf SET leaf_hash = zeroblob(32) WHERE event_id <> :id",
            ["ok", "failed", "ok", "ok", "ok"],
        ),
        (
            "UPDATE head SET note = replace(note, 'time 2', 'time 1')",
            ["ok", "failed", "failed", "ok", "ok"],
        ),
        (
            "UPDATE payload SET ciphertext = x'78' WHERE event_id = :id",
            ["ok", "ok", "ok", "failed", "ok"],
        ),
        ("DELETE FROM payload WHERE event_id = :id", ["ok", "ok", "ok", "gone", "ok"]),
        (
            "UPDATE event SET outcome = 'seen' WHERE event_id = :id",
            ["ok", "ok", "ok", "ok", "failed"],
        ),
    ],
)
def test_a_change_fails_the_check_that_it_is_about(
    review_desk: ReviewDesk, audit_url: str, event_id: str, statement: str, wanted: list[str]
) -> None:
    if ":id" in statement:
        tamper(audit_url, statement, id=event_id)
    else:
        tamper(audit_url, statement)
    assert outcomes(review_desk, event_id) == wanted


@on_sqlite
def test_a_head_of_another_key_proves_nothing(
    review_desk: ReviewDesk, settings: Settings, event_id: str
) -> None:
    SigningFile(settings.var_dir / FILE).replace(new_signing_keys())
    assert outcomes(review_desk, event_id)[1:3] == ["failed", "failed"]


@on_sqlite
def test_an_event_of_just_now_waits_for_its_head(
    signed_in: SignIn, review_desk: ReviewDesk, audit_log: AuditLog, event_id: str
) -> None:
    entry = decision()
    audit_log.append_decision(entry)
    assert outcomes(review_desk, entry.event_id)[:2] == ["waiting", "waiting"]
    client = signed_in("compliance")
    assert "Check again" in client.get(f"/review/events/{entry.event_id}/verification").text
    assert client.get(f"/review/events/{entry.event_id}/proof").status_code == 404


@on_sqlite
def test_the_proof_holds_for_who_takes_it_away(signed_in: SignIn, event_id: str) -> None:
    answer = signed_in("compliance").get(f"/review/events/{event_id}/proof")
    assert answer.headers["Content-Disposition"].startswith("attachment")
    told = json.loads(answer.text)
    head = parse_head(told["head"]).checkpoint
    steps = [b64decode(step) for step in told["proof"]]
    leaf = bytes.fromhex(told["leaf_hash"])
    verify_inclusion(leaf, told["leaf_index"], head.size, steps, head.root)


@on_sqlite
def test_an_id_of_no_event_cannot_be_verified(signed_in: SignIn) -> None:
    nothing = "/review/events/01a206c2-b9d3-77ca-a152-85f372ac94ac"
    assert signed_in("reviewer").get(f"{nothing}/verification").status_code == 404
    assert signed_in("reviewer").get(f"{nothing}/proof").status_code == 404
