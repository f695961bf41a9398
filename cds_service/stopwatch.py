"""Milliseconds by stage of one call, for the audit log, the counts and the trace."""

import time
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from cds_service.observing.calls import stage_ended

P = ParamSpec("P")
T = TypeVar("T")


class Stopwatch:
    """Runs steps and remembers how long each took."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._started = clock()
        self.stage_ms: dict[str, float] = {}

    def run(self, stage: str, step: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run one step and return what it returns; its time counts whether or not it raises."""
        started = self._clock()
        try:
            return step(*args, **kwargs)
        finally:
            seconds = self._clock() - started
            self.stage_ms[stage] = round(seconds * 1000, 3)
            stage_ended(stage, seconds)

    def total_ms(self) -> float:
        """Milliseconds since the stopwatch was made."""
        return round((self._clock() - self._started) * 1000, 3)
