"""Nothing of a patient, a user or a token is anywhere but where it belongs.

The service runs as it is started. It is sent marked calls, good and broken, and then everything
that it has written or said is searched for the marks.
"""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.collector import LoopbackCollector, attributes, loopback_collector
from tests.end_to_end.marked import MARK, Marks, marked_call
from tests.fakes import LoopbackFhir, loopback_fhir, send_json
from tests.served import Served, served
from tests.waiting import wait_until

URL = "/cds-services/lamo-order-sign"
# where marks belong: for whom it was decided; what is of the patient is encrypted
BELONGS = frozenset(  # the prescriber, and what they are found by
    {("event", "body"), ("event", "user_ref"), ("search_event", "user_ref")}
)
ANSWERS = frozenset({"cards"})  # the members of an answer in which marks go back to who sent them
FEEDBACK = {"outcome": "overridden", "outcomeTimestamp": "2026-01-31T12:00:00Z"}


@dataclass
class Run:
    """What the service was sent and said, and where it has written."""

    service: Served
    collector: LoopbackCollector
    answers: dict[str, requests.Response] = field(default_factory=dict)

    def post(self, name: str, body: Any, path: str = URL, **headers: str) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = {"Content-Type": "application/json", **headers}
        address = f"{self.service.url}{path}"
        self.answers[name] = requests.post(address, data=data, headers=sent, timeout=60)

    def get(self, name: str, path: str, **headers: str) -> None:
        address = f"{self.service.url}{path}"
        self.answers[name] = requests.get(address, headers=headers, timeout=60)

    @property
    def folder(self) -> Path:
        return self.service.log.parent


def failing(handler: BaseHTTPRequestHandler) -> None:
    marks = Marks(spares_structure=True)
    send_json(handler, {"resourceType": "OperationOutcome", "text": marks.new()}, status=500)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    folder = tmp_path_factory.mktemp("var")
    (folder / "tmp").mkdir()
    settings = {"TMPDIR": str(folder / "tmp"), "LAMO_WORKERS": "2"}
    with loopback_collector() as collector, loopback_fhir() as fhir:
        fhir.default = failing
        with served(folder, LAMO_TRACES_URL=collector.url, **settings) as service:
            run = Run(service, collector)
            send_calls(run, fhir)
            send_oddities(run)
            send_without_database(run)
            wait_until(service.is_ready)
            for name in ("metrics", "readyz", "openapi.json"):
                run.get(name, f"/{name}")
        yield run


def send_calls(run: Run, fhir: LoopbackFhir) -> None:
    """Calls that are served, and some of the refusals that look far into a call."""
    marks = Marks(spares_structure=True)
    call = marked_call(marks)
    run.post("good", call)
    token = {"access_token": marks.new(), "token_type": "Bearer", "subject": marks.new()}
    readable = call | {"fhirServer": fhir.base, "fhirAuthorization": token}
    half = {key: call["prefetch"][key] for key in ("patient", "medications", "documents")}
    run.post("partly read", readable | {"prefetch": half})
    run.post("unreadable", readable | {"prefetch": {}})
    run.post("elsewhere", readable | {"fhirServer": f"https://{marks.new()}.invalid/fhir"})
    run.post("structure", call | {"prefetch": Marks(spares_structure=False).put(call["prefetch"])})
    card = run.answers["good"].json()["cards"][0]["uuid"]
    reason = {
        "reason": {"code": "will-monitor", "display": marks.new()},
        "userComment": marks.new(),
    }
    told = FEEDBACK | {"overrideReason": reason}
    entries = [told | {"card": card}, told | {"card": marks.new()}]
    run.post("feedback", {"feedback": entries}, f"{URL}/feedback")
    broken = Marks(spares_structure=False).put(entries[0])
    run.post("bad feedback", {"feedback": [broken]}, f"{URL}/feedback")


def send_oddities(run: Run) -> None:
    """What is refused early: other forms, addresses and headers."""
    marks = Marks(spares_structure=False)
    call = marked_call(Marks(spares_structure=True))
    body = json.dumps(call).encode()
    run.post("all marked", marks.put(call))
    run.post("cut in half", body[: len(body) // 2])
    run.post("not announced", body, **{"Content-Type": f"text/{marks.new()}"})
    run.post("another service", call, f"/cds-services/{marks.new()}")
    run.post("a query", call, f"{URL}?patient={marks.new()}")
    run.get("no page", f"/Patient/{marks.new()}?name={marks.new()}")
    names = ("User-Agent", "Referer", "Cookie", "Origin", "X-Forwarded-For", "tracestate")
    headers = {name: marks.new() for name in names}
    headers |= {"Authorization": f"Bearer {marks.new()}.{marks.new()}.{marks.new()}"}
    run.post("headers", call, **headers, **{"X-Request-Id": f"{marks.new()} {marks.new()}"})
    run.get("a broken header", "/livez", Authorization=f"Basic {marks.new()}")


def send_without_database(run: Run) -> None:
    """A call that was decided and cannot be recorded; the table is put back."""
    database = sqlite3.connect(run.folder / "audit.db")
    with closing(database):
        database.execute("ALTER TABLE card RENAME TO elsewhere")
        run.post("not recorded", marked_call(Marks(spares_structure=True)))
        database.execute("ALTER TABLE elsewhere RENAME TO card")


STATUSES = {
    "good": 200,
    "partly read": 200,
    "unreadable": 412,
    "elsewhere": 200,
    "structure": 412,
    "feedback": 200,
    "bad feedback": 400,
    "all marked": 400,
    "cut in half": 400,
    "not announced": 415,
    "another service": 404,
    "a query": 200,
    "no page": 404,
    "headers": 200,
    "a broken header": 200,
    "not recorded": 503,
    "metrics": 200,
    "readyz": 200,
    "openapi.json": 200,
}


def test_every_call_went_where_it_was_meant_to_go(run: Run) -> None:
    found = {name: answer.status_code for name, answer in run.answers.items()}
    assert found == STATUSES


def test_the_marks_are_in_the_cards_and_in_the_audit_log(run: Run) -> None:
    assert MARK.search(run.answers["good"].text)
    held = {place for place, text in cells(run.folder / "audit.db") if MARK.search(text)}
    assert held == BELONGS
    bodies = (text for place, text in cells(run.folder / "audit.db") if place == ("event", "body"))
    for body in map(json.loads, bodies):
        assert not MARK.search(json.dumps({k: v for k, v in body.items() if k != "user"}))


def test_no_answer_but_the_cards_holds_a_mark(run: Run) -> None:
    for name, answer in run.answers.items():
        told = answer.text
        if answer.ok and told.startswith("{"):
            told = json.dumps({k: v for k, v in answer.json().items() if k not in ANSWERS})
        assert MARK.findall(f"{told} {answer.headers}") == [], name


def test_neither_the_log_nor_any_other_file_holds_a_mark(run: Run) -> None:
    paths = [path for path in run.folder.rglob("*") if not path.name.startswith("audit.db")]
    assert {"log.txt", "keys.json", "metrics", "tmp"} <= {path.name for path in paths}
    for path in paths:
        held = path.read_bytes().decode("latin-1") if path.is_file() else ""
        assert MARK.findall(f"{path.relative_to(run.folder)} {held}") == [], path.name


def test_the_log_tells_of_every_call(run: Run) -> None:
    log = [one for one in run.service.log.read_text().splitlines() if one.startswith("{")]
    events = [json.loads(one) for one in log]
    answered = [one["status"] for one in events if one["event"] == "answered"]
    assert len(answered) >= len(STATUSES)
    assert "call_failed" in {one["event"] for one in events}
    assert not any("held back" in one.values() for one in events)


def test_the_traces_hold_no_mark_and_tell_of_every_stage(run: Run) -> None:
    assert MARK.findall(b" ".join(run.collector.bodies).decode("latin-1")) == []
    spans = run.collector.spans
    calls = [attributes(span) for span in spans if span.name.startswith("POST ")]
    assert {200, 400, 412, 503} <= {call["http.response.status_code"] for call in calls}
    assert {"map", "notes", "score", "record"} <= {span.name for span in spans}
    assert any(call.get("lamo.cards") for call in calls)


def cells(database: Path) -> Iterator[tuple[tuple[str, str], str]]:
    """Every value of every table: (table, column), and the value as text."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        for (table,) in tables.fetchall():
            rows = connection.execute(f'SELECT * FROM "{table}"')  # noqa: S608
            names = [column[0] for column in rows.description]
            for row in rows:
                for name, value in zip(names, row, strict=True):
                    text = value.decode("latin-1") if isinstance(value, bytes) else str(value)
                    yield (table, name), text
