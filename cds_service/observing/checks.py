"""What the service depends on, as checks for `Health`."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from sqlalchemy import Connection, Engine, func, select

from cds_service.audit.database import AuditFailure, open_engine, reporting_failures
from cds_service.audit.migrate import check_head, check_writable
from cds_service.audit.models import EventRow
from cds_service.audit.read_model.lag import lags, told
from cds_service.audit.read_model.registry import PROJECTIONS
from cds_service.audit.sinks.sink import read_state, state_file
from cds_service.audit.unsequenced import MERGE_DELAY_S, oldest_unsequenced_s
from cds_service.clients.registry import ClientRegistry
from cds_service.observing.health import Check, Unwell
from cds_service.settings import Settings
from cds_service.tools import Tools
from lamo.deadline import Deadline
from lamo.scoring.base import ScorerUnavailable
from lamo.scoring.probe import probe

DATABASE_S = 1.0  # for one statement
MODEL_MS = 1000.0
MOST_APART_S = 5.0  # our clock and the database's
MOST_AHEAD_S = 60.0  # the newest event, of our clock


def service_checks(tools: Tools) -> tuple[Check, ...]:
    """Everything that `/readyz` looks at.

    Without its model the service still gives the cards of its rules, and a scoring server is one
    for all replicas: taking them all out of service over it would lose these cards too. No card
    needs the read model either.
    """
    database = DatabaseChecks(tools.settings.database_url)
    candidate = tools.artifact.vocabulary[0].label
    ask = partial(tools.scorer.score, probe(tools.artifact.layout), [candidate])
    return (
        Check(name="database", look=database.writable),
        Check(name="migrations", look=database.at_head),
        Check(name="clock", look=database.clocks_agree),
        Check(name="sequencer", look=database.sequenced),
        Check(name="stops", look=tools.stops.told),
        Check(name="clients", look=database.clients_can_be_read, is_needed=False),
        Check(name="read-model", look=database.followed, is_needed=False),
        Check(name="model", look=partial(model_answers, ask), is_needed=False),
        *sink_checks(tools.settings),
    )


def sink_checks(settings: Settings) -> tuple[Check, ...]:
    """The sinks of heads; calls are answered without them, since heads are in their file too."""
    sinks = {"url": settings.heads_url, "syslog": settings.heads_syslog}
    return tuple(
        Check(
            name=f"heads_{name}",
            look=partial(heads_are_taken, state_file(settings.var_dir, name)),
            is_needed=False,
        )
        for name, target in sinks.items()
        if target is not None
    )


def heads_are_taken(path: Path) -> str:
    """A sink took the newest head that it was sent; told from the file of its state."""
    state = read_state(path)
    last = f"last took a head at {state.taken_at}" if state.taken_at else "has taken no head yet"
    if state.failing_since is not None:
        raise Unwell(f"fails since {state.failing_since}: {state.why}; {last}")
    return last


def model_answers(ask: Callable[[Deadline], object]) -> str:
    """Have one candidate scored for an invented patient."""
    try:
        ask(Deadline.after_ms(MODEL_MS))
    except ScorerUnavailable as reason:
        raise Unwell(str(reason)) from None
    return "scores"


class DatabaseChecks:
    """Looks at the audit database by connections of its own, so that no call waits for a probe."""

    def __init__(
        self,
        database_url: str,
        *,
        timeout_s: float = DATABASE_S,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._writer = open_engine(database_url, timeout_s=timeout_s)
        self._reader = open_engine(database_url, timeout_s=timeout_s, read_only=True)
        self._clock = clock

    def writable(self) -> str:
        """It is there and takes entries."""
        with _connected(self._writer) as connection:
            check_writable(connection)
        return "takes entries"

    def at_head(self) -> str:
        """Its tables are those of this release."""
        with _connected(self._reader) as connection:
            check_head(connection)
        return "the tables of this release"

    def clocks_agree(self) -> str:
        """Our clock is the database's, where that has one, and was not set back since an event."""
        with _connected(self._reader) as connection:
            newest = select(EventRow.recorded_at).order_by(EventRow.event_id.desc()).limit(1)
            recorded_at = connection.scalar(newest)
            if connection.dialect.name == "postgresql":
                theirs = connection.execute(select(func.clock_timestamp())).scalar_one()
                self._check_apart(theirs)
        if recorded_at is not None:
            self._check_ahead(datetime.fromisoformat(recorded_at))
        return "agrees"

    def sequenced(self) -> str:
        """Every event got its place in the Merkle tree within the published delay."""
        with _connected(self._reader) as connection:
            waits_s = oldest_unsequenced_s(connection, int(self._clock().timestamp() * 1000))
        if waits_s > MERGE_DELAY_S:
            raise Unwell(
                f"an event of {waits_s:.0f} s ago has no place in the Merkle tree yet, wanted one "
                f"within {MERGE_DELAY_S:.0f} s: the log says under sequencer_stopped why"
            )
        return "every event has its place"

    def followed(self) -> str:
        """What the reviewers' pages search in is not far behind."""
        with _connected(self._reader) as connection:
            found = lags(connection, PROJECTIONS, int(self._clock().timestamp() * 1000))
        stale = told(found)
        if stale is not None:
            raise Unwell(stale)
        return "follows"

    def clients_can_be_read(self) -> str:
        """No client that was registered is set aside; the others are served all the same."""
        try:
            broken = ClientRegistry(self._reader).look().broken
        except AuditFailure as failure:
            raise Unwell(failure.reason) from None
        if broken:
            raise Unwell(f"{len(broken)} set aside: `lamo-cds clients list` says which and why")
        return "can be read"

    def close(self) -> None:
        """Close all connections."""
        self._writer.dispose()
        self._reader.dispose()

    def _check_apart(self, theirs: datetime) -> None:
        apart = abs((self._clock() - theirs).total_seconds())
        if apart > MOST_APART_S:
            raise Unwell(
                f"the clocks of this machine and of the database are {apart:.0f} s apart, wanted "
                f"at most {MOST_APART_S:.0f}: have both follow one time server"
            )

    def _check_ahead(self, recorded_at: datetime) -> None:
        ahead = (recorded_at - self._clock()).total_seconds()
        if ahead > MOST_AHEAD_S:
            raise Unwell(
                f"the newest event was recorded {ahead:.0f} s from now, so a clock was set back, "
                "or was ahead then: have this machine follow a time server"
            )


@contextmanager
def _connected(engine: Engine) -> Iterator[Connection]:
    try:
        with reporting_failures(), engine.begin() as connection:
            yield connection
    except AuditFailure as failure:
        raise Unwell(failure.reason) from None
