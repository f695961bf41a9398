"""Taking heads from their file to a sink, in order, each once as long as nothing is lost."""

import os
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import structlog

from cds_service.audit.canonical import rfc3339
from cds_service.audit.heads import FILE as HEADS_FILE
from cds_service.audit.heads import exported_head
from cds_service.audit.sequencer import STEP_ASIDE_S, TICK_S, try_lock
from cds_service.audit.sinks.sink import (
    Sink,
    SinkFailed,
    SinkState,
    read_state,
    state_file,
    write_state,
)
from cds_service.observing.metrics import head_taken

MOST = 1000  # heads that wait for a sink; older ones are covered by the newer, and in the file

log = structlog.get_logger()


def _now() -> datetime:
    return datetime.now(UTC)


class Tail:
    """The file of heads, read on from where it was left."""

    def __init__(self, path: Path) -> None:
        self._path, self._offset = path, 0

    def read(self) -> list[tuple[int, str]]:
        """Heads that were appended since the last call, MOST at the most: the newest."""
        found: deque[tuple[int, str]] = deque(maxlen=MOST)
        if not self._path.exists():
            return []
        with self._path.open("rb") as file:
            if file.seek(0, os.SEEK_END) < self._offset:
                self._offset = 0  # another file has its name
            file.seek(self._offset)
            for line in file:
                if not line.endswith(b"\n"):
                    break
                self._offset += len(line)
                if (head := exported_head(line)) is not None:
                    found.append(head)
        return list(found)


class Courier:
    """Brings what is new to one sink."""

    def __init__(self, sink: Sink, folder: Path, clock: Callable[[], datetime] = _now) -> None:
        self._sink, self._clock = sink, clock
        self._tail = Tail(folder / HEADS_FILE)
        self._path = state_file(folder, sink.name)
        self._waiting: deque[tuple[int, str]] = deque(maxlen=MOST)
        self.state = read_state(self._path)

    def step(self) -> None:
        """Send what waits, when there is a new head; a sink that is new begins with the newest.

        Raises:
            OSError: the file of heads cannot be read, or the state not be kept.
        """
        new = [head for head in self._tail.read() if head[0] > self.state.number]
        if not new:
            return
        is_first = self.state == SinkState()
        self._waiting.extend(new[-1:] if is_first else new)
        before = self.state
        try:
            while self._waiting:
                number, note = self._waiting[0]
                self._sink.send(number, note)
                self._waiting.popleft()
                self.state = SinkState(number=number, taken_at=rfc3339(self._clock()))
                head_taken(self._sink.name, self._clock().timestamp())
        except SinkFailed as failed:
            since = before.failing_since or rfc3339(self._clock())
            self.state = replace(self.state, failing_since=since, why=str(failed))
            if before.failing_since is None:  # once, and readiness tells it as long as it lasts
                log.warning("head_not_taken", sink=self._sink.name, why=str(failed))
        write_state(self._path, self.state)


def run_sink(sink: Sink, folder: Path, stopped: threading.Event) -> None:
    """Be the courier of a sink whenever no other process is, until told to stop."""
    lock = state_file(folder, sink.name).with_suffix(".lock")
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        while not try_lock(descriptor):
            if stopped.wait(STEP_ASIDE_S):
                return
        courier, last = Courier(sink, folder), ""
        while not stopped.wait(TICK_S):
            try:
                courier.step()
            except OSError as error:
                if str(error) != last:
                    log.error("head_sink_stopped", sink=sink.name, why=str(error))
                last = str(error)
    finally:
        os.close(descriptor)
