"""Whoever leads the sequencer has the projections follow, in a thread beside it."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import structlog
from sqlalchemy import Engine

from cds_service.audit.database import AuditFailure, open_engine, reporting_failures
from cds_service.audit.read_model.following import AT_MOST, Projection, follow, places_of
from cds_service.audit.read_model.registry import PROJECTIONS

TICK_S = 0.5
STEP_ASIDE_S = 2.0  # after a failure
TIMEOUT_S = 30.0  # of a statement
END_S = 2.0  # that the sequencer waits for the thread's end

log = structlog.get_logger()


@contextmanager
def following(database_url: str, projections: Sequence[Projection] = PROJECTIONS) -> Iterator[None]:
    """Follow until the end of the block. A failure is logged, tried again, and harms nobody else.

    A thread and connections of its own: neither a slow projection nor one that fails holds up
    what the block does.
    """
    stopped = threading.Event()
    work = threading.Thread(
        target=run_follower, args=(database_url, projections, stopped), name="follower", daemon=True
    )
    work.start()
    try:
        yield
    finally:
        stopped.set()
        work.join(END_S)  # two at once do no harm: see following.py


def run_follower(
    database_url: str, projections: Sequence[Projection], stopped: threading.Event
) -> None:
    """Follow until told to stop."""
    # what a power cut takes back is derived again: place and rows go together
    engine = open_engine(database_url, timeout_s=TIMEOUT_S, durable=False)
    follower = Follower(engine, projections)
    try:
        while not stopped.wait(follower.tick()):
            pass
    finally:
        engine.dispose()


class Follower:
    """Follows step by step. Not for several threads."""

    def __init__(self, engine: Engine, projections: Sequence[Projection]) -> None:
        """Take an engine that may write; nothing is done yet."""
        self._engine, self._projections = engine, projections
        self._failed: dict[str, str] = {}

    def tick(self) -> float:
        """Go one step, and say how many seconds to wait before the next.

        When that fails each projection goes alone, so that none waits for another's fault.
        """
        begun = time.monotonic()
        moved, why = _step(self._engine, self._projections)
        if why is None:
            self._tell({})
        else:
            alone = {one.name: _step(self._engine, [one]) for one in self._projections}
            moved = max(moved for moved, _ in alone.values())
            self._tell({name: why for name, (_, why) in alone.items() if why is not None})
        if moved >= AT_MOST:  # far behind: a third of the time belongs to the calls beside it
            return (time.monotonic() - begun) / 2
        return STEP_ASIDE_S if self._failed else TICK_S

    def _tell(self, failed: dict[str, str]) -> None:
        for name, why in failed.items():
            if self._failed.get(name) != why:  # once, and readiness tells it as long as it lasts
                log.error("read_model_stopped", projection=name, why=why)
        self._failed = failed


def follow_all(database_url: str, projections: Sequence[Projection] = PROJECTIONS) -> int:
    """Follow until everything that has its place is seen.

    Returns:
        How many leaves the one that was behind most has moved.

    Raises:
        AuditFailure: the database does not do its part.
    """
    engine = open_engine(database_url, timeout_s=TIMEOUT_S, durable=False)
    try:
        with reporting_failures():
            begin = min(places_of(engine, projections).values(), default=0)
            while follow(engine, projections):
                pass
            return min(places_of(engine, projections).values(), default=0) - begin
    finally:
        engine.dispose()


def _step(engine: Engine, projections: Sequence[Projection]) -> tuple[int, str | None]:
    """How far it went, and why it did not."""
    try:
        with reporting_failures():
            return follow(engine, projections), None
    except AuditFailure as failure:
        return 0, failure.reason
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        # a projection that does not understand a body; its message may quote the body
        return 0, f"gave {type(error).__name__}"
