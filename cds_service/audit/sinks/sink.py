"""What a sink is, and what is known of one."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol


class SinkFailed(Exception):  # noqa: N818 - a situation
    """A head was not taken. The text is shown to anybody: no address, no secret."""


class Sink(Protocol):
    """Takes heads to a place where the database's owner has no reach."""

    @property
    def name(self) -> str:
        """One of a fixed set: "url" or "syslog"."""

    def send(self, number: int, note: str) -> None:
        """Return when the head was taken, or where nobody says so, sent.

        Raises:
            SinkFailed: it was not.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkState:
    """How it went last; the same for all processes of a host."""

    number: int = -1  # of the newest head that was taken
    taken_at: str | None = None  # RFC 3339; None: none was yet
    failing_since: str | None = None  # None: it works
    why: str = ""


def state_file(folder: Path, name: str) -> Path:
    """Where the state of a sink is kept."""
    return folder / f"head_sink_{name}.json"


def read_state(path: Path) -> SinkState:
    """The state of a sink; that of a new one where there is no file that can be read."""
    try:
        return SinkState(**json.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError):
        return SinkState()


def write_state(path: Path, state: SinkState) -> None:
    """Keep the state of a sink, whole or not at all.

    Raises:
        OSError: it cannot be written.
    """
    part = path.with_suffix(".part")
    part.write_text(json.dumps(asdict(state)), encoding="utf-8")
    os.replace(part, path)
