"""What calls are like, counted by day."""

from datetime import date
from pathlib import Path

import pytest

from cds_service.audit.database import open_engine
from cds_service.audit.entries import InputState
from cds_service.audit.log import AuditLog
from cds_service.audit.read_model.call_counts import counted, latency_bin, resource_bin
from cds_service.audit.read_model.drift import DriftCounts
from cds_service.audit.read_model.drift_reading import Day, days
from cds_service.audit.read_model.following import clear, follow
from tests.cds_service.audit.read_model.counted_log import count, showing
from tests.cds_service.audit.test_entries import error

pytest_plugins = ["tests.cds_service.audit_fixtures"]


def read(url: str) -> list[Day]:
    engine = open_engine(url, read_only=True)
    with engine.begin() as connection:
        found = list(days(connection, date(2000, 1, 1), date(2099, 1, 1)))
    engine.dispose()
    return found


def test_days_add_up_and_a_rebuild_finds_the_same(
    audit_log: AuditLog, audit_url: str, tmp_path: Path
) -> None:
    for _ in range(2):
        inputs = {"conditions": InputState(state="absent", resources=0)}
        audit_log.append_decision(showing([("allergy", "723")], inputs=inputs))
        audit_log.append_error(error())
        count(audit_url, tmp_path)
    found = read(audit_url)
    assert [(day.service_id, day.model) for day in found] == [("", ""), ("lamo-order-sign", "demo")]
    assert found[0].counts == {"calls": {"": 2}, "outcome": {"refused": 2}}
    assert found[1].counts["input:conditions"] == {"absent": 2}
    assert found[1].counts["gap"] == {"note-unread": 2}
    engine = open_engine(audit_url)
    clear(engine, DriftCounts())
    while follow(engine, [DriftCounts()], at_most=3):
        pass
    engine.dispose()
    assert read(audit_url) == found


def test_a_card_counts_once_for_each_rule_and_medication() -> None:
    about = [("a", "r", "1"), ("a", "r", "2"), ("b", "r", "1")]
    rows = [{"card": card, "rule": rule, "rxcui": rxcui} for card, rule, rxcui in about]
    held = [{"rule": "interaction", "rxcuis": ["1", "3"], "why": "policy"}]
    counts = counted({"kind": "decision", "about": rows, "suppressed": held, "card_count": 9})
    assert counts["rule", "r"] == 2
    assert (counts["medication", "1"], counts["medication", "2"]) == (2, 1)
    assert counts["suppressed medication", "3"] == 1
    assert (counts["cards", "6+"], counts["gap", "none"]) == (1, 1)


@pytest.mark.parametrize(
    ("milliseconds", "place"),
    [(0, "-10"), (0.01, "-10"), (1, "0"), (1.1, "1"), (100, "20"), (101, "21"), (1e9, "50")],
)
def test_bins_of_latency_are_tenths_of_a_decade(milliseconds: float, place: str) -> None:
    assert latency_bin(milliseconds) == place


@pytest.mark.parametrize(
    ("resources", "name"),
    [(0, "0"), (1, "1"), (2, "2-5"), (5, "2-5"), (6, "6-10"), (100, "51-100"), (101, "101+")],
)
def test_bins_of_resources(resources: int, name: str) -> None:
    assert resource_bin(resources) == name
