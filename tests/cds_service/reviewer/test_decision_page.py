"""The page of one event: whole for who may see it, less for others, and never a script."""

from dataclasses import replace
from typing import Any

import pytest

from cds_service.audit.entries import DecisionEntry, InputState, Table
from cds_service.audit.keeping import Keeper
from cds_service.audit.log import AuditLog
from cds_service.audit.sequencer import sequence_all
from cds_service.audit.vault import Whom
from cds_service.keys.service import KeyService
from cds_service.rows import SCORE_COLUMNS
from cds_service.settings import Settings
from fhir_mappings.record import Gap
from tests.cds_service.audit.test_entries import access, administration, decision, error, feedback
from tests.cds_service.reviewer.reading_html import page_of
from tests.cds_service.reviewer.signing_in import SignIn
from tests.cds_service.reviewer.tampering import tamper

pytest_plugins = [
    "tests.cds_service.audit_fixtures",
    "tests.cds_service.reviewer.review_fixtures",
]
pytestmark = pytest.mark.parametrize("database_server", ["sqlite"], indirect=True)

HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(2)> [l](javascript:alert(3))'


def card(text: str, **changes: Any) -> dict[str, Any]:
    """A card with every member, each with the text in it."""
    draft = {"resourceType": "MedicationRequest", "note": text}
    action = {"type": "create", "description": text, "resource": draft, "resourceId": text}
    return {
        "uuid": "card-1",
        "summary": f"Summary {text}",
        "detail": f"**What:** {text}",
        "indicator": "warning",
        "source": {"label": text, "topic": {"display": text}},
        "suggestions": [{"label": f"Take {text}", "uuid": "suggestion-1", "actions": [action]}],
        "overrideReasons": [{"code": "c", "system": text, "display": text}],
        "links": [{"label": text, "url": "javascript:alert(4)", "type": "absolute"}],
    } | changes


def scores(count: int, label: str = "Drug") -> Table:
    """Candidates from high to low; the threshold is that of the fifth."""
    return Table(
        columns=SCORE_COLUMNS,
        rows=[
            (float(-place), 0.5, str(place), f"{label} {place}", -4.5, -60.0, 0.1)
            for place in range(count)
        ],
    )


def whole(text: str = "", **changes: Any) -> DecisionEntry:
    """A decision with something in every section, each with the text in it."""
    return decision(
        user=f"Practitioner/{text}",
        client="https://ehr.example.org",
        patient_id=f"patient-{text}",
        hook_instance=text or "instance",
        inputs={f"conditions{text}": InputState(state="failed", resources=3)},
        notes=[{"document": text, "reader": text, "sha256": text}],
        prompt=f"Age: 50 {text}",
        scores=scores(40, f"Drug {text}"),
        chosen={"ordered": ["39"], "proposed": ["0"], "unsupported": ["39"], "current": []},
        cards=[card(text)],
        about=[{"card": "card-1", "rule": text, "rxcui": text, "basis": ""}],
        suppressed=[{"rule": text, "rxcuis": [text], "why": text}],
        gaps=[Gap(kind=text or "kind", where=text, meaning=f"Unread {text}", shown=True)],
        findings=[{"rule": text, "severity": text, "summary": f"Found {text}", "source": text,
                   "medication": text, "rxcuis": [text], "because": [text, None]}],
        explained=[{"label": text or "Drug 0", "section": text, "fact": text, "delta": -0.5}],
        stage_ms={f"score{text}": 12.5, "total": 20.0},
        model={"name": text or "demo", "version": text, "adapters": {text or "group": text}},
        fhir_versions=("R4",),
        **changes,
    )  # fmt: skip


def seen(sign_in: SignIn, event_id: str, *roles: Any) -> str:
    answer = sign_in(*(roles or ("reviewer",))).get(f"/review/events/{event_id}")
    assert answer.status_code == 200
    return answer.text


def test_every_section_of_a_decision_is_shown(audit_log: AuditLog, signed_in: SignIn) -> None:
    entry = whole()
    audit_log.append_decision(entry)
    text = seen(signed_in, entry.event_id)
    for told in (
        "<strong>What:</strong>", "Take ", "could not be read",
        "Unread", "Age: 50", "Drug  39", "ordered, unsupported", "-0.500", "Found ",
        "12.5 ms", "demo", "patient-", "create",
    ):  # fmt: skip
        assert told in text
    assert page_of(text).dangers == []


@pytest.mark.parametrize(
    ("count", "told"),
    [
        (1, ("ok, 1 card<", "of 1 candidate<", "1 allergy, 1 medication on", "1 adapter and")),
        (2, ("ok, 2 cards<", "2 candidates<", "2 allergies, 2 medications on", "2 adapters and")),
    ],
)
def test_what_is_counted_is_said_in_the_number_that_it_has(
    audit_log: AuditLog, signed_in: SignIn, count: int, told: tuple[str, ...]
) -> None:
    entry = decision(
        cards=[card("", uuid=f"card-{place}") for place in range(count)],
        scores=scores(count),
        notes=[{"document": "d", "allergies": count, "medications_on_admission": count}],
        model={"name": "demo", "adapters": {f"group-{place}": "h" for place in range(count)}},
    )
    audit_log.append_decision(entry)
    text = seen(signed_in, entry.event_id)
    assert [one for one in told if one not in text] == []


def test_a_decision_full_of_scripts_shows_them_as_text(
    audit_log: AuditLog, signed_in: SignIn
) -> None:
    entry = whole(HOSTILE)
    audit_log.append_decision(entry)
    told = {"reason": {"code": HOSTILE}}
    audit_log.append_feedback(
        feedback("card-1", user_comment=HOSTILE, override_reason=told, reason_code=HOSTILE)
    )
    text = seen(signed_in, entry.event_id)
    assert page_of(text).dangers == []
    assert text.count("&lt;script&gt;") > 40


@pytest.mark.parametrize(
    "entry",
    [
        error(client=HOSTILE, message=HOSTILE, code=HOSTILE),
        access(page=HOSTILE, purpose=HOSTILE, user=HOSTILE, filters={HOSTILE: HOSTILE}),
        administration(action=HOSTILE, subject=HOSTILE, reason=HOSTILE, details={HOSTILE: 1}),
        feedback(HOSTILE, client=HOSTILE, user_comment=HOSTILE, accepted_suggestions=(HOSTILE,)),
    ],
    ids=["error", "access", "administration", "feedback"],
)
def test_every_other_event_is_shown_as_plain_text(
    audit_log: AuditLog, signed_in: SignIn, entry: Any
) -> None:
    kind = type(entry).__name__.removesuffix("Entry").lower()
    getattr(audit_log, f"append_{kind}")(entry)
    text = seen(signed_in, entry.event_id, "compliance")
    assert page_of(text).dangers == []
    assert "&lt;script&gt;" in text


def test_details_keep_their_words_and_nothing_to_click(
    audit_log: AuditLog, signed_in: SignIn
) -> None:
    detail = "**Bold** <https://a.example> ![i](https://b.example) [l](https://c.example)\n\n- one"
    entry = decision(cards=[card("", detail=detail)])
    audit_log.append_decision(entry)
    text = seen(signed_in, entry.event_id)
    assert "<strong>Bold</strong>" in text
    assert "<li>one</li>" in text
    assert "[l](https://c.example)" in text
    assert page_of(text).dangers == []


def test_an_operator_sees_nothing_that_is_protected(audit_log: AuditLog, signed_in: SignIn) -> None:
    gap = Gap(kind="kind", where="marked", meaning="marked")
    entry = replace(
        whole("marked"), user="Practitioner/1", hook_instance="i", inputs={}, suppressed=[],
        model={}, about=[], stage_ms={}, gaps=[gap],
    )  # fmt: skip
    audit_log.append_decision(entry)
    told = feedback("card-1", user_comment="marked")
    audit_log.append_feedback(told)
    text = seen(signed_in, entry.event_id, "operator")
    assert "marked" not in text
    assert "Your role sees nothing of patients" in text
    assert "marked" not in seen(signed_in, told.event_id, "operator")


def test_what_became_of_a_card_leads_there_and_back(audit_log: AuditLog, signed_in: SignIn) -> None:
    entry, told = whole(), feedback("card-1", reason_code="will-monitor", user_comment="we will")
    audit_log.append_decision(entry)
    audit_log.append_feedback(told, feedback("another", user_comment="not linked"))
    text = seen(signed_in, entry.event_id)
    assert "Will monitor" in text
    assert "we will" in text
    assert "not linked" not in text
    assert f"/review/events/{told.event_id}" in text
    assert f"/review/events/{entry.event_id}" in seen(signed_in, told.event_id)


def test_many_candidates_are_folded_but_for_those_that_matter(
    audit_log: AuditLog, signed_in: SignIn
) -> None:
    entry = replace(whole(), scores=scores(320), chosen={"ordered": ["300"]})
    audit_log.append_decision(entry)
    first = seen(signed_in, entry.event_id).partition("All 320 candidates")[0]
    assert "Drug 29<" in first
    assert "Drug 30<" not in first
    assert "Drug 300<" in first


def test_scores_that_are_no_numbers_are_told_as_such(
    audit_log: AuditLog, signed_in: SignIn
) -> None:
    rows = [(float("nan"), float("inf"), "1", "Odd", float("-inf"), 0.0, 0.1)]
    entry = decision(scores=Table(columns=SCORE_COLUMNS, rows=rows))
    audit_log.append_decision(entry)
    assert "no number" in seen(signed_in, entry.event_id)


def test_what_was_erased_is_said_to_be_gone(
    audit_log: AuditLog, audit_url: str, audit_keys: KeyService, signed_in: SignIn
) -> None:
    entry = whole("marked")
    audit_log.append_decision(entry)
    keeper = Keeper(audit_url, audit_keys)
    keeper.erase(Whom(client=entry.client, patient_id=entry.patient_id), lambda _: 0)
    keeper.close()
    text = seen(signed_in, entry.event_id)
    assert "was erased or has expired" in text
    assert "Unread marked" not in text
    kinds = {event.kind: event.event_id for event in audit_log.list_events()}
    assert "erase-patient" in seen(signed_in, kinds["retention"], "compliance")


@pytest.mark.parametrize("event_id", ["01a206c2-b9d3-77ca-a152-85f372ac94ac", "none", "a%00b"])
def test_an_id_of_no_event_is_a_page_that_says_so(signed_in: SignIn, event_id: str) -> None:
    answer = signed_in("reviewer").get(f"/review/events/{event_id}")
    assert (answer.status_code, answer.mimetype) == (404, "text/html")


def test_a_look_at_an_event_is_recorded(audit_log: AuditLog, signed_in: SignIn) -> None:
    entry = whole()
    audit_log.append_decision(entry)
    seen(signed_in, entry.event_id)
    newest = audit_log.find_event(audit_log.list_events(limit=1)[0].event_id).body
    assert (newest["page"], newest["looked_at"]) == ("decision", entry.event_id)


def test_a_decision_that_was_changed_is_not_shown_as_one(
    audit_log: AuditLog, audit_url: str, settings: Settings, signed_in: SignIn
) -> None:
    entry = decision()
    audit_log.append_decision(entry)
    audit_log.append_feedback(feedback(str(entry.cards[0]["uuid"])))
    sequence_all(audit_url, settings.var_dir)
    address = f"/review/events/{entry.event_id}"
    changed = (
        "UPDATE event SET body = CAST(replace(body, 'order', 'other') AS {}) WHERE kind = '{}'"
    )
    tamper(audit_url, changed.format("BLOB", "feedback"))
    assert "1 report was changed in the database" in signed_in("reviewer").get(address).text
    tamper(audit_url, changed.format("BLOB", "decision"))
    text = signed_in("reviewer").get(address).text
    assert "This event was changed in the database" in text
    assert "Cards as they were sent" not in text
    tamper(audit_url, changed.format("TEXT", "decision"))
    answer = signed_in("reviewer").get(address)
    assert (answer.status_code, "event.body holds text" in answer.text) == (500, True)
