"""The events of a process are numbered without gaps, or it is told which are missing."""

from pathlib import Path

import pytest
from sqlalchemy.exc import IntegrityError

from cds_service.audit.counting import WorkerCounter
from cds_service.audit.database import AuditFailure
from cds_service.audit.findings import Findings
from cds_service.audit.log import AuditLog
from cds_service.audit.numbered import Numbered
from tests.cds_service.audit.evidence_fixtures import failed_checks, fill, var_dir
from tests.cds_service.audit.test_entries import decision, feedback

pytest_plugins = ["tests.cds_service.audit_fixtures"]
__all__ = ["var_dir"]


def found(*numbers: int, unused: tuple[int, ...] = ()) -> Findings:
    findings = Findings()
    numbered = Numbered(findings)
    for number in numbers:
        numbered.see("here", "w", number)
    for number in unused:
        numbered.skip("w", number)
    numbered.end()
    return findings


def test_any_order_is_whole() -> None:
    assert found(3, 1, 2).failed == {}
    assert found(*range(1, 50), 52, unused=(50, 51)).notes == []


def test_a_gap_is_told() -> None:
    (told,) = found(*range(1, 7), *range(8, 60)).failed["workers"]
    assert told == "process w: 1 events missing, first 7"


def test_a_number_that_is_far_off_is_told_without_counting_to_it() -> None:
    (told,) = found(*range(1, 7), 10**15).failed["workers"]
    assert told == f"process w: {10**15 - 7 - 16} events missing, first 7"


def test_a_gap_at_the_end_is_noted_and_may_be_a_killed_process() -> None:
    findings = found(*range(1, 30), 31)
    assert (findings.failed, "first 30" in findings.notes[0]) == ({}, True)


def test_a_number_is_used_once() -> None:
    assert found(1, 2, 2).failed["workers"] == ["here: number 2 of process w again"]


def test_what_failed_is_told_by_the_next() -> None:
    counter = WorkerCounter()
    with pytest.raises(IntegrityError), counter.numbers(2):
        raise IntegrityError(None, None, ValueError())
    with counter.numbers(0) as none:  # an empty feedback
        assert none == []
    with counter.numbers(1) as (stamp,):
        assert (stamp["counter"], stamp["unused"]) == (3, [1, 2])


def test_refused_and_repeated_entries_leave_no_gap(
    audit_log: AuditLog, audit_url: str, var_dir: Path
) -> None:
    entry = decision()
    audit_log.append_decision(entry)
    for _ in range(20):
        with pytest.raises(AuditFailure):
            audit_log.append_decision(entry)
        audit_log.append_feedback(feedback("card-1"))
    fill(audit_log, audit_url, var_dir, 20)
    assert failed_checks(audit_url, var_dir) == []
