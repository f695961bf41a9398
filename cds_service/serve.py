"""The service under gunicorn: each worker loads the model and warms it up before it takes calls."""

from functools import partial
from typing import Any

import click
import structlog
from flask import Flask
from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]

from cds_service.app import create_app
from cds_service.audit.migrate import upgrade
from cds_service.card_policy import load_policy
from cds_service.decision import decide
from cds_service.discovery import SERVICES
from cds_service.doors import Doors
from cds_service.logs import configure_logs
from cds_service.notes.building import build_keys, note_plan
from cds_service.settings import Settings
from cds_service.tools import Tools, build_tools, check_scoring_server
from lamo.artifact import bundled_artifact_folder, load_artifact
from lamo.deadline import Deadline
from lamo.scoring.device import check_device
from lamo.scoring.probe import probe

log = structlog.get_logger()

WARM_UP_MS = 60_000
WORKER_SILENCE_S = 120  # a worker that says nothing for longer is replaced; loading takes a while
GRACEFUL_S = 20


def serve(settings: Settings) -> None:
    """Migrate the audit log, then listen until told to stop.

    Raises:
        ArtifactRefused: the artifact cannot be served.
        DeviceMissing: the model cannot run where the settings say.
        EndpointRefused: the note endpoint cannot be used, or is not one that notes may go to.
        KeysRefused: the keys cannot be used.
        PolicyRefused: the card policy cannot be used.
        ServerRefused: the scoring server has not this artifact, or does not answer.
        AuditFailure: the audit database cannot be used.
    """
    # refused here, in one line, and not in every worker
    load_artifact(settings.artifact or bundled_artifact_folder())
    if settings.scorer_url:
        check_scoring_server(settings)
    else:
        check_device(settings.model_device)
    check_note_endpoint(settings)
    load_policy(settings.card_policy)
    settings.var_dir.mkdir(parents=True, exist_ok=True)
    build_keys(settings)
    upgrade(settings.database_url)
    configure_logs(settings.log_level)
    GunicornServer(settings).run()


def check_note_endpoint(settings: Settings) -> None:
    """Return when the note endpoint of the settings answers as it must, or there is none."""
    plan = note_plan(settings)
    if plan is not None:
        from lamo.notes.model_reader.check import check_endpoint

        check_endpoint(plan)


def build_app(settings: Settings) -> Flask:
    """Build everything behind the web part, run the model once, and put the web part in front."""
    tools = build_tools(settings)
    warm_up(tools)
    return create_app(
        Doors(
            settings=settings,
            recorder=tools.audit_log,
            decide=partial(decide, tools=tools),
            is_demonstration=tools.artifact.is_demonstration,
        )
    )


def warm_up(tools: Tools) -> None:
    """Score an invented patient, so that the first hook finds everything loaded and compiled."""
    candidates = [entry.label for entry in tools.artifact.vocabulary]
    prompt = probe(tools.artifact.layout)
    tools.scorer.score(prompt, candidates, Deadline.after_ms(WARM_UP_MS))


class GunicornServer(BaseApplication):  # type: ignore[misc]
    """gunicorn, told what to do by the settings instead of a file."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        super().__init__()

    def load_config(self) -> None:
        """Called by gunicorn before it starts."""
        for name, value in gunicorn_options(self._settings).items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        """Called by gunicorn in each worker."""
        return build_app(self._settings)


def gunicorn_options(settings: Settings) -> dict[str, Any]:
    """What gunicorn is told. Its access log is off: ours says the same without addresses."""
    return {
        "bind": [f"{settings.host}:{settings.port}"],
        "workers": settings.workers,
        "worker_class": "gthread",
        "threads": settings.threads,
        "timeout": WORKER_SILENCE_S,
        "graceful_timeout": GRACEFUL_S,
        "loglevel": settings.log_level,
        "control_socket_disable": True,
        "when_ready": lambda _: print_addresses(settings),
    }


def print_addresses(settings: Settings) -> None:
    """Tell a person what to try. Calls wait until the model is loaded, a few seconds from here."""
    base = settings.base_url
    click.echo(f"Listening on {base}. The first answer comes when the model is loaded. Try:")
    click.echo(f"  {base}/              what this is")
    click.echo(f"  {base}/cds-services  discovery")
    for service in SERVICES:
        click.echo(f"  POST {base}/cds-services/{service.service_id}")
    click.echo(f"  lamo-cds demo --url {base} examples/order-sign.json")
