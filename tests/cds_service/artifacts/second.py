"""A second artefact: the bundled one under another name, to which every order is supported."""

import shutil
from dataclasses import replace
from pathlib import Path

from lamo.artifact import Artifact, bundled_artifact_folder, read_manifest, write_manifest

EASY = -100.0  # log-odds that every score exceeds


def second_artifact(folder: Path, name: str = "second", version: str = "1") -> Artifact:
    """Write one; its scores are those of the bundled one."""
    shutil.copytree(bundled_artifact_folder(), folder)
    (folder / "README.md").write_text(f"{name} {version}, for tests.\n")
    bundled = read_manifest(folder)
    easy = tuple(replace(one, support_at=EASY) for one in bundled.vocabulary)
    changed = replace(bundled, folder=folder, name=name, version=version, vocabulary=easy)
    return write_manifest(changed)
