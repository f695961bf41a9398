"""Searching events, on both databases: every filter, days, and paging while events arrive."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cds_service.audit.database import open_engine
from cds_service.audit.log import AuditLog
from cds_service.audit.read_model.search import Search, find
from tests.cds_service.audit.evidence_fixtures import var_dir
from tests.cds_service.audit.read_model_fixtures import (
    KINDS,
    about,
    derive_all,
    found_in,
    page_of,
    write_decisions,
)
from tests.cds_service.audit.test_entries import decision, error, feedback

pytest_plugins = ["tests.cds_service.audit_fixtures"]
__all__ = ["var_dir"]
TODAY = datetime.now(UTC).date()
DAY = timedelta(days=1)


def test_every_filter_finds_what_it_names(
    audit_log: AuditLog, audit_url: str, var_dir: Path
) -> None:
    card = {"uuid": "card-1", "summary": "One"}
    wanted = decision(
        client="other",
        service_id="lamo-patient-view",
        hook="patient-view",
        request_id="request-9",
        user="Practitioner/9",
        patient_id="patient-9",
        model={"name": "demo", "version": "9"},
        cards=[card],
        about=[about("card-1", "interaction", "11289")],
        suppressed=[{"rule": "renal", "rxcuis": ["6809"], "why": "policy"}],
    )
    audit_log.append_decision(wanted)
    write_decisions(audit_log, 3, about=[about("c", "interaction", "6809")])
    audit_log.append_error(error(client="third"))
    derive_all(audit_url, var_dir)
    pid = str(page_of(audit_url, None, client="other")[0].patient)
    filters: list[dict[str, Any]] = [
        {"client": "other"},
        {"service_id": "lamo-patient-view"},
        {"hook": "patient-view"},
        {"model": "demo 9"},
        {"request_id": "request-9"},
        {"user_ref": "Practitioner/9"},
        {"patient": pid},
        {"rule": "renal"},
        {"rxcui": "11289"},
        {"rule": "interaction", "rxcui": "11289"},
        {"card": "card-1"},
        {"event_id": wanted.event_id.upper()},
        {"rule": "interaction", "user_ref": "Practitioner/9"},
        {"rule": "interaction", "patient": pid, "first_day": TODAY, "last_day": TODAY},
        {"card": "card-1", "rule": "renal", "outcome": "ok"},
    ]
    for asked in filters:
        assert found_in(audit_url, **asked) == [wanted.event_id], asked
    assert found_in(audit_url, rule="renal", rxcui="11289") == []
    assert found_in(audit_url, first_day=TODAY + DAY) == []
    assert found_in(audit_url, last_day=TODAY - DAY) == []
    assert len(found_in(audit_url, kinds=("error",))) == 1


def test_feedback_is_found_by_what_its_card_was_about(
    audit_log: AuditLog, audit_url: str, var_dir: Path
) -> None:
    card = {"uuid": "card-1", "summary": "One"}
    one, other = about("card-1", "interaction", "11289"), about("card-2", "renal", "6809")
    audit_log.append_decision(entry := decision(cards=[card], about=[one, other]))
    audit_log.append_feedback(told := feedback("card-1"))
    derive_all(audit_url, var_dir)
    assert found_in(audit_url, outcome="overridden", rxcui="11289") == [told.event_id]
    assert found_in(audit_url, outcome="overridden", rxcui="6809") == []
    assert found_in(audit_url, card="card-1") == [told.event_id, entry.event_id]


@pytest.mark.parametrize(
    "asked", [{}, {"rule": "interaction"}, {"user_ref": "Practitioner/example"}]
)
def test_paging_neither_skips_nor_repeats_while_events_arrive(
    audit_log: AuditLog, audit_url: str, var_dir: Path, asked: dict[str, str]
) -> None:
    names = {"about": [about("c", "interaction", "11289")]}
    ids = write_decisions(audit_log, 7, **names)
    derive_all(audit_url, var_dir)
    seen, before = [], None
    while rows := page_of(audit_url, before, limit=2, **asked):
        seen += [row.event_id for row in rows]
        before = seen[-1]
        write_decisions(audit_log, 2, client=f"client-{len(seen)}", **names)
        derive_all(audit_url, var_dir)
    assert seen == [*reversed(ids)]


def test_the_last_page_says_so(audit_log: AuditLog, audit_url: str, var_dir: Path) -> None:
    ids = write_decisions(audit_log, 4)
    derive_all(audit_url, var_dir)
    engine = open_engine(audit_url, read_only=True)
    with engine.begin() as connection:
        first = find(connection, Search(kinds=KINDS), limit=2)
        last = find(connection, Search(kinds=KINDS), first.older, limit=2)
    engine.dispose()
    assert (first.older, last.older) == (ids[2], None)


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"event_id": "7"}, "an event id is a UUID"),
        ({"client": "x" * 256}, "client: found 256 characters, wanted 1 to 255"),
        ({"first_day": TODAY, "last_day": TODAY - DAY}, "the first day is after the last"),
        ({"last_day": date(9999, 12, 31)}, "a day is outside of the years"),
    ],
)
def test_what_can_find_nothing_is_refused(asked: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        Search(kinds=KINDS, **asked)
