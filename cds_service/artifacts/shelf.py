"""The folder of artefacts: one folder each, named for what it holds, and the bundled one."""

import re
import shutil
import tempfile
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

from cds_service.artifacts.choice import Chosen, ModelRefused
from lamo.artifact import (
    MANIFEST,
    Artifact,
    ArtifactRefused,
    bundled_artifact_folder,
    load_artifact,
    read_manifest,
)

_OUTSIDE = re.compile(r"[^A-Za-z0-9._-]+")


def name_of(artifact: Artifact) -> str:
    """Name, version and the first twelve digits of the hash, as folders are named."""
    plain = (_OUTSIDE.sub("_", part) for part in (artifact.name, artifact.version))
    return "-".join((*plain, artifact.sha256[:12]))


class Shelf:
    """The artefacts of one folder."""

    def __init__(self, folder: Path) -> None:
        """Take the folder, which need not exist."""
        self.folder = folder

    def manifests(self) -> Iterator[tuple[str, Artifact]]:
        """Name and manifest of every artefact, the bundled one first; no file is hashed.

        Raises:
            ArtifactRefused: one cannot be read.
        """
        bundled = self.bundled()
        yield name_of(bundled), bundled
        for manifest in sorted(self.folder.glob(f"*/{MANIFEST}")):
            if not manifest.parent.name.startswith("."):  # one that is being copied
                yield manifest.parent.name, read_manifest(manifest.parent)

    def bundled(self) -> Artifact:
        """The manifest of the demonstration in the package."""
        return read_manifest(bundled_artifact_folder())

    def chosen(self, name: str) -> Chosen | None:
        """What stands for an artefact in a choice; None for the bundled one.

        Raises:
            ModelRefused: there is none of this name.
        """
        if name == name_of(self.bundled()):
            return None
        manifest = self.folder / name / MANIFEST
        if Path(name).name != name or name.startswith(".") or not manifest.is_file():
            raise ModelRefused(
                f"{self.folder} has no artefact of this name: take one from `lamo-cds model list`, "
                "or copy one in with `lamo-cds model add FOLDER`"
            )
        return Chosen(name=name, manifest_sha256=_sha256(manifest))

    def load(self, chosen: Chosen | None) -> Artifact:
        """Read and verify an artefact, every file of it.

        Args:
            chosen: as a choice names it; None for the bundled one.

        Raises:
            ArtifactRefused: it is not there, or not what it was when it was chosen.
        """
        if chosen is None:
            return load_artifact(bundled_artifact_folder())
        folder = self.folder / chosen.name
        artifact = load_artifact(folder)
        if name_of(artifact) != chosen.name or _sha256(folder / MANIFEST) != chosen.manifest_sha256:
            raise ArtifactRefused(
                f"{folder} is not what it was when it was chosen: its {MANIFEST} was changed. "
                "Copy the artefact in again with `lamo-cds model add`, or go back with "
                "`lamo-cds model rollback`"
            )
        return artifact

    def add(self, source: Path) -> str:
        """Copy an artefact in, verified before and behind the copy.

        Returns:
            Its name.

        Raises:
            ArtifactRefused: it cannot be served, or was cut while it was copied.
            ModelRefused: it is here already, or the folder cannot be written to.
        """
        name = name_of(load_artifact(source))
        if (self.folder / name).exists() or name == name_of(self.bundled()):
            raise ModelRefused(f"{name} is here already: see `lamo-cds model list`")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=self.folder, prefix=".adding-") as beside:
                copied = Path(beside) / name
                shutil.copytree(source, copied)
                load_artifact(copied)
                copied.rename(self.folder / name)
        except OSError as error:
            raise ModelRefused(
                f"{self.folder} cannot take a copy ({error.strerror}): run this as the user of the "
                "service, with room on the disk"
            ) from None
        return name


def _sha256(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()
