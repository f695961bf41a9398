"""The artefacts of a start: the one that is served, and those that are tried beside it."""

from dataclasses import dataclass

from cds_service.artifacts.choice import read_choice
from cds_service.artifacts.shelf import Shelf
from cds_service.settings import Settings
from lamo.artifact import Artifact, ArtifactRefused, load_artifact


@dataclass(frozen=True, slots=True, kw_only=True)
class Models:
    """Verified, and not yet loaded."""

    served: Artifact
    canary: Artifact | None = None  # answers `canary_clients`
    canary_clients: frozenset[str] = frozenset()
    shadow: Artifact | None = None  # scored behind the answers, and shown to nobody

    def all(self) -> tuple[Artifact, ...]:
        """Each of them."""
        found = (self.served, self.canary, self.shadow)
        return tuple(one for one in found if one is not None)


def chosen_models(settings: Settings) -> Models:
    """What the settings and the choice name. LAMO_ARTIFACT goes before the active one.

    Raises:
        ArtifactRefused: one of them cannot be served.
        ModelRefused: the choice cannot be read.
    """
    shelf, choice = Shelf(settings.models_dir), read_choice(settings.models_dir)
    canary = choice.canary
    return Models(
        served=served_artifact(settings),
        canary=shelf.load(canary.model) if canary else None,
        canary_clients=frozenset(canary.clients if canary else ()),
        shadow=shelf.load(choice.shadow) if choice.shadow else None,
    )


def served_artifact(settings: Settings) -> Artifact:
    """The one of LAMO_ARTIFACT, else the active one, else the bundled demonstration.

    Raises:
        ArtifactRefused: it cannot be served.
        ModelRefused: the choice cannot be read.
    """
    if settings.artifact is not None:
        try:
            return load_artifact(settings.artifact)
        except ArtifactRefused as refused:
            raise ArtifactRefused(
                f"LAMO_ARTIFACT: {refused}; without it the active artefact is served, or the "
                "bundled demonstration"
            ) from None
    return Shelf(settings.models_dir).load(read_choice(settings.models_dir).active)
