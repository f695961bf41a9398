"""The service from its settings: all that can be refused is refused here, then calls are taken."""

from contextlib import nullcontext
from dataclasses import replace
from typing import IO, Any

import click
import structlog
from flask import Flask

from cds_service.artifacts.shadow import Shadow
from cds_service.at_hand import shown
from cds_service.audit.database import is_made
from cds_service.audit.log import AuditLog
from cds_service.audit.migrate import upgrade_or_check
from cds_service.audit.sequencer import start_sequencer
from cds_service.audit.sinks.starting import start_sinks
from cds_service.call import Call
from cds_service.clients.building import build_trust
from cds_service.decision import decide
from cds_service.doors import Decide, Doors
from cds_service.hooks.discovery import SERVICES
from cds_service.hooks.request import HookRequest
from cds_service.keys.building import keys_at_hand
from cds_service.keys.signing import FILE as SIGNING_FILE
from cds_service.keys.signing import SigningFile
from cds_service.logs import configure_logs, route_libraries
from cds_service.observing.checks import service_checks
from cds_service.observing.metrics import model_served
from cds_service.observing.processes import share_counts
from cds_service.observing.traces import Traces
from cds_service.reviewer.building import build_desk
from cds_service.served.history import record_served
from cds_service.served.identity import model_identity, service_identity
from cds_service.serving.admission import Admission, Places
from cds_service.serving.client_limits import ClientLimits
from cds_service.serving.ports import require_port
from cds_service.serving.running import hold
from cds_service.serving.server import Server, share_memory
from cds_service.settings import Settings
from cds_service.site_attributes import load_site_attributes
from cds_service.smart.building import build_smart_desk
from cds_service.starting.needs import REFUSALS, Start, refuse
from cds_service.tools import Loaded, Tools, load_to_share, open_tools, with_model
from cds_service.web.app import create_app
from lamo.deadline import Deadline
from lamo.model_card import model_card
from lamo.scoring.base import ScorerUnavailable
from lamo.scoring.probe import probe

log = structlog.get_logger()

WARM_UP_MS = 60_000


def serve(settings: Settings) -> None:
    """Migrate the audit log, then listen until told to stop.

    Raises:
        Exception: one of `starting.needs.REFUSALS`, which says what stops the start.
        PortTaken: somebody else listens.
    """
    # refused here, in one line, and not in every worker
    start = Start(settings)
    refuse(start, "at once")
    require_port(settings)  # no need of the table: at SIGHUP and in `check` it is our own
    if not is_made(settings.database_url):
        refuse(start, "with tables")  # a first start that is refused makes nothing
    settings.var_dir.mkdir(parents=True, exist_ok=True)
    keys = keys_at_hand(settings)
    signing = SigningFile(settings.var_dir / SIGNING_FILE)
    signing.create()
    signing.read()
    upgrade_or_check(settings.database_url, keys)
    refuse(start, "with tables")
    configure_logs(settings.log_level)
    route_libraries()
    share_counts(settings.var_dir)
    loaded = load_to_share(settings, start.models)
    tell_served(settings, loaded)
    listen(settings, loaded)


def listen(settings: Settings, loaded: Loaded) -> None:
    """Start the processes that answer, and replace them, until told to stop.

    They are forked from this one, which has loaded what they share and holds no connection, child
    or thread (but numpy's, which ends and begins by itself around a fork).
    """
    limits = ClientLimits(settings.client_rate, settings.client_in_flight)
    present = Present(settings, loaded)
    share_memory()
    Server(
        settings,
        load=lambda: build_app(settings, present.loaded, limits),
        limits=limits,
        when_ready=present.ready,
        renew=present.renew,
    ).run()


class Present:
    """What is served now: replaced as a whole when the service is told to look again."""

    def __init__(self, settings: Settings, loaded: Loaded) -> None:
        """Begin with what the start has loaded."""
        self.settings, self.loaded = settings, loaded
        self._held: IO[bytes] | None = None

    def ready(self) -> None:
        """Called when the first process listens, and takes signals."""
        self._held = hold(self.settings.var_dir)
        print_addresses(self.settings, is_loaded=self.loaded.model.scorer is not None)

    def renew(self) -> bool:
        """Load what is chosen by now; False where that is refused: what is served stays.

        A model that is served already is not loaded again.
        """
        start = Start(self.settings)
        try:
            refuse(start, "at once")
            refuse(start, "with tables")
            loaded = load_to_share(self.settings, start.models, self.loaded)
            tell_served(self.settings, loaded)
        except REFUSALS as refused:
            log.error("models_not_renewed", error=type(refused).__name__)
            click.echo(f"the models are as before: {refused}", err=True)
            return False
        self.loaded = loaded
        share_memory()
        log.info("models_renewed", version=loaded.model.artifact.version)
        return True


def tell_served(settings: Settings, loaded: Loaded) -> None:
    """Record what is served from now on, where it is not what was served before."""
    model = model_identity(loaded.model.artifact, loaded.rulebook, loaded.policy)
    canary = loaded.canary.artifact.identity() if loaded.canary else None
    log = AuditLog(settings.database_url, keys_at_hand(settings))
    try:
        record_served(log, service_identity(model, canary))
    finally:
        log.close()  # no connection may outlast a fork


def build_app(settings: Settings, loaded: Loaded, limits: ClientLimits) -> Flask:
    """Open what a process has for itself, run the models once, and put the web part in front."""
    tools, trust = open_tools(settings, loaded), build_trust(settings)
    if loaded.shadow:
        tools = replace(tools, shadow=Shadow(with_model(tools, loaded.shadow)))
    warm_up(tools)
    if tools.canary:
        warm_up(tools.canary)
    start_sequencer(settings.sequencer_url, settings.var_dir)
    start_sinks(settings)
    tools.stops.follow()
    model_served(tools.artifact.identity())
    card = model_card(tools.artifact, load_site_attributes(settings.site_attributes), counted={})
    return create_app(
        Doors(
            settings=settings,
            recorder=tools.audit_log,
            identify=trust.identify,
            spend=trust.spend,
            admit=Admission(limits, Places(settings.threads)).one,
            refused_tokens=trust.refused.latest,
            decide=answering(tools),
            is_demonstration=tools.artifact.is_demonstration,
            model_card=lambda: card,
            checks=service_checks(tools),
            review=build_desk(tools, trust, lambda: card),
            smart=build_smart_desk(tools),
            traces=Traces(settings.traces_url) if settings.traces_url else None,
        )
    )


def answering(tools: Tools) -> Decide:
    """What decides calls, each with the model of its client; a shadow waits until none is left."""

    def answer(request: HookRequest, call: Call) -> list[dict[str, Any]]:
        with tools.shadow.waiting() if tools.shadow else nullcontext():
            return decide(request, call, tools.for_client(call.caller.client))

    return answer


def warm_up(tools: Tools) -> None:
    """Score an invented patient, so that the first hook finds everything loaded and compiled.

    A scoring server that is down when a process is replaced leaves a gap in its calls, as it does
    in those of the others.
    """
    candidates = [entry.label for entry in tools.artifact.vocabulary]
    prompt = probe(tools.artifact.layout)
    try:
        tools.scorer.score(prompt, candidates, Deadline.after_ms(WARM_UP_MS))
    except ScorerUnavailable:
        if not tools.settings.scorer_url:
            raise
        log.warning("not_warmed_up")


def print_addresses(settings: Settings, *, is_loaded: bool) -> None:
    """Tell a person what to try. Where each process loads a model, calls wait for that."""
    base = settings.base_url
    click.echo(f"The audit log is {shown(settings.database_url)}")
    wait = "" if is_loaded else " The first answer comes when the model is loaded."
    if settings.is_open:
        click.echo(
            f"WARNING: sandbox mode on {settings.host}: whoever reaches this address may call, and "
            "see /metrics and /operator. LAMO_MODE=production takes registered clients alone."
        )
    if settings.is_production:
        click.echo(f"Listening on {settings.host}:{settings.port} for {base}.{wait}")
        click.echo("Registered clients may call: lamo-cds clients list")
        return
    click.echo(f"Listening on {base}.{wait} Try:")
    click.echo(f"  {base}/              what this is")
    click.echo(f"  {base}/cds-services  discovery")
    for service in SERVICES:
        click.echo(f"  POST {base}/cds-services/{service.service_id}")
    click.echo(f"  lamo-cds demo --url {base} examples/order-sign.json")
