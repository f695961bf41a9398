"""Load over HTTP/1.1 on kept connections, cheap enough to share two cores with what it loads."""

import http.client
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any
from urllib.parse import urlsplit

from benchmarks.calls import quantile

Headers = Callable[[], dict[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What is called: bodies in turn, each with headers of its own."""

    url: str
    bodies: Sequence[bytes]
    headers: Headers

    @property
    def host(self) -> str:
        """Name and port."""
        return urlsplit(self.url).netloc

    @property
    def path(self) -> str:
        """What stands behind them."""
        return urlsplit(self.url).path


@dataclass
class Outcome:
    """What came back."""

    seconds: float
    statuses: Counter[int] = field(default_factory=Counter)
    milliseconds: list[float] = field(default_factory=list)  # of answers with status 200
    stages: dict[str, list[float]] = field(default_factory=dict)  # ms, as the service says

    @property
    def rate(self) -> float:
        """Good answers a second."""
        return self.statuses[200] / self.seconds

    def note(self, timing: str) -> None:
        """Take up the stages that a Server-Timing header tells."""
        for stage in timing.split(", ") if timing else ():
            name, _, ms = stage.partition(";dur=")
            self.stages.setdefault(name, []).append(float(ms))

    def quantile(self, part: float) -> float:
        """Milliseconds of a good answer."""
        return quantile(self.milliseconds, part)


def as_fast_as_possible(target: Target, callers: int, seconds: float) -> Outcome:
    """Each caller sends its next request when the answer to the last is there."""
    return _run(target, callers, seconds, rate=None)


def at_rate(target: Target, rate: float, seconds: float, callers: int = 16) -> Outcome:
    """Requests at fixed moments, `rate` a second; the time of each counts from its moment."""
    return _run(target, callers, seconds, rate=rate)


def _run(target: Target, callers: int, seconds: float, rate: float | None) -> Outcome:
    outcome, lock, numbers = Outcome(seconds), threading.Lock(), count()
    started = time.perf_counter()

    def call_on_and_on() -> None:
        connection = http.client.HTTPConnection(target.host, timeout=30)
        while True:
            number = next(numbers)
            due = started + number / rate if rate else time.perf_counter()
            if due - started >= seconds:
                return
            time.sleep(max(0.0, due - time.perf_counter()))
            status, timing = _call(connection, target, number)
            spent = (time.perf_counter() - due) * 1000
            with lock:
                outcome.statuses[status] += 1
                if status == 200:
                    outcome.milliseconds.append(spent)
                    outcome.note(timing)

    threads = [threading.Thread(target=call_on_and_on) for _ in range(callers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    outcome.seconds = time.perf_counter() - started
    return outcome


def _call(connection: http.client.HTTPConnection, target: Target, number: int) -> tuple[int, str]:
    body = target.bodies[number % len(target.bodies)]
    told = {"Content-Type": "application/json"} | target.headers()
    try:
        connection.request("POST", target.path, body, told)
        answer = connection.getresponse()
        answer.read()
    except (OSError, http.client.HTTPException):
        connection.close()
        return 0, ""
    return answer.status, answer.headers.get("Server-Timing", "")


def encoded(bodies: Sequence[dict[str, Any]]) -> list[bytes]:
    """The bodies as they go over the wire."""
    return [json.dumps(body).encode() for body in bodies]
