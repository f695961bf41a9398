"""What tells one state of the service from another: all that a card can depend on."""

import hashlib
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

from cds_service.cards.policy import CardPolicy
from lamo.artifact import Artifact
from medication_safety.rulebook import Rulebook

PACKAGES = ("cds_service", "fhir_mappings", "lamo", "medication_safety")


def model_identity(artifact: Artifact, rulebook: Rulebook, policy: CardPolicy) -> dict[str, Any]:
    """What a decision rests on, as it stands in the body of each."""
    return artifact.identity() | {
        "knowledge": rulebook.version,
        "card_policy": f"{policy.version} {policy.sha256[:12]}",
    }


def service_identity(
    model: Mapping[str, Any], canary: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The same with the code.

    Args:
        model: from `model_identity`.
        canary: of an artifact that answers some clients.
    """
    beside = {"canary": canary} if canary else {}
    return {**model, **beside, "code": f"{version('lamo-cds')} {code_sha256()[:12]}"}


@cache
def code_sha256() -> str:
    """Hash over the Python files of our packages: a version may stand for several states of it."""
    found = hashlib.sha256()
    for package in PACKAGES:
        folder = Path(str(files(package)))
        for path in sorted(folder.rglob("*.py")):
            content = hashlib.sha256(path.read_bytes()).hexdigest()
            found.update(f"{package}/{path.relative_to(folder).as_posix()} {content}\n".encode())
    return found.hexdigest()
