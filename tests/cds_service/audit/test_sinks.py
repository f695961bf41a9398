"""Signed heads leave by HTTPS and by syslog, and a sink that fails holds up nothing."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from cds_service.audit.heads import FILE as HEADS_FILE
from cds_service.audit.heads import exported_line
from cds_service.audit.log import AuditLog
from cds_service.audit.sequencer import sequence_all
from cds_service.audit.sinks.courier import MOST, Courier, run_sink
from cds_service.audit.sinks.https import HttpsSink
from cds_service.audit.sinks.sink import Sink, SinkFailed, SinkState, read_state, state_file
from cds_service.audit.sinks.starting import sinks_of
from cds_service.audit.sinks.syslog import SyslogSink
from cds_service.observing.checks import heads_are_taken, sink_checks
from cds_service.observing.health import Unwell
from cds_service.settings import Settings
from tests.cds_service.audit.evidence_fixtures import failed_checks, var_dir
from tests.cds_service.audit.test_entries import decision
from tests.cds_service.observing.test_metrics import sample
from tests.cds_service.outbound_fixtures import FakeResolver, guard
from tests.tls import of_server, self_signed
from tests.waiting import wait_until

pytest_plugins = ["tests.cds_service.audit_fixtures"]
__all__ = ["var_dir"]

NOTE = "log\n1\nroot\n\n— log signature\n"


class Receiver(HTTPServer):
    """Keeps what was posted, and answers with the status that it was given."""

    status = 204

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Taking)
        self.taken: list[tuple[str, str]] = []


class Taking(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.taken.append((self.headers["Content-Type"], body))
        self.send_response(self.server.status)
        self.send_header("Location", "https://elsewhere.example")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        del format, args


@contextmanager
def receiving(certificate: Path) -> Iterator[Receiver]:
    server = Receiver()
    server.socket = of_server(certificate).wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[tuple[Receiver, HttpsSink]]:
    certificate = self_signed(tmp_path, "heads.example.org")
    with receiving(certificate) as server:
        allowed = guard(FakeResolver(["127.0.0.1"]), networks=["127.0.0.0/8"], ca_file=certificate)
        url = f"https://heads.example.org:{server.server_port}/heads"
        yield server, HttpsSink(url=url, guard=allowed)


class Moody:
    """A sink that takes heads while it is well."""

    name = "url"

    def __init__(self) -> None:
        self.taken: list[int] = []
        self.is_well = True

    def send(self, number: int, note: str) -> None:
        assert note == NOTE
        if not self.is_well:
            raise SinkFailed("the server is tired")
        self.taken.append(number)


def add_heads(folder: Path, *numbers: int) -> None:
    with (folder / HEADS_FILE).open("a") as file:
        file.writelines(f"{exported_line(number, NOTE)}\n" for number in numbers)


def test_a_head_is_posted_as_it_was_signed(receiver: tuple[Receiver, HttpsSink]) -> None:
    server, sink = receiver
    sink.send(7, NOTE)
    assert server.taken == [("text/plain; charset=utf-8", NOTE)]


@pytest.mark.parametrize("status", [302, 403, 503])
def test_an_answer_other_than_2xx_is_a_failure_and_no_redirect_is_followed(
    receiver: tuple[Receiver, HttpsSink], status: int
) -> None:
    server, sink = receiver
    server.status = status
    with pytest.raises(SinkFailed, match=f"answered with status {status}"):
        sink.send(7, NOTE)
    assert len(server.taken) == 1


def test_a_server_that_cannot_prove_who_it_is_gets_nothing(
    receiver: tuple[Receiver, HttpsSink],
) -> None:
    server, sink = receiver
    other = HttpsSink(
        url=sink.url, guard=guard(FakeResolver(["127.0.0.1"]), networks=["127.0.0.0/8"])
    )
    with pytest.raises(SinkFailed, match="did not prove over TLS who it is"):
        other.send(7, NOTE)
    inside = HttpsSink(url=sink.url, guard=guard(FakeResolver(["127.0.0.1"])))
    with pytest.raises(SinkFailed, match="LAMO_OUTBOUND_NETWORKS"):
        inside.send(7, NOTE)
    assert server.taken == []


def message_of(data: bytes) -> tuple[list[str], object]:
    """The header of RFC 5424, and the message as JSON."""
    *header, text = data.decode("ascii").split(" ", 7)
    return header, json.loads(text)


def test_a_head_goes_by_udp_as_rfc_5424_has_it() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as collector:
        collector.bind(("127.0.0.1", 0))
        SyslogSink(target=f"udp://127.0.0.1:{collector.getsockname()[1]}").send(7, NOTE)
        header, head = message_of(collector.recv(65536))
    assert (header[0], header[3], header[5:]) == ("<109>1", "lamo-cds", ["head-signed", "-"])
    assert head == {"number": 7, "note": NOTE}


def test_a_head_goes_by_tcp_with_its_length() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        received: list[bytes] = []

        def take() -> None:
            with server.accept()[0] as stream:
                received.extend(iter(lambda: stream.recv(65536), b""))

        taking = threading.Thread(target=take)
        taking.start()
        SyslogSink(target=f"tcp://127.0.0.1:{server.getsockname()[1]}").send(7, NOTE)
        taking.join()
    length, _, message = b"".join(received).partition(b" ")
    assert (int(length), message_of(message)[1]) == (len(message), {"number": 7, "note": NOTE})


def test_a_head_goes_to_a_socket_of_this_machine(tmp_path: Path) -> None:
    path = str(tmp_path / "log")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as collector:
        collector.bind(path)
        SyslogSink(target=path).send(7, NOTE)
        assert message_of(collector.recv(65536))[1] == {"number": 7, "note": NOTE}
    with pytest.raises(SinkFailed, match="could not be reached"):
        SyslogSink(target=path).send(8, NOTE)


def test_a_new_sink_begins_with_the_newest_head_and_then_gets_each(tmp_path: Path) -> None:
    sink = Moody()
    courier = Courier(sink, tmp_path)
    courier.step()
    add_heads(tmp_path, 0, 1, 2)
    courier.step()
    add_heads(tmp_path, 3, 4)
    courier.step()
    assert sink.taken == [2, 3, 4]
    again = Courier(sink, tmp_path)
    add_heads(tmp_path, 5)
    again.step()
    assert sink.taken == [2, 3, 4, 5]


def test_what_was_not_taken_is_tried_again_with_the_next_head(tmp_path: Path) -> None:
    sink = Moody()
    courier = Courier(sink, tmp_path)
    add_heads(tmp_path, 0)
    courier.step()
    sink.is_well = False
    add_heads(tmp_path, 1)
    courier.step()
    path = state_file(tmp_path, "url")
    with pytest.raises(Unwell, match=r"fails since .*: the server is tired; last took a head at"):
        heads_are_taken(path)
    sink.is_well = True
    courier.step()
    assert sink.taken == [0]
    add_heads(tmp_path, 2)
    courier.step()
    assert sink.taken == [0, 1, 2]
    assert heads_are_taken(path).startswith("last took a head at")
    assert sample('lamo_head_taken_timestamp_seconds{sink="url"}') > 1.7e9


def test_no_more_heads_wait_than_so_many(tmp_path: Path) -> None:
    sink = Moody()
    courier = Courier(sink, tmp_path)
    add_heads(tmp_path, 0)
    courier.step()
    add_heads(tmp_path, *range(1, MOST + 6))
    courier.step()
    assert (len(sink.taken), sink.taken[1]) == (MOST + 1, 6)


def test_a_line_that_is_being_written_is_left_for_later(tmp_path: Path) -> None:
    sink = Moody()
    courier, line = Courier(sink, tmp_path), f"{exported_line(0, NOTE)}\n"
    (tmp_path / HEADS_FILE).write_text(line[:20])
    courier.step()
    (tmp_path / HEADS_FILE).write_text(line)
    courier.step()
    assert sink.taken == [0]


def test_signing_goes_on_while_a_sink_is_down(
    audit_log: AuditLog, audit_url: str, var_dir: Path
) -> None:
    sink, stopped = Moody(), threading.Event()
    sink.is_well = False
    down: Sink = SyslogSink(target=str(var_dir / "nobody"))
    running = threading.Thread(target=run_sink, args=(down, var_dir, stopped))
    running.start()
    path = state_file(var_dir, "syslog")
    audit_log.append_decision(decision())
    assert sequence_all(audit_url, var_dir) == 1
    wait_until(lambda: read_state(path).failing_since)
    audit_log.append_decision(decision())
    assert sequence_all(audit_url, var_dir) == 1
    stopped.set()
    running.join()
    assert failed_checks(audit_url, var_dir) == []


def test_sinks_are_those_of_the_settings(tmp_path: Path) -> None:
    named = Settings(heads_url="https://heads.example.org", heads_syslog="udp://log.example:514")
    assert [sink.name for sink in sinks_of(named)] == ["url", "syslog"]
    assert [check.name for check in sink_checks(named)] == ["heads_url", "heads_syslog"]
    assert sinks_of(Settings()) == []
    assert heads_are_taken(tmp_path / "none") == "has taken no head yet"
    assert read_state(tmp_path / "none") == SinkState()


@pytest.mark.parametrize(
    "wrong", [{"heads_url": "http://a.example"}, {"heads_syslog": "a.example:514"}]
)
def test_a_target_of_another_form_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="should match pattern"):
        Settings(**wrong)  # type: ignore[arg-type]
