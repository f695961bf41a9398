"""What was chosen: the artefact that is served, those before it, a shadow and a canary.

One file beside the artefacts. It is replaced whole, so a process reads the old or the new one.
"""

import os
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

FILE = "active.json"
MOST_KEPT = 50  # earlier ones that a rollback can reach

_STRICT = ConfigDict(frozen=True, extra="forbid")


class ModelRefused(Exception):  # noqa: N818 - a situation, named as such
    """What was asked of the artefacts cannot be done; says why, and what to do."""


class Chosen(BaseModel):
    """One artefact, exactly as it was when it was chosen."""

    model_config = _STRICT

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]+$")]  # of its folder
    manifest_sha256: str  # the manifest has the hash of every file, and holds the thresholds


class Canary(BaseModel):
    """An artefact that answers some clients."""

    model_config = _STRICT

    model: Chosen
    clients: Annotated[tuple[str, ...], Field(min_length=1)]


class Choice(BaseModel):
    """Everything that was chosen. Without any of it, the bundled demonstration is served."""

    model_config = _STRICT

    active: Chosen | None = None
    before: tuple[Chosen | None, ...] = ()  # the one before is last; None: the bundled one
    shadow: Chosen | None = None
    canary: Canary | None = None

    def with_active(self, chosen: Chosen | None) -> "Choice":
        """Another one is served; the present one becomes the one before."""
        return self._serving(chosen, (*self.before, self.active)[-MOST_KEPT:])

    def rolled_back(self) -> "Choice":
        """The one before is served again.

        Raises:
            ModelRefused: there is none before.
        """
        if not self.before:
            raise ModelRefused("no model was active before this one: see `lamo-cds model list`")
        *before, last = self.before
        return self._serving(last, tuple(before))

    def _serving(self, chosen: Chosen | None, before: tuple[Chosen | None, ...]) -> "Choice":
        """Serve it; as a shadow it would only be compared with itself."""
        shadow = None if self.shadow == chosen else self.shadow
        return self.model_copy(update={"active": chosen, "before": before, "shadow": shadow})


def read_choice(folder: Path) -> Choice:
    """What was chosen; nothing, where there is no such file.

    Raises:
        ModelRefused: the file cannot be used.
    """
    path = folder / FILE
    try:
        return Choice.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return Choice()
    except (OSError, ValidationError) as error:
        why = error.strerror if isinstance(error, OSError) else "it has another form"
        raise ModelRefused(
            f"{path} cannot be used ({why}): put it back from a backup, or delete it to serve the "
            "bundled demonstration and choose anew"
        ) from None


def write_choice(folder: Path, choice: Choice) -> None:
    """Replace the file, on the disk before this returns.

    Raises:
        ModelRefused: it cannot be written.
    """
    beside = folder / f".{FILE}.new"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with beside.open("w", encoding="utf-8") as stream:
            stream.write(choice.model_dump_json(indent=1) + "\n")
            stream.flush()
            os.fsync(stream.fileno())
        beside.replace(folder / FILE)
    except OSError as error:
        raise ModelRefused(
            f"{folder} cannot be written to ({error.strerror}): run this as the user of the service"
        ) from None
