"""The page on overrides: who sees it, what stands on it, and what does not."""

import re
from html import unescape
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from cds_service.audit.log import AuditLog
from tests.cds_service.audit.read_model.counted_log import answer, count, showing
from tests.cds_service.reviewer.signing_in import SignIn

pytest_plugins = [
    "tests.cds_service.audit_fixtures",
    "tests.cds_service.reviewer.review_fixtures",
]
# the counts are tested on both
pytestmark = pytest.mark.parametrize("database_server", ["sqlite"], indirect=True)

HOSTILE = "https://<script>alert(1)</script>\"'.example"
MARCH = {"since": "2026-03", "until": "2026-03"}


@pytest.fixture
def shown(audit_log: AuditLog, audit_url: str, tmp_path: Path) -> None:
    """100 cards on allergies, of which 60 were overridden and 20 accepted; a few of others."""
    entry = showing(*[[("allergy", "723")]] * 100, client=HOSTILE)
    audit_log.append_decision(entry)
    answer(audit_log, entry, *["overridden"] * 60, *["accepted"] * 20, client=HOSTILE)
    audit_log.append_decision(showing(*[[("interaction", "11289")]] * 7))
    audit_log.append_decision(showing(*[[("renal", "6809")]] * 30))
    count(audit_url, tmp_path)


def text_of(browser: FlaskClient, **given: str) -> str:
    answer = browser.get("/review/overrides", query_string=MARCH | given)
    assert answer.status_code == 200
    return answer.get_data(as_text=True)


def table_by(html: str, heading: str) -> str:
    """The words of one table, without its tags."""
    part = html.split(f"<h2>By {heading}</h2>")[1].split("<h2>")[0]
    return " ".join(re.sub(r"<[^>]+>", " ", part).split())


@pytest.mark.parametrize(
    ("role", "status"),
    [("reviewer", 200), ("compliance", 200), ("operator", 200), ("administrator", 403)],
)
def test_who_may_see_it(signed_in: SignIn, role: str, status: int) -> None:
    assert signed_in(role).get("/review/overrides").status_code == status


def this_month(audit_log: AuditLog) -> dict[str, str]:
    newest = audit_log.list_events(limit=1)[0].recorded_at[:7]
    return {"since": newest, "until": newest}


@pytest.mark.usefixtures("shown")
def test_three_rates_stand_apart_with_their_intervals(
    signed_in: SignIn, audit_log: AuditLog
) -> None:
    html = text_of(signed_in("reviewer"), **this_month(audit_log), rule="allergy")
    words = " ".join(re.sub(r"<[^>]+>", " ", html).split())
    assert "Response rate 80.0 % (71.1 to 86.7) 80 of 100" in words
    assert "Acceptance rate 25.0 % (16.8 to 35.5) 20 of 80" in words
    assert "Override rate 75.0 % (64.5 to 83.2) 60 of 80" in words
    assert "alone says nothing about whether an alert was right" in words
    assert "Will monitor 100.0 %" in words


@pytest.mark.usefixtures("shown")
def test_small_cells_cannot_be_worked_out(signed_in: SignIn, audit_log: AuditLog) -> None:
    html = text_of(signed_in("operator"), **this_month(audit_log))
    words = table_by(html, "rule")
    assert "Allergy or intolerance 100" in words
    assert "2 more with fewer than 11 cards, or hidden" in words
    assert "Kidney function 30" not in words  # 137 - 100 - 30 would be the 7 of the interaction


@pytest.mark.usefixtures("shown")
def test_texts_of_clients_are_texts(signed_in: SignIn, audit_log: AuditLog) -> None:
    html = text_of(signed_in("reviewer"), **this_month(audit_log), client=HOSTILE)
    assert "<script>alert" not in html
    assert "https://&lt;script&gt;alert(1)" in html
    assert "client=https://%3Cscript%3E" in html


@pytest.mark.usefixtures("shown")
def test_what_is_hidden_is_shown_to_who_asks_and_may_see_the_events(
    signed_in: SignIn, audit_log: AuditLog
) -> None:
    client, month = signed_in("operator"), this_month(audit_log)
    hidden = text_of(client, **month)
    assert "/review/events?" not in hidden.split("<h2>All cards")[1]
    words = table_by(text_of(client, **month, all="1"), "rule")
    assert "Interaction 7 " in words
    assert "Kidney function 30 " in words
    look = audit_log.find_event(audit_log.list_events(limit=1)[0].event_id).body
    assert look["filters"]["all"] == "1"


@pytest.mark.usefixtures("shown")
def test_a_row_leads_to_its_events(signed_in: SignIn, audit_log: AuditLog) -> None:
    month = this_month(audit_log)
    html = text_of(signed_in("reviewer"), **month, all="1")
    links = re.findall(r'href="(/review/events\?[^"]*rule=allergy[^"]*)"', html)
    assert [("outcome=overridden" in link) for link in links] == [False, True]
    assert all(f"first_day={month['since']}-01" in link for link in links)
    assert signed_in("reviewer").get(unescape(links[1])).status_code == 200


def test_a_choice_that_is_none_of_ours_is_refused_and_not_repeated(signed_in: SignIn) -> None:
    for name in ("client", "model", "service_id", "rule", "medication", "since"):
        answer = signed_in("reviewer").get("/review/overrides", query_string={name: "Smith, J."})
        assert answer.status_code == 400
        assert "Smith" not in answer.get_data(as_text=True)


def test_a_log_without_cards_says_so(signed_in: SignIn) -> None:
    assert "No card was shown in these months" in text_of(signed_in("reviewer"))
