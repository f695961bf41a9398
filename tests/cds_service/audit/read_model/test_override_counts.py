"""Cards and their outcomes, each counted once, in the month that it was shown in."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from cds_service.audit.database import open_engine
from cds_service.audit.keeping import Keeper
from cds_service.audit.log import AuditLog
from cds_service.audit.models import EventRow
from cds_service.audit.read_model.following import Followed, clear, follow
from cds_service.audit.read_model.outcomes import report_of
from cds_service.audit.read_model.override_reading import Chosen, Tally
from cds_service.audit.read_model.overrides import OverrideCounts
from cds_service.audit.typed import parsed
from cds_service.audit.vault import Whom
from cds_service.keys.service import KeyService
from tests.cds_service.audit.read_model.counted_log import ALL, answer, count, showing, tallied
from tests.cds_service.audit.test_entries import NOON, feedback

pytest_plugins = ["tests.cds_service.audit_fixtures"]

MAY = datetime(2026, 5, 31, 23, 59, tzinfo=UTC)
PAIR = ("allergy", "723")
OTHER = ("interaction", "11289")


def test_a_card_about_several_medications_is_one_card(
    audit_log: AuditLog, audit_url: str, tmp_path: Path
) -> None:
    entry = showing([PAIR, OTHER, ("interaction", "723")], [PAIR], [])
    audit_log.append_decision(entry)
    answer(audit_log, entry, "overridden")
    count(audit_url, tmp_path)
    found = tallied(audit_url)
    overridden = Tally(shown=1, overridden=1)
    assert sum(found["month"].values(), Tally()) == Tally(shown=3, overridden=1)
    assert found["rule"] == {
        "allergy": Tally(shown=2, overridden=1),
        "interaction": overridden,
        "": Tally(shown=1),
    }
    assert found["rxcui"]["11289"] == overridden
    assert found["reason"]["will-monitor"] == Tally(overridden=1)
    pair = tallied(audit_url, replace(ALL, rule="interaction", rxcui="723"))
    assert pair["service_id"] == {"lamo-order-sign": overridden}


@pytest.mark.parametrize("database_server", ["sqlite"], indirect=True)
def test_the_month_is_that_of_the_card_and_not_of_its_report(
    audit_url: str, audit_keys: KeyService, tmp_path: Path
) -> None:
    clock = iter([MAY, MAY, MAY + timedelta(days=3)] * 9)
    log = AuditLog(audit_url, audit_keys, clock=lambda: next(clock))
    log.append_decision(entry := showing([PAIR]))
    answer(log, entry, "accepted")
    count(audit_url, tmp_path)
    assert tallied(audit_url)["month"] == {"2026-05": Tally(shown=1, accepted=1)}
    assert tallied(audit_url, Chosen(since="2026-06", until="2026-12"))["month"] == {}
    log.close()


def test_the_first_report_counts_and_one_that_contradicts_it_is_told_apart(
    audit_log: AuditLog, audit_url: str, tmp_path: Path
) -> None:
    audit_log.append_decision(entry := showing([PAIR]))
    for outcome, minutes in (
        ("accepted", 0),
        ("accepted", 1),
        ("overridden", 2),
        ("overridden", 3),
    ):
        answer(audit_log, entry, outcome, outcome_timestamp=NOON + timedelta(minutes=minutes))
        count(audit_url, tmp_path)
    total = tallied(audit_url)["client"]["https://ehr.example.org"]
    assert total == Tally(shown=1, accepted=1, contradicted=1)


def test_a_report_that_is_not_linked_counts_for_nothing(
    audit_log: AuditLog, audit_url: str, tmp_path: Path
) -> None:
    audit_log.append_decision(entry := showing([PAIR]))
    answer(audit_log, entry, "overridden", client="https://elsewhere.example.org")
    audit_log.append_feedback(feedback("no-card-of-ours"))
    count(audit_url, tmp_path)
    assert tallied(audit_url)["rule"] == {"allergy": Tally(shown=1)}


def test_feedback_on_a_card_of_an_erased_patient_counts_with_its_reason(
    audit_log: AuditLog, audit_url: str, audit_keys: KeyService, tmp_path: Path
) -> None:
    audit_log.append_decision(entry := showing([PAIR]))
    count(audit_url, tmp_path)
    keeper = Keeper(audit_url, audit_keys)
    keeper.erase(Whom(client=entry.client, patient_id=entry.patient_id), lambda _: 0)
    answer(audit_log, entry, "overridden")
    count(audit_url, tmp_path)
    assert tallied(audit_url)["rule"] == {"allergy": Tally(shown=1, overridden=1)}
    assert tallied(audit_url)["reason"]["will-monitor"].overridden == 1
    keeper.close()


def test_each_event_counts_once_whatever_the_steps(
    audit_log: AuditLog, audit_url: str, tmp_path: Path
) -> None:
    for _ in range(3):
        audit_log.append_decision(entry := showing([PAIR], [PAIR, OTHER]))
        answer(audit_log, entry, "overridden", "accepted")
    count(audit_url, tmp_path)
    at_once = tallied(audit_url)
    engine = open_engine(audit_url)
    clear(engine, OverrideCounts())
    assert tallied(audit_url)["rule"] == {}
    while follow(engine, [OverrideCounts()], at_most=2):
        pass
    engine.dispose()
    assert tallied(audit_url) == at_once
    assert at_once["rule"]["allergy"] == Tally(shown=6, accepted=3, overridden=3)


@pytest.mark.parametrize("database_server", ["sqlite"], indirect=True)
def test_a_report_that_has_its_place_before_its_card_counts_the_same(
    audit_log: AuditLog, audit_url: str
) -> None:
    audit_log.append_decision(entry := showing([PAIR]))
    answer(audit_log, entry, "accepted")
    engine = open_engine(audit_url)
    with engine.begin() as connection:
        newest = select(EventRow.event_id, EventRow.body).order_by(EventRow.event_id.desc())
        for row in connection.execute(newest).all():
            one = Followed(leaf_index=0, event_id=row.event_id, body=parsed(row.body) or {})
            OverrideCounts().apply(connection, [one])
    engine.dispose()
    assert tallied(audit_url)["rule"] == {"allergy": Tally(shown=1, accepted=1)}


@pytest.mark.parametrize("database_server", ["sqlite"], indirect=True)
@pytest.mark.parametrize("body", [{"kind": "decision"}, {"kind": "feedback"}, {}, {"offered": 3}])
def test_a_body_that_lacks_everything_holds_nothing_up(
    audit_log: AuditLog, audit_url: str, body: dict[str, Any]
) -> None:
    engine = open_engine(audit_url)
    with engine.begin() as connection:
        odd: list[dict[str, Any]] = [body, {"kind": "decision", "offered": {"a": []}, "about": [3]}]
        events = [Followed(leaf_index=0, event_id="x", body=one) for one in odd]
        OverrideCounts().apply(connection, events)
    engine.dispose()
    assert tallied(audit_url)["rule"] == {}


def test_a_report_of_an_older_release_has_no_reason() -> None:
    report = report_of({"card": "c", "outcome": "overridden", "decision_event_id": "d"})
    assert report is not None
    assert report.reason == "none"
