"""The real process under signals, floods and a database that does not answer."""

import json
import os
import re
import signal
import sqlite3
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
import requests

from cds_service.audit.database import open_engine
from cds_service.audit.migrate import upgrade
from cds_service.clients.client import client_from
from cds_service.clients.registry import ClientRegistry
from tests.calls import full_prefetch, hook_call
from tests.fakes import LoopbackFhir, send_json
from tests.processes import children
from tests.served import Served, served
from tests.tokens import ISSUER, Signer
from tests.waiting import WAIT_S, wait_until

PATH = "/cds-services/lamo-order-sign"
ONE_AN_HOUR = "0.0003"  # calls a second of one client


class Slow:
    """A FHIR server that a call waits for until it is let go."""

    def __init__(self, server: LoopbackFhir) -> None:
        self.asked, self.go = threading.Semaphore(0), threading.Event()
        server.default = self._answer
        prefetch = full_prefetch()
        del prefetch["conditions"]
        self.call = hook_call(prefetch=prefetch, fhirServer=server.base)

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        self.asked.release()
        self.go.wait(WAIT_S)
        send_json(handler, {"resourceType": "Bundle", "type": "searchset"})


@pytest.fixture
def slow(fhir_server: LoopbackFhir) -> Iterator[Slow]:
    made = Slow(fhir_server)
    yield made
    made.go.set()


@pytest.fixture
def elsewhere() -> Iterator[ThreadPoolExecutor]:
    """Threads that call while the test does something else."""
    with ThreadPoolExecutor(8) as pool:
        yield pool


def post(service: Served, body: dict[str, Any], **options: Any) -> requests.Response:
    return requests.post(f"{service.url}{PATH}", json=body, timeout=WAIT_S, **options)


def statuses(service: Served, count: int) -> Counter[int]:
    """Of so many quick calls by four callers, each with a connection that it keeps."""
    statuses: Counter[int] = Counter()

    def call_on_and_on() -> None:
        with requests.Session() as session:
            for _ in range(count // 4):
                answer = session.post(f"{service.url}{PATH}", json=hook_call(), timeout=WAIT_S)
                statuses[answer.status_code] += 1

    callers = [threading.Thread(target=call_on_and_on) for _ in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    return statuses


def outcomes(folder: Path) -> list[str]:
    """Of calls in the audit log, oldest first."""
    return [body["outcome"] for body in calls_recorded(folder)]


def calls_recorded(folder: Path) -> list[dict[str, Any]]:
    """Their bodies in the audit log, oldest first."""
    of_calls = "SELECT body FROM event WHERE kind IN ('decision', 'error') ORDER BY event_id"
    with closing(sqlite3.connect(folder / "audit.db")) as connection:
        rows = connection.execute(of_calls).fetchall()
    return [json.loads(body) for (body,) in rows]


def test_a_call_in_hand_is_finished_and_recorded_before_the_end(
    tmp_path: Path, slow: Slow, elsewhere: ThreadPoolExecutor
) -> None:
    with served(tmp_path) as service:
        answer = elsewhere.submit(post, service, slow.call)
        assert slow.asked.acquire(timeout=WAIT_S)
        os.kill(service.pid, signal.SIGTERM)
        wait_until(lambda: not takes_connections(service))
        slow.go.set()
        assert answer.result(timeout=WAIT_S).status_code == 200
    assert len(outcomes(tmp_path)) == 1


def takes_connections(service: Served) -> bool:
    try:
        requests.get(f"{service.url}/livez", timeout=WAIT_S)
    except requests.ConnectionError:
        return False
    return True


def test_a_killed_process_is_replaced_and_what_it_had_in_hand_is_forgotten(
    tmp_path: Path, slow: Slow, elsewhere: ThreadPoolExecutor
) -> None:
    settings = {"LAMO_WORKERS": "2", "LAMO_CLIENT_IN_FLIGHT": "1"}
    with served(tmp_path, **settings) as service:
        lost = elsewhere.submit(post, service, slow.call)
        assert slow.asked.acquire(timeout=WAIT_S)
        assert {post(service, hook_call()).status_code for _ in range(6)} == {503}
        before = children(service.pid)
        for pid in before:  # one has the call, and the other is replaced all the same
            os.kill(pid, signal.SIGKILL)
            wait_until(lambda gone=pid: gone not in children(service.pid))  # type: ignore[misc]
            assert requests.get(f"{service.url}/livez", timeout=WAIT_S).status_code == 200
        assert isinstance(lost.exception(timeout=WAIT_S), requests.ConnectionError)
        wait_until(lambda: len(set(children(service.pid)) - set(before)) == 2)
        assert {post(service, hook_call()).status_code for _ in range(6)} == {200}


def test_replacing_processes_under_load_loses_no_call(tmp_path: Path) -> None:
    settings = {"LAMO_WORKERS": "2", "LAMO_WORKER_CALLS": "15", "LAMO_CLIENT_RATE": "10000"}
    with served(tmp_path, **settings) as service:
        before, count = set(children(service.pid)), 0
        while before & set(children(service.pid)):
            assert statuses(service, 40) == {200: 40}
            count += 40
            assert count < 2000
    assert len(outcomes(tmp_path)) == count


def test_a_locked_database_refuses_within_the_deadline_and_recovers(tmp_path: Path) -> None:
    with served(tmp_path, LAMO_DEADLINE_MS="1500") as service:
        with closing(sqlite3.connect(tmp_path / "audit.db", isolation_level=None)) as holder:
            holder.execute("BEGIN IMMEDIATE")
            answers = [post(service, hook_call()) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [503, 503]
        # by the deadline: SQLite itself would wait for two seconds, and the error be its own
        assert len(re.findall(r'record_decision:\d+ > within:\d+"', service.log.read_text())) == 2
        wait_until(lambda: post(service, hook_call()).status_code == 200)


def test_the_rate_of_a_client_is_one_for_all_processes(tmp_path: Path) -> None:
    with served(tmp_path, LAMO_WORKERS="2", LAMO_CLIENT_RATE=ONE_AN_HOUR) as service:
        counted = Counter(post(service, hook_call()).status_code for _ in range(12))
    assert counted == {200: 1, 429: 11}


def test_a_flood_of_one_client_is_refused_while_another_is_served(tmp_path: Path) -> None:
    signer = Signer()
    register(tmp_path, signer)
    with served(tmp_path, LAMO_CLIENT_RATE=ONE_AN_HOUR) as service:
        ended, flooded = threading.Event(), list[int]()
        with ThreadPoolExecutor(4) as pool:
            for _ in range(4):
                pool.submit(flood, service, ended, flooded)
            wait_until(lambda: len(flooded) > 20)
            headers = signer.headers(f"{service.url}{PATH}")
            assert post(service, hook_call(), headers=headers).status_code == 200
            ended.set()
    assert Counter(flooded) == {200: 1, 429: len(flooded) - 1}
    assert set(outcomes(tmp_path)) <= {"ok", "no-card", "partial-data"}


def register(folder: Path, signer: Signer) -> None:
    url = f"sqlite:///{folder}/audit.db"
    upgrade(url)
    engine = open_engine(url)
    told = {"name": "ehr", "issuer": ISSUER, "jwks": signer.jwks}
    ClientRegistry(engine).add(client_from(told))
    engine.dispose()


def flood(service: Served, ended: threading.Event, statuses: list[int]) -> None:
    """Call without a token until told to stop."""
    while not ended.is_set():
        statuses.append(post(service, hook_call()).status_code)


def test_a_process_that_cannot_begin_again_leaves_the_others_at_work(tmp_path: Path) -> None:
    clients = tmp_path / "clients.toml"
    clients.write_text("")
    settings = {"LAMO_WORKERS": "2", "LAMO_CLIENTS_FILE": str(clients)}
    with served(tmp_path, **settings) as service:
        wait_until(lambda: service.log.read_text().count("process_loaded") == 2)
        clients.write_text("half a l")
        killed, left = children(service.pid)
        os.kill(killed, signal.SIGKILL)
        wait_until(lambda: "process_failed" in service.log.read_text())
        assert post(service, hook_call()).status_code == 200
        clients.write_text("")
        wait_until(lambda: service.log.read_text().count("Booting worker") >= 4)
        assert left in children(service.pid)


def test_a_model_with_helper_threads_is_shared_as_well(tmp_path: Path) -> None:
    settings = {"LAMO_WORKERS": "2", "LAMO_MODEL_THREADS": "2", "LAMO_CLIENT_RATE": "1000"}
    with served(tmp_path, **settings) as service:
        assert statuses(service, 20) == {200: 20}
    # a model that hangs after a fork would leave a gap, and the rules would answer all the same
    assert not any("not-scored" in body["gap_counts"] for body in calls_recorded(tmp_path))
