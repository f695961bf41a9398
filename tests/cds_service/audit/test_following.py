"""Projections: each event once, through crashes, late commits, faults and rebuilding."""

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import Connection, delete, insert, update

from cds_service.audit.bodies import build_event, event_columns, seal_event
from cds_service.audit.cli import audit
from cds_service.audit.database import open_engine
from cds_service.audit.heads import FILE as HEADS_FILE
from cds_service.audit.log import AuditLog
from cds_service.audit.models import Base, EventRow
from cds_service.audit.read_model.follower import Follower, follow_all, run_follower
from cds_service.audit.read_model.following import Followed, follow, places_of
from cds_service.audit.read_model.registry import PROJECTIONS
from cds_service.audit.read_model.search_projection import SEARCH
from cds_service.audit.read_model.search_tables import SearchRow, TermRow
from cds_service.audit.read_model.tables import ProjectionRow
from cds_service.audit.sequencer import run_sequencer
from cds_service.audit.verify import Asked, verify_log
from cds_service.keys.signing import FILE, SigningFile
from cds_service.observing.checks import DatabaseChecks
from cds_service.observing.health import Unwell
from tests.cds_service.audit.evidence_fixtures import fill, var_dir
from tests.cds_service.audit.read_model_fixtures import (
    about,
    derive_all,
    found_in,
    rows_of,
    write_decisions,
)
from tests.cds_service.audit.test_entries import NOON, decision
from tests.waiting import wait_until

pytest_plugins = ["tests.cds_service.audit_fixtures"]
__all__ = ["var_dir"]
# follows in small steps and tells each: killed somewhere between or within two
FOLLOWER = """
import sys
from cds_service.audit.database import open_engine
from cds_service.audit.read_model.following import follow
from cds_service.audit.read_model.registry import PROJECTIONS
engine = open_engine(sys.argv[1], timeout_s=60)
while True:
    print(follow(engine, PROJECTIONS, at_most=1), flush=True)
"""
TABLES = SEARCH.tables


class Counting:
    """Remembers the leaves that it saw in the transaction that counts them; can be broken."""

    tables: Sequence[type[Base]] = ()

    def __init__(self, name: str) -> None:
        self.name, self.seen, self.is_broken = name, list[int](), False

    def apply(self, connection: Connection, events: Sequence[Followed]) -> None:
        if self.is_broken:
            raise KeyError("a field that there is not")
        self.seen += [event.leaf_index for event in events]


def test_a_process_that_is_killed_counts_each_event_once(
    audit_log: AuditLog, audit_url: str, var_dir: Path
) -> None:
    fill(audit_log, audit_url, var_dir, 120)
    for steps in (1, 5):
        command = [sys.executable, "-c", FOLLOWER, audit_url]
        process = subprocess.Popen(command, stdout=subprocess.PIPE)
        for _ in range(steps):
            assert process.stdout is not None
            process.stdout.readline()
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
    (killed,) = rows_of(audit_url, SearchRow)
    assert 0 < len(killed) < 120
    follow_all(audit_url)
    incremental = rows_of(audit_url, *TABLES)
    assert len(incremental[1]) == 120
    place = [SEARCH.name, 120]
    assert place in [list(row) for row in rows_of(audit_url, ProjectionRow)[0]]


def test_two_at_once_count_each_event_once(
    audit_log: AuditLog, audit_url: str, var_dir: Path
) -> None:
    fill(audit_log, audit_url, var_dir, 60)
    stopped = threading.Event()
    arguments = (audit_url, PROJECTIONS, stopped)
    both = [threading.Thread(target=run_follower, args=arguments) for _ in range(2)]
    for thread in both:
        thread.start()
    wait_until(lambda: len(rows_of(audit_url, SearchRow)[0]) == 60)
    stopped.set()
    for thread in both:
        thread.join()


def test_what_is_rebuilt_is_what_was_followed(
    audit_log: AuditLog, audit_url: str, var_dir: Path
) -> None:
    for _ in range(3):
        write_decisions(audit_log, 3, about=[about("c", "interaction", "11289")])
        fill(audit_log, audit_url, var_dir, 5)
        follow_all(audit_url)
    incremental = rows_of(audit_url, *TABLES)
    told = CliRunner().invoke(audit, ["--database-url", audit_url, "reindex", "search"])
    assert told.output == "ok: search derived anew from 24 events\n"
    assert rows_of(audit_url, *TABLES) == incremental


def test_a_late_commit_with_a_lower_id_is_found(
    audit_log: AuditLog, audit_url: str, var_dir: Path
) -> None:
    event = build_event(decision(), NOON) | {"worker": {"id": "late", "counter": 1}}
    late = seal_event(event, None, None)
    ids = write_decisions(audit_log, 3)
    derive_all(audit_url, var_dir)
    engine = open_engine(audit_url)
    with engine.begin() as connection:
        connection.execute(insert(EventRow), event_columns(late.body, late.written))
    engine.dispose()
    derive_all(audit_url, var_dir)
    assert found_in(audit_url) == [*reversed(ids), late.body["event_id"]]


def test_a_new_projection_catches_up_in_steps_and_holds_up_no_other(
    audit_log: AuditLog, audit_url: str, var_dir: Path
) -> None:
    old, new = Counting("old"), Counting("new")
    engine = open_engine(audit_url)
    fill(audit_log, audit_url, var_dir, 5)
    assert follow(engine, [old], at_most=5) == 5
    fill(audit_log, audit_url, var_dir, 2)
    assert follow(engine, [old, new], at_most=3) == 3
    assert (old.seen, new.seen) == ([*range(7)], [*range(3)])
    while follow(engine, [old, new], at_most=3):
        pass
    engine.dispose()
    assert new.seen == [*range(7)]


def test_a_projection_that_fails_holds_up_no_other_and_is_tried_again(
    audit_log: AuditLog, audit_url: str, var_dir: Path
) -> None:
    sound, broken = Counting("sound"), Counting("broken")
    broken.is_broken = True
    engine = open_engine(audit_url)
    follower = Follower(engine, [sound, broken])
    fill(audit_log, audit_url, var_dir, 3)
    follower.tick()
    assert places_of(engine, [sound, broken]) == {"sound": 3, "broken": 0}
    broken.is_broken = False
    follower.tick()
    engine.dispose()
    assert (broken.seen, sound.seen[-1]) == ([0, 1, 2], 2)


def test_who_leads_the_sequencer_follows(
    audit_log: AuditLog, audit_url: str, var_dir: Path
) -> None:
    stopped = threading.Event()
    thread = threading.Thread(target=run_sequencer, args=(audit_url, var_dir, stopped))
    thread.start()
    ids = write_decisions(audit_log, 4)
    wait_until(lambda: set(found_in(audit_url)) == set(ids))
    stopped.set()
    thread.join()


def verified(url: str, folder: Path) -> tuple[list[str], list[str]]:
    key = SigningFile(folder / FILE).read().keys[0]
    found = verify_log(url, Asked(first_key=key, exported=folder / HEADS_FILE))
    assert set(found.failed) <= {"read-model"}
    return found.failed.get("read-model", []), found.notes


def changed(url: str, statement: object) -> None:
    engine = open_engine(url)
    with engine.begin() as connection:
        connection.execute(statement)  # type: ignore[call-overload]
    engine.dispose()


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        (delete(SearchRow), "search: event .* cannot be found"),
        (update(SearchRow).values(user_ref="Practitioner/other"), "what its bytes do not say"),
        (delete(TermRow), "cannot be found by a rule or a medication"),
        (
            insert(TermRow).values(term=7, group_id=1, event_id=str(decision().event_id)),
            "4 rows of search_term are stored, wanted 3",
        ),
    ],
)
def test_verify_tells_what_was_changed_in_it(
    audit_log: AuditLog, audit_url: str, var_dir: Path, statement: object, told: str
) -> None:
    write_decisions(audit_log, 1, about=[about("c", "interaction", "11289")])
    derive_all(audit_url, var_dir)
    assert verified(audit_url, var_dir) == ([], [])
    changed(audit_url, statement)
    failed, _ = verified(audit_url, var_dir)
    assert len(failed) == 1
    assert re.search(told, failed[0])


def test_one_that_is_behind_is_told_and_no_failure(
    audit_log: AuditLog, audit_url: str, var_dir: Path
) -> None:
    fill(audit_log, audit_url, var_dir, 2)
    now = datetime.now(UTC)
    soon = DatabaseChecks(audit_url, timeout_s=30, clock=lambda: now)
    assert soon.followed() == "follows"
    soon.close()
    later = DatabaseChecks(audit_url, timeout_s=30, clock=lambda: now + timedelta(minutes=2))
    with pytest.raises(Unwell, match=r"search is 2 events behind, .* wanted none older than 60 s"):
        later.followed()
    follow_all(audit_url)
    assert later.followed() == "follows"
    later.close()
