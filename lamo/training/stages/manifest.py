"""What a stage leaves beside its files: what it was told, what it read, what it wrote.

A stage is done when its manifest names the same configuration and the same inputs as now, and
every file still has the hash that the manifest lists.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

STAGE_MANIFEST = "stage.json"


class StageRefused(Exception):  # noqa: N818 - a situation, named as such
    """A stage cannot run; the message says what was found and which command to run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """The manifest of one stage's folder."""

    stage: str
    seed: int
    config: Mapping[str, Any]  # the part of the recipe that the stage depends on
    inputs: Mapping[str, str]  # stage or file -> hash of what was read
    counts: Mapping[str, Any] = field(default_factory=dict)
    outputs: Mapping[str, str] = field(default_factory=dict)  # relative path -> sha256
    seconds: float = 0.0
    device: str = "cpu"

    @property
    def digest(self) -> str:
        """Hash over the hashes of all files that the stage wrote."""
        return hashlib.sha256(json.dumps(self.outputs, sort_keys=True).encode()).hexdigest()

    def is_for(self, other: "Manifest") -> bool:
        """Whether the other was told and read the same."""
        return (self.stage, self.seed, self.config, self.inputs) == (
            other.stage,
            other.seed,
            other.config,
            other.inputs,
        )


def write_manifest(folder: Path, manifest: Manifest) -> Manifest:
    """Hash the files of the folder and write its manifest, which is the last file of a stage."""
    outputs = dict(_hashes(folder))
    written = Manifest(**(_fields(manifest) | {"outputs": outputs}))
    (folder / STAGE_MANIFEST).write_text(json.dumps(asdict(written), indent=1) + "\n")
    return written


def read_manifest(folder: Path) -> Manifest:
    """Read and verify the manifest of a finished stage.

    Raises:
        StageRefused: the stage has not run, or its files are not those that it wrote.
    """
    path = folder / STAGE_MANIFEST
    if not path.is_file():
        raise StageRefused(
            f"{folder} has no {STAGE_MANIFEST}: run `lamo-cds train {folder.name}` first, or "
            "`lamo-cds train all`"
        )
    manifest = Manifest(**json.loads(path.read_text()))
    if dict(_hashes(folder)) != manifest.outputs:
        raise StageRefused(
            f"the files in {folder} are not those that its {STAGE_MANIFEST} lists: "
            f"delete {path.name} there and run `lamo-cds train {folder.name}` again"
        )
    return manifest


def is_current(folder: Path, wanted: Manifest) -> bool:
    """Whether the stage was done with this configuration and these inputs, and stands whole."""
    path = folder / STAGE_MANIFEST
    if not path.is_file():
        return False
    found = Manifest(**json.loads(path.read_text()))
    return found.is_for(wanted) and dict(_hashes(folder)) == found.outputs


def file_hash(path: Path) -> str:
    """SHA-256 of one file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def folder_hash(folder: Path) -> str:
    """One hash over the files of a folder that some other program wrote."""
    return hashlib.sha256(json.dumps(dict(_hashes(folder))).encode()).hexdigest()


def _hashes(folder: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and name != STAGE_MANIFEST:
            yield name, file_hash(path)


def _fields(manifest: Manifest) -> dict[str, Any]:
    return {name: getattr(manifest, name) for name in Manifest.__dataclass_fields__}
