"""The embedded scorer from its settings: the model is loaded once, and processes answer with it."""

from functools import partial

import click
from flask import Flask

from cds_service.logs import configure_logs, route_libraries
from cds_service.observing.checks import model_answers
from cds_service.observing.health import Check, Health
from cds_service.observing.processes import share_counts
from cds_service.production import HalfConfigured
from cds_service.scorer.answering import Answering
from cds_service.scorer.app import ScorerDoors, create_scorer_app
from cds_service.serving.client_limits import ClientLimits
from cds_service.serving.server import Server, share_memory
from cds_service.settings import Settings
from cds_service.tools import local_scorer
from lamo.artifact import Artifact, bundled_artifact_folder, load_artifact
from lamo.deadline import Deadline
from lamo.scoring.local import LocalScorer
from lamo.scoring.probe import probe

WARM_UP_MS = 60_000


def serve_scorer(settings: Settings) -> None:
    """Listen until told to stop.

    Raises:
        ArtifactRefused: the artifact cannot be served.
        DeviceMissing: the model cannot run where the settings say.
        HalfConfigured: others than this machine would reach it, and there is no key.
    """
    check_key(settings)
    artifact = load_artifact(settings.artifact or bundled_artifact_folder())
    # a folder of its own: the counts of a service beside it are another's
    settings = settings.model_copy(update={"var_dir": settings.var_dir / "scorer"})
    configure_logs(settings.log_level)
    route_libraries()
    share_counts(settings.var_dir)
    # CUDA does not work in a process that was forked with it
    shared = local_scorer(artifact, settings) if settings.model_device == "cpu" else None
    share_memory()
    Server(
        settings,
        load=lambda: build_scorer_app(settings, artifact, shared),
        limits=ClientLimits(settings.client_rate, settings.client_in_flight),
        renew=lambda: False,  # one artifact, until it is started anew
        when_ready=lambda: click.echo(f"Scoring on {settings.host}:{settings.port}."),
    ).run()


def check_key(settings: Settings) -> None:
    """Return when strangers cannot ask.

    Raises:
        HalfConfigured: they can.
    """
    if settings.scorer_key is None and not settings.is_loopback:
        raise HalfConfigured(
            f"HOST is {settings.host}, which others reach, and LAMO_SCORER_KEY is not set: set it "
            "here and where the service runs, or listen on 127.0.0.1"
        )


def build_scorer_app(settings: Settings, artifact: Artifact, shared: LocalScorer | None) -> Flask:
    """Run the model once, and put the web part in front of it."""
    scorer = shared or local_scorer(artifact, settings)
    candidates = [entry.label for entry in artifact.vocabulary]
    asked = probe(artifact.layout)
    scorer.score(asked, candidates, Deadline.after_ms(WARM_UP_MS))
    look = partial(model_answers, partial(scorer.score, asked, candidates[:1]))
    return create_scorer_app(
        ScorerDoors(
            settings=settings,
            answering=Answering(artifact, scorer),
            health=Health((Check(name="model", look=look),)),
        )
    )
