"""What has been written so far, so that a run that was stopped goes on without loss or repetition.

Three files: FILE holds a line per patient, FILE.failed a line per patient who could not be scored,
FILE.run what all lines rest on. A line is whole or it is not there: a last one without its end was
being written when the run was stopped, and is cut off.
"""

import fcntl
import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

FAILURES_IN_A_ROW = 20


class RunRefused(Exception):  # noqa: N818 - a situation, named as such
    """The files of an earlier run cannot be gone on with; the message says why."""


class RunStopped(Exception):  # noqa: N818 - a situation, named as such
    """Something is wrong that is no single patient's fault; what was written stays."""


class Book:
    """The files of one run, open for appending. A context manager."""

    def __init__(
        self,
        out: Path,
        rests_on: Mapping[str, Any],
        decided_at: datetime | None = None,
        *,
        retry_failed: bool = False,
    ) -> None:
        """Open the files, or go on with those that are there.

        Args:
            out: the file of the scores; the two others lie beside it.
            rests_on: model, knowledge and input files by name and hash.
            decided_at: aware; None for an earlier run's moment, or now.
            retry_failed: forget who was set aside, so that they are scored again.

        Raises:
            RunRefused: they were made with another model, of other files, or are not ours.
        """
        if out.exists() and not out.is_file():
            raise RunRefused(f"{out} is not a file: name a file for the scores")
        if not out.parent.is_dir():
            raise RunRefused(f"there is no folder {out.parent}: make it, or name another file")
        self._run = out.with_name(f"{out.name}.run")
        self.decided_at = _agreed(out, self._run, rests_on, decided_at)
        self._lines = _Lines(out)
        failed = out.with_name(f"{out.name}.failed")
        if retry_failed:
            failed.unlink(missing_ok=True)
        self._failed = _Lines(failed)
        self.done = self._lines.patients | self._failed.patients
        self.failed = len(self._failed.patients)
        self._in_a_row = 0

    def __enter__(self) -> "Book":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._lines.close()
        self._failed.close()

    def finish(self, counts: Mapping[str, Any]) -> None:
        """Write beside what the lines rest on what was counted and what could not be read."""
        body = json.loads(self._run.read_text()) | {"counts": counts}
        _replace(self._run, body)

    def write(self, line: Mapping[str, Any]) -> None:
        """Append one patient; one with an `error` is set aside.

        Raises:
            RunStopped: so many in a row had an error that it cannot be theirs.
        """
        if "error" not in line:
            self._in_a_row = 0
            self._lines.append(line)
            return
        self.failed += 1
        self._in_a_row += 1
        self._failed.append(line)
        if self._in_a_row == FAILURES_IN_A_ROW:
            raise RunStopped(
                f"{self._in_a_row} patients in a row could not be scored, the last one for "
                f"{line['error']}: mend that, and run again with --retry-failed"
            )


class _Lines:
    """One file of JSON lines, ours alone; knows whose lines it has."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a+b")
        self.patients: set[str] = set()
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._file.truncate(self._read(path))
        except BlockingIOError:
            self._file.close()
            raise RunRefused(f"another run is writing {path}: wait for it, or stop it") from None
        except RunRefused:
            self._file.close()
            raise

    def _read(self, path: Path) -> int:
        """The bytes of all whole lines."""
        self._file.seek(0)
        whole = 0
        for line in self._file:
            if not line.endswith(b"\n"):
                break
            self.patients.add(_patient(line, path))
            whole += len(line)
        return whole

    def append(self, line: Mapping[str, Any]) -> None:
        """Write a whole line, out of this process's hands: a kill after it loses nothing."""
        text = json.dumps(line, ensure_ascii=False, separators=(",", ":"))
        self._file.write(text.encode(errors="backslashreplace") + b"\n")
        self._file.flush()

    def close(self) -> None:
        """Leave it to the disk as well, so that a power cut after the run loses nothing."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()


def _patient(line: bytes, path: Path) -> str:
    try:
        return str(json.loads(line)["patient"])
    except (ValueError, KeyError, TypeError):
        raise RunRefused(
            f"{path} holds a line that is none of ours ({line[:60]!r}): name another file for the "
            "scores, or move this one away"
        ) from None


def _agreed(
    out: Path, path: Path, rests_on: Mapping[str, Any], decided_at: datetime | None
) -> datetime:
    """The moment that ages are counted from: an earlier run's, if this one rests on the same."""
    if not path.exists():
        if out.exists() and out.stat().st_size:
            raise RunRefused(
                f"{out} is there without {path.name}, so what it rests on is not known: name "
                "another file for the scores, or move this one away"
            )
        moment = decided_at or datetime.now(UTC)
        _replace(path, dict(rests_on) | {"decided_at": moment.isoformat()})
        return moment
    try:
        earlier: dict[str, Any] = json.loads(path.read_text())
        moment = datetime.fromisoformat(earlier["decided_at"])
    except (ValueError, TypeError, KeyError):
        raise RunRefused(
            f"{path} is none of ours, so what {out} rests on is not known: name another file for "
            "the scores, or move both away"
        ) from None
    wanted = dict(rests_on) | ({"decided_at": decided_at.isoformat()} if decided_at else {})
    if other := [name for name, value in wanted.items() if value != earlier.get(name)]:
        raise RunRefused(
            f"{out} was begun with another {' and '.join(other)} ({earlier.get(other[0])!r}, now "
            f"{wanted[other[0]]!r}): go on with the same, or name another file for the scores"
        )
    return moment


def _replace(path: Path, body: Mapping[str, Any]) -> None:
    """Write a whole file or none of it."""
    beside = path.with_name(f"{path.name}.new")
    beside.write_text(json.dumps(body, indent=1, sort_keys=True) + "\n")
    beside.replace(path)
