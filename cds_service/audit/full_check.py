"""Verifying the whole log at the request of who looks, aside from the calls.

A process of its own does it: in one that answers calls it would hold them up for as long as it
takes. One is at work at a time on a host, which a lock beside the result tells; the result is a
file, so that every process of the service can show it.
"""

import fcntl
import json
import os
import threading
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path

from cds_service.audit.canonical import rfc3339
from cds_service.audit.database import AuditFailure
from cds_service.audit.heads import FILE as HEADS_FILE
from cds_service.audit.verify import Asked, verify_log
from cds_service.keys.service import KeysRefused
from cds_service.keys.signing import FILE as SIGNING_FILE
from cds_service.keys.signing import SigningFile

FILE = "verification.json"
LOCK = "verification.lock"
LONGEST_S = 3600.0  # past it a verification is broken off
NICE = 10  # behind the processes that answer calls


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What the last verification came to."""

    started_at: str  # RFC 3339 in UTC
    ended_at: str
    events: int = 0
    is_ok: bool = False
    lines: tuple[str, ...] = ()  # each check and its outcome, for a person
    failure: str | None = None  # why it came to no end


class FullVerification:
    """Starts verifications of one log, and tells of the last."""

    def __init__(self, database_url: str, folder: Path, longest_s: float = LONGEST_S) -> None:
        """Name the database and the folder of the service; nothing is begun."""
        self._url, self._folder, self._longest_s = database_url, folder, longest_s

    def last(self) -> Verified | None:
        """The last one that ended; None when there is none whose result can be read."""
        try:
            told = json.loads((self._folder / FILE).read_text(encoding="utf-8"))
            return Verified(**told | {"lines": tuple(told["lines"])})
        except (OSError, ValueError, TypeError, LookupError):
            return None

    def is_running(self) -> bool:
        """Whether one is at work on this host."""
        lock = self._locked()
        if lock is not None:
            os.close(lock)
        return lock is None

    def start(self) -> bool:
        """Begin one aside; False when one is at work already."""
        lock = self._locked()
        if lock is None:
            return False
        threading.Thread(target=self._watch, args=(lock,), name="verify", daemon=True).start()
        return True

    def _watch(self, lock: int) -> None:
        """Wait for the process that verifies, no longer than it may take."""
        started_at = _now()
        try:
            work = get_context("spawn").Process(
                target=verify_aside, args=(self._url, self._folder, started_at), daemon=True
            )
            work.start()
            work.join(self._longest_s)
            if work.exitcode != 0:
                told = _why(work.exitcode, self._longest_s)
                work.kill()
                work.join()
                _keep(self._folder, Verified(started_at=started_at, ended_at=_now(), failure=told))
        finally:
            os.close(lock)  # and so lets go of it

    def _locked(self) -> int | None:
        """The lock, by its descriptor; None while another holds it."""
        descriptor = os.open(self._folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        return descriptor


def verify_aside(database_url: str, folder: Path, started_at: str) -> None:
    """Verify the whole log, behind everything else on this host, and keep the result."""
    with suppress(OSError):  # where that is not allowed it is done all the same
        os.nice(NICE)
    _keep(folder, _verified(database_url, folder, started_at))


def _verified(database_url: str, folder: Path, started_at: str) -> Verified:
    kept = folder / HEADS_FILE
    try:
        first_key = SigningFile(folder / SIGNING_FILE).read().keys[0]
        asked = Asked(first_key=first_key, exported=kept if kept.exists() else None)
        found = verify_log(database_url, asked)
    except AuditFailure as failure:
        return Verified(started_at=started_at, ended_at=_now(), failure=failure.reason)
    except KeysRefused as refused:
        return Verified(started_at=started_at, ended_at=_now(), failure=str(refused))
    return Verified(
        started_at=started_at,
        ended_at=_now(),
        events=found.events,
        is_ok=found.is_ok,
        lines=tuple(found.lines()),
    )


def _why(exitcode: int | None, longest_s: float) -> str:
    """Why it came to no end, by how its process ended; None: it did not."""
    if exitcode is None:
        return f"it did not end within {longest_s:.0f} s, and was broken off"
    if exitcode < 0:
        return f"its process was killed by signal {-exitcode}: see whether memory ran out"
    return "its process failed, and the service's own log says how: run `lamo-cds audit verify`"


def _keep(folder: Path, result: Verified) -> None:
    """Whole or not at all: another process may read it at any time."""
    beside = folder / f".{FILE}.{os.getpid()}"
    beside.write_text(json.dumps(asdict(result), indent=1), encoding="utf-8")
    beside.replace(folder / FILE)


def _now() -> str:
    return rfc3339(datetime.now(UTC))
