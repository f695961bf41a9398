"""Changes of the choice: each is an event of the audit log, or is not made."""

import fcntl
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cds_service.artifacts.choice import (
    Canary,
    Choice,
    Chosen,
    ModelRefused,
    read_choice,
    write_choice,
)
from cds_service.artifacts.shelf import name_of
from cds_service.audit.entries import OPERATOR, AdministrationEntry
from cds_service.audit.ids import new_event_id
from cds_service.audit.log import AuditLog
from cds_service.errors import AuditUnavailable
from lamo.artifact import bundled_artifact_folder, read_manifest

LOCK = ".lock"
Turn = Callable[[Choice], Choice]


def activate(chosen: Chosen | None) -> Turn:
    """Have this one served; None for the bundled one."""

    def turn(before: Choice) -> Choice:
        if before.active == chosen:
            raise ModelRefused("it is the active one already: see `lamo-cds model list`")
        return before.with_active(chosen)

    return turn


def shadow(chosen: Chosen | None) -> Turn:
    """Have this one scored behind the answers; None for none."""
    return lambda before: before.model_copy(update={"shadow": chosen})


def canary(chosen: Chosen | None, clients: Sequence[str] = ()) -> Turn:
    """Have this one answer these clients; None for none."""
    told = Canary(model=chosen, clients=tuple(sorted(set(clients)))) if chosen else None
    return lambda before: before.model_copy(update={"canary": told})


def change(folder: Path, log: AuditLog, action: str, turn: Turn) -> Choice:
    """Make a change and say so, in the order that loses neither.

    The file is replaced as the last act of the transaction, and put back when that fails. After a
    crash between the two the next start says in the log what it serves.

    Args:
        folder: of the artefacts.
        log: the audit log.
        action: as the log names it, for example "activate-model".
        turn: from the choice as it stands to the one that is wanted.

    Returns:
        The choice as it is now.

    Raises:
        AuditUnavailable: the log does not do its part; nothing is changed.
        ModelRefused: it cannot be done.
    """
    with _alone(folder):
        before = read_choice(folder)
        after = turn(before)
        entry = AdministrationEntry(
            event_id=new_event_id(),
            request_id=None,
            user=OPERATOR,
            action=action,
            subject=_subject(action, after),
            details={"from": _told(before), "to": _told(after)},
        )
        try:
            log.append_administration(entry, lambda _: write_choice(folder, after))
        except AuditUnavailable:
            write_choice(folder, before)
            raise
    return after


def active_name(choice: Choice) -> str:
    """The name of what is active."""
    if choice.active is not None:
        return choice.active.name
    return name_of(read_manifest(bundled_artifact_folder()))


def _subject(action: str, after: Choice) -> str:
    if "shadow" in action:
        return after.shadow.name if after.shadow else "none"
    if "canary" in action:
        return after.canary.model.name if after.canary else "none"
    return active_name(after)


def _told(choice: Choice) -> dict[str, Any]:
    """A choice as the log tells it: how far a rollback reaches is no business of it."""
    return choice.model_dump(mode="json", exclude={"before"})


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One change at a time on this machine."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # closing the file lets go of it
        yield
