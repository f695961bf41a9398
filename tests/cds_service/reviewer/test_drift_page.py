"""The page on drift: two periods side by side, and what it cannot show."""

import json
import re
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

from cds_service.audit.database import open_engine
from cds_service.audit.read_model.drift import DriftCounts
from cds_service.audit.read_model.following import Followed
from tests.cds_service.reviewer.review_fixtures import TODAY
from tests.cds_service.reviewer.signing_in import SignIn

pytest_plugins = [
    "tests.cds_service.audit_fixtures",
    "tests.cds_service.reviewer.review_fixtures",
]
# the counts are tested on both
pytestmark = pytest.mark.parametrize("database_server", ["sqlite"], indirect=True)

HOSTILE = "</script><script>alert(1)</script>"


def body(day: date, **changes: Any) -> Mapping[str, Any]:
    return {
        "kind": "decision",
        "recorded_at": f"{day}T12:00:00.000000Z",
        "service_id": "lamo-order-sign",
        "model": {"name": "demo", "version": "1"},
        "outcome": "ok",
        "card_count": 1,
        "inputs": {"allergies": {"state": "supplied", "resources": 2}},
        "stage_ms": {"total": 20.0},
    } | changes


def fill(url: str, *bodies: Mapping[str, Any]) -> None:
    engine = open_engine(url)
    with engine.begin() as connection:
        events = [Followed(leaf_index=0, event_id="", body=one) for one in bodies]
        DriftCounts().apply(connection, events)
    engine.dispose()


@pytest.fixture
def drifted(audit_url: str) -> None:
    """200 calls in the reference period; then 100 of another model, half without allergies."""
    before, after = TODAY.date() - timedelta(days=10), TODAY.date() - timedelta(days=2)
    lacking = {"allergies": {"state": "absent", "resources": 0}}
    changed = {"model": {"name": HOSTILE, "version": "2"}, "stage_ms": {"total": 200.0}}
    fill(audit_url, *[body(before)] * 200)
    fill(audit_url, *[body(after, **changed)] * 50, *[body(after, **changed, inputs=lacking)] * 50)


def words_of(client: FlaskClient, **given: str) -> str:
    answer = client.get("/review/drift", query_string=given)
    assert answer.status_code == 200
    return " ".join(re.sub(r"<[^>]+>", " ", answer.get_data(as_text=True)).split())


@pytest.mark.parametrize(
    ("role", "status"),
    [("reviewer", 200), ("compliance", 200), ("operator", 200), ("administrator", 403)],
)
def test_who_may_see_it(signed_in: SignIn, role: str, status: int) -> None:
    assert signed_in(role).get("/review/drift").status_code == status


@pytest.mark.usefixtures("drifted")
def test_the_last_week_stands_beside_the_four_before(signed_in: SignIn) -> None:
    words = words_of(signed_in("operator"))
    assert "Reference: 2026-02-26 to 2026-03-25, 200 calls." in words
    assert "Current: 2026-03-26 to 2026-04-01, 100 calls." in words
    assert "The models of the two periods are not the same." in words
    assert re.search(r"How allergies arrived 200 100 \d\.\d{3} 0\.015 much changed", words)
    assert "absent 0 (0.0 %) 50 (50.0 %)" in words
    assert "Outcome of the call 200 100 0.000 0.000 little changed" in words
    assert "whether ages, sexes or diagnoses have changed" in words


@pytest.mark.usefixtures("drifted")
def test_charts_are_data_and_texts_in_them_are_texts(signed_in: SignIn) -> None:
    html = signed_in("reviewer").get("/review/drift").get_data(as_text=True)
    data = re.findall(r'<script type="application/json" id="chart-[^"]+">(.*?)</script>', html)
    assert len(data) == 4
    lacking = json.loads(data[2])["series"]
    assert [one["label"] for one in lacking] == ["allergies"]
    assert [value for value in lacking[0]["values"] if value is not None] == [0.0, 50.0]
    assert "<script>alert" not in html


@pytest.mark.usefixtures("drifted")
def test_one_model_can_be_looked_at_alone(signed_in: SignIn) -> None:
    words = words_of(signed_in("reviewer"), model="demo 1")
    assert "Current: 2026-03-26 to 2026-04-01, 0 calls." in words
    assert "too few to tell" in words


def test_too_few_calls_are_said_to_be_too_few(signed_in: SignIn, audit_url: str) -> None:
    for days in (10, 2):
        day = TODAY.date() - timedelta(days=days)
        fill(audit_url, *[body(day)] * 9, body(day, outcome="no-card"))
    assert "Outcome of the call 10 10 0.000 0.200 too few to tell" in words_of(
        signed_in("operator")
    )


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"since": "2026-03-01", "until": "2026-02-01"}, "must end before"),
        ({"reference_since": "2020-01-01"}, "400 days"),
        ({"since": "Smith"}, "wanted a day"),
        ({"model": "Smith"}, "no such value"),
    ],
)
def test_periods_that_are_none_are_refused(
    signed_in: SignIn, given: dict[str, str], says: str
) -> None:
    answer = signed_in("reviewer").get("/review/drift", query_string=given)
    assert answer.status_code == 400
    assert says in answer.get_data(as_text=True)
    assert "Smith" not in answer.get_data(as_text=True)


def test_a_log_without_calls_says_so(signed_in: SignIn) -> None:
    assert "No call was counted in these periods" in words_of(signed_in("reviewer"))
