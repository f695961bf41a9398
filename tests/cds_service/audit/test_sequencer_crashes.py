"""A sequencer that is killed mid-batch, and a database that stops under it: the tree is whole."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
from sqlalchemy import func, select

from cds_service.audit.database import open_engine
from cds_service.audit.heads import FILE as HEADS_FILE
from cds_service.audit.log import AuditLog
from cds_service.audit.migrate import upgrade
from cds_service.audit.models import EventRow, LeafRow
from cds_service.audit.sequencer import run_sequencer, sequence_all
from cds_service.audit.verify import Asked, verify_log
from cds_service.errors import AuditUnavailable
from cds_service.keys.service import KeyService
from cds_service.keys.signing import FILE, SigningFile
from tests.calls import hook_call
from tests.cds_service.audit.evidence_fixtures import failed_checks, var_dir
from tests.cds_service.audit.test_entries import decision
from tests.cds_service.postgres import new_server
from tests.served import served
from tests.waiting import wait_until

pytest_plugins = ["tests.cds_service.audit_fixtures"]
__all__ = ["var_dir"]
SEQUENCER = "from cds_service.cli import main; main()"


def leaves(url: str) -> int:
    engine = open_engine(url, timeout_s=60, read_only=True)
    with engine.begin() as connection:
        count = connection.scalar(select(func.count()).select_from(LeafRow))
    engine.dispose()
    return count or 0


def sequencing(url: str, folder: Path) -> subprocess.Popen[bytes]:
    command = ["audit", "--database-url", url, "sequence", "--var-dir", str(folder)]
    return subprocess.Popen([sys.executable, "-c", SEQUENCER, *command], stdout=subprocess.DEVNULL)


def test_one_that_is_killed_leaves_a_whole_tree_and_is_replaced(
    audit_log: AuditLog, audit_url: str, var_dir: Path
) -> None:
    first, second = (sequencing(audit_url, var_dir) for _ in range(2))
    wait_until(lambda: (var_dir / HEADS_FILE).exists())
    with ThreadPoolExecutor(max_workers=4) as threads:
        writing = [threads.submit(audit_log.append_decision, decision()) for _ in range(1500)]
        wait_until(lambda: leaves(audit_url) > 50)
        for process in (first, second):  # whoever of them leads, and then the other
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
            if process is first:
                seen = leaves(audit_url)
                wait_until(lambda: leaves(audit_url) > seen)  # noqa: B023 - called here
        for written in writing:
            written.result()
    third = sequencing(audit_url, var_dir)
    wait_until(lambda: leaves(audit_url) == 1500)
    third.terminate()
    third.wait()
    assert sequence_all(audit_url, var_dir) == 0
    assert failed_checks(audit_url, var_dir) == []


def test_a_database_that_stops_at_once_is_gone_on_with(
    var_dir: Path, audit_keys: KeyService
) -> None:
    server = new_server()
    server.start()
    url, stopped = server.new_database(), threading.Event()
    upgrade(url)
    log = AuditLog(url, audit_keys, timeout_s=30)
    thread = threading.Thread(target=run_sequencer, args=(url, var_dir, stopped))
    thread.start()
    try:
        for _ in range(2):
            for _ in range(150):
                log.append_decision(decision())
            server.stop()
            server.start()
        wait_until(lambda: leaves(url) == 300)
    finally:
        stopped.set()
        thread.join()
        log.close()
    sequence_all(url, var_dir)
    key = SigningFile(var_dir / FILE).read().keys[0]
    found = verify_log(url, Asked(first_key=key, exported=var_dir / HEADS_FILE))
    server.remove()
    assert (found.events, found.failed, found.notes) == (300, {}, [])


def append_until(
    stopped: threading.Event, log: AuditLog, acknowledged: list[str], refused: list[str]
) -> None:
    while not stopped.is_set():
        entry = decision()
        try:
            log.append_decision(entry)
            acknowledged.append(entry.event_id)
        except AuditUnavailable:
            refused.append(entry.event_id)
            stopped.wait(0.05)


def test_a_database_that_is_killed_under_writers_loses_nothing_it_took(
    var_dir: Path, audit_keys: KeyService
) -> None:
    server, stopped, ended = new_server(), threading.Event(), threading.Event()
    server.start()
    url = server.new_database()
    upgrade(url)
    log = AuditLog(url, audit_keys, timeout_s=10)
    acknowledged: list[str] = []
    refused: list[str] = []
    with ThreadPoolExecutor(max_workers=5) as threads:
        threads.submit(run_sequencer, url, var_dir, ended)
        for _ in range(4):
            threads.submit(append_until, stopped, log, acknowledged, refused)
        try:
            for is_last in (False, False, True):
                more = len(acknowledged) + 100
                wait_until(lambda: len(acknowledged) > more)  # noqa: B023 - called here
                if not is_last:
                    server.kill()
                    server.start()
            stopped.set()
            wait_until(lambda: len(event_ids(url)) == leaves(url))
        finally:
            stopped.set()
            ended.set()
    assert refused
    assert set(acknowledged) <= set(event_ids(url)) <= {*acknowledged, *refused}
    assert failed_checks(url, var_dir) == []
    log.close()
    server.remove()


def event_ids(url: str) -> list[str]:
    engine = open_engine(url, timeout_s=60, read_only=True)
    with engine.begin() as connection:
        found = list(connection.scalars(select(EventRow.event_id)))
    engine.dispose()
    return found


@contextmanager
def answered(folder: Path, calls: int) -> Iterator[list[str]]:
    """A service that has answered so many hook calls, and the receipts that it gave."""
    with served(folder) as service:
        address = f"{service.url}/cds-services/lamo-order-sign"
        answers = [
            requests.post(address, json=hook_call("order-sign"), timeout=60) for _ in range(calls)
        ]
        wait_until(service.is_ready)
        yield [answer.headers["Lamo-Audit-Receipt"] for answer in answers]


@pytest.mark.parametrize("calls", [3])
def test_the_service_sequences_signs_and_gives_receipts(tmp_path: Path, calls: int) -> None:
    url = f"sqlite:///{tmp_path}/audit.db"
    with answered(tmp_path, calls) as receipts:
        wait_until(lambda: leaves(url) == calls + 1)  # and what it serves
    key = SigningFile(tmp_path / FILE).read().keys[0]
    sequence_all(url, tmp_path)
    asked = Asked(first_key=key, exported=tmp_path / HEADS_FILE, receipts=receipts)
    assert verify_log(url, asked).failed == {}
