"""The sequencer: gives every event its place in the tree, and signs the tree.

One works at a time, whichever holds the lock; the others wait for it to end. The lock goes with the
process or the connection, however these end, and every batch is one transaction: a sequencer that
is killed leaves a whole tree, and the next one goes on from there.
"""

import fcntl
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog
from sqlalchemy import Connection, Engine, text

from cds_service.audit.checkpoint import NoteRefused
from cds_service.audit.database import AuditFailure, open_engine, reporting_failures
from cds_service.audit.heads import FILE as HEADS_FILE
from cds_service.audit.heads import HeadsFile, sign_head
from cds_service.audit.merkle import leaf_hash
from cds_service.audit.read_model.follower import following
from cds_service.audit.tree import GrowingTree, StoredTree
from cds_service.audit.unsequenced import (
    LATEST_COMMIT_S,
    SOON_COMMIT_S,
    search_floor,
    unsequenced,
)
from cds_service.keys.service import KeysRefused
from cds_service.keys.signing import FILE as SIGNING_FILE
from cds_service.keys.signing import SigningFile

TICK_S = 0.25
HEAD_S = 1.0  # between heads, while there is work
IDLE_HEAD_S = 3600.0  # between heads that say: nothing new
FAR_SEARCH_S = 2.0  # between searches through all that may still be committed
WHOLE_SEARCH_S = 3600.0  # between searches through all events
STEP_ASIDE_S = 1.0  # before the lock is asked for again, and after a failure
BATCH = 2000  # events in one transaction
TIMEOUT_S = 60.0  # of a statement: a whole search through millions of events takes a while
_LOCK_ID = 7809649185277012341  # of pg_try_advisory_lock

log = structlog.get_logger()


class Sequencer:
    """The work of the one that holds the lock, step by step. Not for several threads."""

    def __init__(self, connection: Connection, keys: SigningFile, heads: HeadsFile) -> None:
        """Take the connection that holds the lock; nothing is done yet."""
        self._connection, self._keys, self._heads = connection, keys, heads
        self._tree: GrowingTree | None = None
        self._signed_size = -1
        self._signed_at = self._far_at = self._searched_at = float("-inf")

    def step(self) -> int:
        """Sequence what waits, one batch of it, and sign when it is time.

        Returns:
            How many events got their place.

        Raises:
            AuditFailure: the database does not do its part, or the log is not the one of the keys.
            KeysRefused: the keys cannot be used.
            OSError: the file of heads cannot be written.
        """
        with reporting_failures():
            added = self._sequence()
            if self._is_time_to_sign():
                self.sign()
        return added

    @property
    def is_signed(self) -> bool:
        """Whether everything that this sequencer has added is signed."""
        return self._tree is not None and self._tree.size == self._signed_size

    def sign(self) -> None:
        """Sign the tree now, and export what was signed."""
        with reporting_failures(), self._connection.begin():
            tree = self._taken_up()
            sign_head(self._connection, self._keys, tree.root())
        self._signed_size, self._signed_at = tree.size, time.monotonic()
        with reporting_failures(), self._reading():
            self._heads.add_new(self._connection)

    def check(self) -> None:
        """Return when heads that were exported are still those of the database; then export more.

        Raises:
            AuditFailure: they are not.
        """
        with reporting_failures(), self._reading():
            self._heads.add_new(self._connection)

    def _sequence(self) -> int:
        now = time.monotonic()
        is_whole = now - self._searched_at > WHOLE_SEARCH_S
        is_far = now - self._far_at > FAR_SEARCH_S
        before_s = LATEST_COMMIT_S if is_far else SOON_COMMIT_S
        with self._reading():
            tree = self._taken_up()
            floor = "" if is_whole else search_floor(self._connection, before_s)
            rows = self._connection.execute(unsequenced(floor, BATCH)).all()
        if rows:
            self._tree = None  # until the batch is committed
            leaves = [(row.event_id, leaf_hash(row.body)) for row in rows]
            with self._connection.begin():
                tree.store(self._connection, leaves)
        self._tree = tree
        if len(rows) < BATCH:  # else there may be more between the floor and here
            self._far_at = now if is_far else self._far_at
            self._searched_at = now if is_whole else self._searched_at
        return len(rows)

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """A transaction that, on SQLite, holds up no writer."""
        begin = self._connection.get_execution_options().get("sqlite_begin", "BEGIN IMMEDIATE")
        self._connection.execution_options(sqlite_begin="BEGIN")
        try:
            with self._connection.begin():
                yield
        finally:
            self._connection.execution_options(sqlite_begin=begin)

    def _is_time_to_sign(self) -> bool:
        assert self._tree is not None  # noqa: S101 - _sequence() has set it
        is_new = self._tree.size != self._signed_size
        pause_s = HEAD_S if is_new else IDLE_HEAD_S
        return time.monotonic() - self._signed_at >= pause_s

    def _taken_up(self) -> GrowingTree:
        if self._tree is None or self._tree.size != StoredTree(self._connection).size():
            self._tree = GrowingTree(StoredTree(self._connection))
        return self._tree


@contextmanager
def leading(database_url: str, var_dir: Path) -> Iterator[Sequencer | None]:
    """Hold the lock and be the sequencer, or be None when another one is.

    Raises:
        AuditFailure: the database does not do its part.
    """
    engine = open_engine(database_url, timeout_s=TIMEOUT_S)
    try:
        with reporting_failures():
            connection = engine.connect()
        try:
            with _locked(engine, connection) as is_leader:
                keys, heads = SigningFile(var_dir / SIGNING_FILE), HeadsFile(var_dir / HEADS_FILE)
                yield Sequencer(connection, keys, heads) if is_leader else None
        finally:
            connection.invalidate()  # the lock goes with it, whatever state it is in
            connection.close()
    finally:
        engine.dispose()


def sequence_all(database_url: str, var_dir: Path) -> int | None:
    """Sequence everything that waits, sign it once, and say how much it was.

    Returns:
        How many events; None when another sequencer is at work, which does the same.
    """
    with leading(database_url, var_dir) as sequencer:
        if sequencer is None:
            return None
        sequencer.check()
        total = 0
        while added := sequencer.step():
            total += added
        if not sequencer.is_signed:
            sequencer.sign()
        return total


def run_sequencer(database_url: str, var_dir: Path, stopped: threading.Event) -> None:
    """Be the sequencer whenever no other one is, until told to stop. Failures are logged."""
    last = None
    while not stopped.is_set():
        try:
            _lead(database_url, var_dir, stopped.wait)
        except (AuditFailure, KeysRefused, NoteRefused, OSError) as failure:
            reason = failure.reason if isinstance(failure, AuditFailure) else str(failure)
            if reason != last:  # once, and readiness tells it as long as it lasts
                log.error("sequencer_stopped", why=reason)
            last = reason
        stopped.wait(STEP_ASIDE_S)


def start_sequencer(database_url: str, var_dir: Path) -> threading.Event:
    """Run it in a thread of this process, which ends with the process; setting the event ends it.

    Every worker starts one, so that another takes over when the one with the lock is gone.
    """
    stopped = threading.Event()
    arguments = (database_url, var_dir, stopped)
    threading.Thread(target=run_sequencer, args=arguments, name="sequencer", daemon=True).start()
    return stopped


def _lead(database_url: str, var_dir: Path, pause: Callable[[float], bool]) -> None:
    with leading(database_url, var_dir) as sequencer:
        if sequencer is None:
            return
        sequencer.check()
        log.info("sequencer_leads")
        is_stopped = False
        with following(database_url):
            while not is_stopped:
                added = sequencer.step()
                is_stopped = pause(0.0 if added == BATCH else TICK_S)


@contextmanager
def _locked(engine: Engine, connection: Connection) -> Iterator[bool]:
    """Whether this process holds the lock, until the end of the block or of the process."""
    if engine.dialect.name == "postgresql":
        with reporting_failures(), connection.begin():
            asked = text("SELECT pg_try_advisory_lock(:id)")
            is_leader = connection.execute(asked, {"id": _LOCK_ID}).scalar_one()
        yield bool(is_leader)
        return
    with reporting_failures(), connection.begin():
        file = connection.exec_driver_sql("PRAGMA database_list").first()
    descriptor = os.open(f"{file[2]}.sequencer", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)  # type: ignore[index]
    try:
        yield try_lock(descriptor)
    finally:
        os.close(descriptor)


def try_lock(descriptor: int) -> bool:
    """Whether the open file is locked by this process now; the lock goes with the process."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
