"""Calls go on while things break; then what left is compared with what was recorded.

Whatever breaks, an answer comes, and it is cards, or a clear refusal, or a closed connection where
its process was killed. Afterwards every answer with cards stands in the audit log with the very
same cards, and no card of the log was sent twice.
"""

import json
import os
import re
import resource
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import pytest
import requests
from sqlalchemy import create_engine, text

from cds_service.settings import Settings
from tests.cds_service.postgres import PostgresServer, new_server
from tests.end_to_end.conftest import Service, opened
from tests.fakes import LoopbackFhir
from tests.hanging import HANG_S, silent_server
from tests.processes import children
from tests.served import Served, served
from tests.waiting import in_some_tries, wait_until

DEADLINE_MS = 3000  # of a call for which something hangs
CALLERS = 4
EXAMPLE = Path(__file__).parents[2] / "examples" / "order-sign.json"
REFUSALS = {412, 429, 503}
CUT_OFF = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname LIKE 'test%'"
BROKEN_OFF = 0  # the connection was closed without an answer


@dataclass
class Storm:
    """Callers that call until they are told to stop, and what they got."""

    url: str
    fhir_base: str  # empty: every call brings all that is asked for
    cards: dict[str, list[str]] = field(default_factory=dict)  # by request id, of every 200
    statuses: Counter[int] = field(default_factory=Counter)
    is_over: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def call(self) -> None:
        """Send one call, every other one without its allergies: they are read from a server."""
        body, request_id = json.loads(EXAMPLE.read_text()), str(uuid4())
        if self.fhir_base and request_id[0] < "8":
            del body["prefetch"]["allergies"]
            body["fhirServer"] = self.fhir_base
        told = {"X-Request-Id": request_id}
        try:
            answer = requests.post(self.url, json=body, headers=told, timeout=HANG_S / 2)
        except requests.ConnectionError:
            status, cards = BROKEN_OFF, []
        else:
            status, cards = answer.status_code, answer.json().get("cards", [])
        with self.lock:
            self.statuses[status] += 1
            if status == 200:
                self.cards[request_id] = [card["uuid"] for card in cards]

    def go_on(self) -> None:
        while not self.is_over.is_set():
            self.call()


@pytest.fixture(scope="module")
def database() -> Iterator[PostgresServer]:
    server = new_server()
    server.start()
    yield server
    server.remove()


def test_a_model_that_hangs_costs_the_scores_and_nothing_else(tmp_path: Path) -> None:
    with silent_server() as host:
        url = f"http://{host}"
        settings = Settings(var_dir=tmp_path, deadline_ms=DEADLINE_MS, scorer_url=url)
        with opened(settings) as service:
            said = in_some_tries(lambda: cards_of(service), despite=AssertionError)

    assert "allergy to Penicillin" in said
    assert re.search(r"the model could not score this patient \(.*in time", said)


def cards_of(service: Service) -> str:
    """Of a call whose record may get a tenth of a second, which is not always enough."""
    answer = service.call("lamo-order-sign", json.loads(EXAMPLE.read_text()))
    assert answer.status_code == 200
    return json.dumps(answer.json["cards"])


def test_a_full_disk_gives_a_clear_refusal_and_ends(tmp_path: Path) -> None:
    with served(tmp_path) as service:
        storm = Storm(f"{service.url}/cds-services/lamo-order-sign", "")
        storm.call()
        written = (tmp_path / "audit.db-wal").stat().st_size
        for pid in children(service.pid):  # no file may grow beyond this: as full as a disk gets
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (written, resource.RLIM_INFINITY))
        for _ in range(3):
            storm.call()
        full = dict(storm.statuses)
        for pid in children(service.pid):
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
        storm.call()
    compare(storm, f"sqlite:///{tmp_path / 'audit.db'}")

    assert full == {200: 1, 503: 3}
    assert storm.statuses[200] == 2


def test_nothing_is_lost_and_nothing_leaves_unrecorded(
    tmp_path: Path, database: PostgresServer, fhir_server: LoopbackFhir
) -> None:
    url = database.new_database()
    fhir_server.default = {"resourceType": "Bundle", "type": "searchset"}
    settings = {
        "LAMO_DATABASE_URL": url,
        "LAMO_WORKERS": "2",
        "LAMO_DEADLINE_MS": str(DEADLINE_MS),
        "LAMO_CLIENT_RATE": "10000",
    }
    with served(tmp_path, **settings) as service:
        storm = Storm(f"{service.url}/cds-services/lamo-order-sign", fhir_server.base)
        callers = [threading.Thread(target=storm.go_on) for _ in range(CALLERS)]
        for caller in callers:
            caller.start()
        break_things(service, database, fhir_server, storm)
        storm.is_over.set()
        for caller in callers:
            caller.join()
    compare(storm, url)


def break_things(
    service: Served, database: PostgresServer, fhir_server: LoopbackFhir, storm: Storm
) -> None:
    """One thing after the other, with good calls in between."""
    answers_again(storm)
    os.kill(children(service.pid)[-1], signal.SIGKILL)
    answers_again(storm)
    database.stop()
    wait_until(lambda: storm.statuses[503] > 3)
    database.start()
    answers_again(storm)
    asked = len(fhir_server.asked)
    fhir_server.default = fhir_server.hangs
    wait_until(lambda: len(fhir_server.asked) > asked)
    fhir_server.default = {"resourceType": "Bundle", "type": "searchset"}
    answers_again(storm)
    fhir_server.default = {"resourceType": "OperationOutcome", "issue": []}
    answers_again(storm)
    engine = create_engine(database.url())
    with engine.connect() as connection:  # as a failover would
        connection.execute(text(CUT_OFF))
    engine.dispose()
    answers_again(storm)


def answers_again(storm: Storm) -> None:
    """Wait until some more calls were answered with cards."""
    before = storm.statuses[200]
    wait_until(lambda: storm.statuses[200] > before + 10)


def compare(storm: Storm, url: str) -> None:
    """Hold what the callers got against what the log has."""
    engine = create_engine(url)
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT body FROM event WHERE kind = 'decision'")).scalars()
        bodies = [json.loads(row) for row in rows]
    engine.dispose()
    recorded = {body["request_id"]: set(body["offered"]) for body in bodies}
    got = {key: set(cards) for key, cards in storm.cards.items()}
    print(dict(storm.statuses), f"{len(bodies)} decisions")

    assert len(recorded) == len(bodies)
    assert {key: recorded.get(key) for key in got} == got
    assert set(storm.statuses) <= {200, BROKEN_OFF} | REFUSALS
    assert storm.statuses[BROKEN_OFF] <= CALLERS  # the calls of the killed process alone
