"""The artifact: the one folder that serving reads, made by training.

``manifest.json`` names the base model, one PEFT adapter folder per medication group, the prompt
version, the vocabulary with calibration and thresholds, and the hash of every file. Weights are
safetensors, everything else JSON. A folder whose hashes or prompt version do not match is refused.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any

from lamo.policies import Policy
from lamo.probability import calibrated
from lamo.prompts import FAITHFUL, LAYOUTS, Layout, PromptLimits, PromptPlan

MANIFEST = "manifest.json"
FORMAT = 1
ALLOWED_SUFFIXES = {".json", ".safetensors", ".md"}


class ArtifactRefused(Exception):  # noqa: N818 - a situation, named as such
    """The artifact on disk cannot be served; the message says what was found and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VocabularyEntry:
    """One candidate medication, and what validation said of its scores."""

    rxcui: str
    label: str
    group: str
    base_rate: float  # share of validation visits in which it was prescribed
    slope: float  # probability = sigmoid(slope * log-odds + bias)
    bias: float
    recommend_at: float  # log-odds: as many predicted as prescribed on validation
    support_at: float  # log-odds that nearly all orders of it that begin exceed on validation
    balance: float = 0.0  # log-odds that the policy balanced-jaccard adds before ranking
    curve: tuple[tuple[float, float], ...] = ()  # replaces slope and bias where it held out better

    def probability(self, log_odds: float) -> float:
        """The calibrated probability that it is prescribed, at this score."""
        return calibrated(log_odds, self.slope, self.bias, self.curve)


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The medications that share one adapter."""

    name: str
    adapter: str  # PEFT folder, relative to the artifact


@dataclass(frozen=True, kw_only=True)
class Artifact:
    """What the manifest says."""

    folder: Path
    name: str
    version: str
    is_demonstration: bool
    notice: str  # printed wherever the model speaks
    base_model: str  # folder, relative to the artifact, or an absolute one
    answer_token_ids: Mapping[str, int]  # "Yes" and "No"
    groups: tuple[Group, ...]
    vocabulary: tuple[VocabularyEntry, ...]
    prompt_version: str = FAITHFUL.version
    prompt_limits: PromptLimits = field(default_factory=PromptLimits)
    selection: Policy = field(default_factory=Policy)
    probe: Mapping[str, float] = field(default_factory=dict)  # log-odds of lamo/scoring/probe.py
    metrics: Mapping[str, Any] = field(default_factory=dict)
    recipe: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)  # relative path -> sha256

    @cached_property
    def by_label(self) -> Mapping[str, VocabularyEntry]:
        """Vocabulary by candidate label."""
        return {entry.label: entry for entry in self.vocabulary}

    @cached_property
    def by_rxcui(self) -> Mapping[str, VocabularyEntry]:
        """Vocabulary by RxNorm ingredient."""
        return {entry.rxcui: entry for entry in self.vocabulary}

    @cached_property
    def sha256(self) -> str:
        """Hash over the hashes of all files: names exactly this artifact."""
        return hashlib.sha256(json.dumps(self.files, sort_keys=True).encode()).hexdigest()

    @property
    def layout(self) -> Layout:
        """Where the fixed words of its prompts stand."""
        return LAYOUTS[self.prompt_version]

    @property
    def prompt_plan(self) -> PromptPlan:
        """How its prompts are rendered, of any length."""
        return PromptPlan(layout=self.layout, limits=self.prompt_limits)

    @property
    def base_model_folder(self) -> Path:
        """Where the base model and its tokenizer lie."""
        return self.folder / self.base_model  # an absolute base_model stands for itself

    def identity(self) -> dict[str, Any]:
        """Name, version and hashes, as the audit log keeps them."""
        adapters = {
            group.name: self.files.get(f"{group.adapter}/adapter_model.safetensors", "")
            for group in self.groups
        }
        return {
            "name": self.name,
            "version": self.version,
            "sha256": self.sha256,
            "prompt_version": self.prompt_version,
            "selection": self.selection.name,
            "adapters": adapters,
        }


def bundled_artifact_folder() -> Path:
    """The demonstration artifact inside the package."""
    return Path(str(files("lamo") / "demo_artifact"))


def load_artifact(folder: Path) -> Artifact:
    """Read and verify an artifact.

    Raises:
        ArtifactRefused: no manifest, an unknown format, another prompt version, a file that is
            missing, changed, unlisted or of a kind that may hold code.
    """
    artifact = read_manifest(folder)
    _verify_files(folder, artifact.files)
    return artifact


def read_manifest(folder: Path) -> Artifact:
    """Read what an artifact says of itself. No file of it is verified: nothing may be served so.

    Raises:
        ArtifactRefused: no manifest, an unknown format, or another prompt version.
    """
    manifest = folder / MANIFEST
    if not manifest.is_file():
        raise ArtifactRefused(
            f"{folder} has no {MANIFEST}: wanted the folder of an artifact, as "
            "`lamo-cds train all --work FOLDER --out ARTIFACT` writes it"
        )
    raw = json.loads(manifest.read_text())
    if raw.get("format") != FORMAT:
        raise ArtifactRefused(
            f"{manifest} has format {raw.get('format')!r}, this version reads {FORMAT}: "
            "pack the artifact again with this version"
        )
    if raw["prompt_version"] not in LAYOUTS:
        raise ArtifactRefused(
            f"{manifest} was trained on prompt version {raw['prompt_version']!r}, this version "
            f"renders {sorted(LAYOUTS)}: train again, or install the version that rendered it"
        )
    return _from_manifest(folder, raw)


def write_manifest(artifact: Artifact) -> Artifact:
    """Hash every file below the artifact's folder and write its manifest."""
    hashes = {name: _sha256(artifact.folder / name) for name in _file_names(artifact.folder)}
    raw = asdict(artifact) | {"format": FORMAT, "files": hashes}
    del raw["folder"]
    (artifact.folder / MANIFEST).write_text(json.dumps(raw, indent=1, sort_keys=True) + "\n")
    return load_artifact(artifact.folder)


def _from_manifest(folder: Path, raw: dict[str, Any]) -> Artifact:
    known = {name: raw[name] for name in Artifact.__dataclass_fields__ if name in raw}
    return Artifact(
        **known
        | {
            "folder": folder,
            "groups": tuple(Group(**group) for group in raw["groups"]),
            "vocabulary": tuple(_entry(entry) for entry in raw["vocabulary"]),
            "selection": _policy(folder, raw.get("selection", {})),
            "prompt_limits": PromptLimits(**raw["prompt_limits"]),
        }
    )


def _entry(raw: Mapping[str, Any]) -> VocabularyEntry:
    curve = tuple((log_odds, probability) for log_odds, probability in raw.get("curve", ()))
    return VocabularyEntry(**{**raw, "curve": curve})


def _policy(folder: Path, raw: Mapping[str, Any]) -> Policy:
    """A manifest without a selection was packed before policies had names: thresholds."""
    try:
        return Policy(**raw)
    except (TypeError, ValueError) as error:
        raise ArtifactRefused(
            f"{folder / MANIFEST} names a selection that this version does not know ({error}): "
            "pack the artifact again with this version"
        ) from error


def _verify_files(folder: Path, hashes: Mapping[str, str]) -> None:
    found = set(_file_names(folder))
    if unlisted := sorted(found - set(hashes)):
        raise ArtifactRefused(f"{folder} holds files that its manifest does not list: {unlisted}")
    if missing := sorted(set(hashes) - found):
        raise ArtifactRefused(f"{folder} lacks files that its manifest lists: {missing}")
    for name in sorted(hashes):
        if Path(name).suffix not in ALLOWED_SUFFIXES:
            raise ArtifactRefused(
                f"{folder / name} may hold code: an artifact is {sorted(ALLOWED_SUFFIXES)} only"
            )
        if _sha256(folder / name) != hashes[name]:
            raise ArtifactRefused(
                f"{folder / name} does not have the hash that the manifest lists: "
                "the file was changed or cut; copy the artifact again"
            )


def _file_names(folder: Path) -> Iterable[str]:
    return sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and path.name != MANIFEST
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
