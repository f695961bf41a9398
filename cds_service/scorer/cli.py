"""`lamo-cds scorer`: the model in a process of its own."""

import click

from cds_service.environment import read_settings
from cds_service.refusing import refusing


@click.group()
def scorer() -> None:
    """The embedded scorer, for web parts that load no model (LAMO_SCORER_URL)."""


def _refusals() -> tuple[type[Exception], ...]:
    from cds_service.production import HalfConfigured
    from lamo.artifact import ArtifactRefused
    from lamo.scoring.device import DeviceMissing

    return (ArtifactRefused, DeviceMissing, HalfConfigured)


@scorer.command()
@refusing(_refusals)
def serve() -> None:
    """Serve the artifact. HOST, PORT, LAMO_ARTIFACT, LAMO_SCORER_KEY and LAMO_MODEL_ set it up."""
    settings = read_settings()
    from lamo.scoring.device import check_device

    check_device(settings.model_device)  # first: the rest imports torch
    from cds_service.scorer.serve import serve_scorer

    serve_scorer(settings)
