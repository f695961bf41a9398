"""Cards on the pages: shown, taken, overridden, and what is behind the call that they came with."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from cds_service.cds_client.answer import Answer
from cds_service.sandbox.ehr.cards import rendered, shown_cards
from cds_service.sandbox.ehr.desk import Firing, OpenChart
from cds_service.sandbox.firing import Occasion
from cds_service.sandbox.patients import SandboxPatient
from tests.cds_service.sandbox.ehr.trying import Trying, text_of

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)


@pytest.fixture
def adam(trying: Trying) -> SandboxPatient:
    """Somebody allergic to penicillin, with a draft of amoxicillin and the card about it."""
    patient = trying.patient("Adam Birch")
    trying.click(patient, "select", trial="0")
    return patient


def first_card(trying: Trying, patient: SandboxPatient) -> Any:
    return trying.last(patient).answer.cards[0]


def kept_feedback(trying: Trying) -> Any:
    event = trying.newest_event()
    assert event.summary.kind == "feedback"
    return event.body


def test_a_card_says_how_pressing_it_is_why_and_on_what_it_rests(
    trying: Trying, adam: SandboxPatient
) -> None:
    page = text_of(trying.page(adam))
    card = first_card(trying, adam)
    assert f"{card['indicator'].capitalize()} Allergy or intolerance" in page
    assert card["summary"] in page
    assert f"Source: {card['source']['label']}" in page
    assert "<strong>Why:</strong>" in trying.page(adam)


def test_an_accepted_suggestion_is_done_and_reported(trying: Trying, adam: SandboxPatient) -> None:
    card = first_card(trying, adam)
    suggestion = card["suggestions"][0]["uuid"]
    page = trying.click(adam, f"cards/{card['uuid']}/accept", suggestion=suggestion)
    assert "The feedback was recorded" in page
    assert trying.orders(adam, "draft") == []
    kept = kept_feedback(trying)
    assert (kept["outcome"], kept["accepted_suggestions"]) == ("accepted", [suggestion])
    assert kept["card"] == card["uuid"]


def test_a_card_is_answered_once(trying: Trying, adam: SandboxPatient) -> None:
    path = f"cards/{first_card(trying, adam)['uuid']}/override"
    assert "Overridden: no reason given" in trying.click(adam, path)
    told = trying.log.list_events(limit=1)
    assert "Not done: this card was answered already" in trying.click(adam, path)
    assert trying.log.list_events(limit=1) == told


def test_an_override_is_reported_with_its_reason_and_comment_and_others_are_told(
    trying: Trying,
) -> None:
    julia = trying.patient("Julia Kent")  # of no other test: what is overridden is not shown again
    trying.click(julia, "select", trial="0")
    card = first_card(trying, julia)
    reason = card["overrideReasons"][0]
    told = {"reason": reason["code"], "comment": "Tolerated last year"}
    page = text_of(trying.click(julia, f"cards/{card['uuid']}/override", **told))
    assert f"Overridden: {reason['display']}; Tolerated last year" in page
    assert kept_feedback(trying)["outcome"] == "overridden"
    assert kept_feedback(trying)["reason_code"] == reason["code"]
    assert len(trying.orders(julia, "draft")) == 1
    trying.pages.post("/ehr/sitting", data={"user": "Practitioner/sandbox-pharmacist"})
    page = text_of(trying.click(julia, "sign"))
    assert re.search(rf"Overridden by another user on [0-9-]{{10}}: {reason['display']}\.", page)


def test_a_suggested_draft_is_created_in_the_store(trying: Trying) -> None:
    henry = trying.patient("Henry Irwin")
    trying.scorer.log_odds = {"Cyclobenzaprine": 20.0}
    trying.click(henry, "select", rxcui="161")
    trying.click(henry, "sign")
    (card,) = (one for one in trying.last(henry).answer.cards if len(one.get("suggestions", ())))
    chosen = [one["uuid"] for one in card["suggestions"]]
    trying.click(henry, f"cards/{card['uuid']}/accept", suggestion=chosen)
    names = [one["medicationCodeableConcept"]["text"] for one in trying.orders(henry, "draft")]
    assert "Cyclobenzaprine" in names
    assert kept_feedback(trying)["accepted_suggestions"] == chosen


def test_a_card_for_one_patient_changes_nothing_of_another(
    trying: Trying, adam: SandboxPatient
) -> None:
    card = first_card(trying, adam)
    other = trying.patient("Noah Olsen")
    taken = card["suggestions"][0]["uuid"]
    page = trying.click(other, f"cards/{card['uuid']}/accept", suggestion=taken)
    assert "Not done: this card is not known any more" in page
    assert len(trying.orders(adam, "draft")) == 1


def test_behind_a_call_stand_request_answer_times_receipt_and_audit_entry(
    trying: Trying, adam: SandboxPatient
) -> None:
    page, answer = trying.page(adam), trying.last(adam).answer
    event = trying.log.list_events(limit=1)[0].event_id
    assert answer.event_id == event
    assert f'href="{trying.desk.service_url}/review/events/{event}"' in page
    assert answer.receipt is not None
    assert answer.receipt in page
    assert answer.token not in page
    assert answer.token[:12] in page
    assert [stage for stage, _ in answer.stages][-1] == "total"
    assert page.count("<rect ") == len(answer.stages) + 1


def put_card(trying: Trying, patient: SandboxPatient, **members: Any) -> str:
    """Put a card of another service under the last firing; what is added to the chart's address."""
    opened = trying.ehr.sitting.chart(patient.patient_id)
    body = {"cards": [{"uuid": "u1", "indicator": "info", **members}]}
    last = opened.firings[0]
    opened.firings.appendleft(replace(last, answer=replace(last.answer, body=body)))
    return "cards/u1"


def test_a_smart_link_opens_its_app_with_the_context_of_the_card(
    trying: Trying, adam: SandboxPatient
) -> None:
    link = {"label": "App", "url": "https://app.org/go", "type": "smart", "appContext": "why"}
    card = put_card(trying, adam, links=[link])
    url = f"/ehr/charts/{adam.patient_id}/{card}/links"
    where = trying.pages.get(f"{url}/0").headers["Location"]
    assert where.startswith("https://app.org/go?iss=http")
    launch = trying.desk.smart.launches.find(where.rpartition("launch=")[2])
    assert launch is not None
    assert launch.app_context == "why"
    assert trying.pages.get(f"{url}/1").status_code == 404


@pytest.mark.parametrize("whose", ["Adam Birch", "Noah Olsen"])
def test_a_suggestion_stops_an_order_of_the_open_chart_alone(
    trying: Trying, adam: SandboxPatient, whose: str
) -> None:
    trying.click(adam, "sign")
    trying.click(adam, "sign/confirm")
    (order,) = trying.orders(adam, "active")
    other = trying.patient(whose)
    trying.click(other, "open")
    action = {"type": "update", "description": "Stop", "resource": order | {"status": "stopped"}}
    suggestion = {"label": "Stop it", "uuid": "s1", "actions": [action]}
    card = put_card(trying, other, suggestions=[suggestion])
    page = trying.click(other, f"{card}/accept", suggestion="s1")
    assert len(trying.orders(adam, "stopped")) == (1 if other == adam else 0)
    assert ("about another patient" in page) is (other != adam)


def chart_with(*cards: dict[str, Any]) -> OpenChart:
    answer = Answer(url="http://service", status=200, body={"cards": list(cards)})
    chart = OpenChart()
    occasion = Occasion(hook="patient-view", patient_id="p1")
    chart.firings.append(Firing(occasion=occasion, call=None, answer=answer, moment=NOW))
    return chart


def test_the_most_pressing_card_is_the_first() -> None:
    cards = [{"indicator": one, "summary": one} for one in ("info", "critical", "odd", "warning")]
    shown = [card.summary for card in shown_cards(chart_with(*cards))]
    assert shown == ["critical", "warning", "info", "odd"]


def test_links_that_are_scripts_are_left_out() -> None:
    links = [{"label": "a", "url": "javascript:alert(1)"}, {"label": "b", "url": "https://b.org"}]
    (card,) = shown_cards(chart_with({"indicator": "info", "links": links}))
    assert [(one["label"], one["number"]) for one in card.links] == [("b", 1)]


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "![x](https://elsewhere.example/pixel.png)",
        "[x](javascript:alert(1))",
        "[x](data:text/html,alert)",
    ],
)
def test_markdown_brings_no_html_image_or_script(text: str) -> None:
    html = rendered(text)
    assert not any(one in html for one in ("<script", "<img", 'href="javascript', 'href="data'))
