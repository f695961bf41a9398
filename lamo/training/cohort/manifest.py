"""What a stage leaves beside its files: how they were made, and how to know them again."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, is_dataclass
from pathlib import Path
from typing import Any

from lamo.exports.errors import CohortError
from lamo.exports.files import sha256_of

MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """The account of one stage."""

    stage: str
    config: Mapping[str, Any]
    seed: int | None
    counts: Mapping[str, int]
    dropped: Mapping[str, int]  # rows by reason
    inputs: Mapping[str, str]  # SHA-256 by file name
    outputs: Mapping[str, str] = field(default_factory=dict)

    def write(self, folder: Path) -> None:
        """Write it into the folder of the stage."""
        text = json.dumps(asdict(self), indent=2, ensure_ascii=False)
        (folder / MANIFEST).write_text(text + "\n", encoding="utf-8")


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a stage's folder.

    Raises:
        CohortError: there is none, or a file is not the one that it accounts for.
    """
    path = folder / MANIFEST
    try:
        manifest = Manifest(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, TypeError, json.JSONDecodeError) as error:
        raise CohortError(
            f"{path} is not the manifest of a stage ({error}): run the stage before this one again"
        ) from error
    for name, digest in manifest.outputs.items():
        found = sha256_of(folder / name) if (folder / name).is_file() else "nothing"
        if found != digest:
            raise CohortError(
                f"{folder / name} has the SHA-256 {found}, its manifest says {digest}: "
                "the file was changed after it was made; run the stage again"
            )
    return manifest


def plain(value: object) -> Any:
    """A config as JSON: dataclasses as objects, paths as text."""
    if is_dataclass(value) and not isinstance(value, type):
        return {name: plain(getattr(value, name)) for name in value.__dataclass_fields__}
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value
