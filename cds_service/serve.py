"""The service from its settings: all that can be refused is refused here, then calls are taken."""

import gc
from functools import partial

import click
import structlog
from flask import Flask

from cds_service.audit.administering import check_keys
from cds_service.audit.database import open_engine
from cds_service.audit.log import AuditLog
from cds_service.audit.migrate import upgrade_or_check
from cds_service.audit.sequencer import start_sequencer
from cds_service.audit.sinks.starting import start_sinks
from cds_service.cards.policy import load_policy
from cds_service.clients.building import build_trust
from cds_service.clients.registry import ClientRegistry
from cds_service.decision import decide
from cds_service.doors import Doors
from cds_service.hooks.discovery import SERVICES
from cds_service.keys.building import keys_at_hand
from cds_service.keys.service import KeyService
from cds_service.keys.signing import FILE as SIGNING_FILE
from cds_service.keys.signing import SigningFile
from cds_service.logs import configure_logs, route_libraries
from cds_service.notes.building import note_plan
from cds_service.observing.checks import service_checks
from cds_service.observing.metrics import model_served
from cds_service.observing.processes import share_counts
from cds_service.observing.traces import Traces, check_traces
from cds_service.production import check_production
from cds_service.reviewer.building import build_desk
from cds_service.served.history import record_served
from cds_service.served.identity import model_identity, service_identity
from cds_service.serving.admission import Admission, Places
from cds_service.serving.client_limits import ClientLimits
from cds_service.serving.server import Server
from cds_service.settings import Settings
from cds_service.site_attributes import load_site_attributes
from cds_service.tools import Loaded, Tools, check_scoring_server, load_to_share, open_tools
from cds_service.web.app import create_app
from lamo.artifact import Artifact, bundled_artifact_folder, load_artifact
from lamo.deadline import Deadline
from lamo.model_card import model_card
from lamo.scoring.base import ScorerUnavailable
from lamo.scoring.device import check_device
from lamo.scoring.probe import probe

log = structlog.get_logger()

WARM_UP_MS = 60_000
RARELY = (20_000, 20, 50)  # a call makes some 10,000 objects, and leaves none of them in a cycle


def serve(settings: Settings) -> None:
    """Migrate the audit log, then listen until told to stop.

    Raises:
        ArtifactRefused: the artifact cannot be served.
        ClientRefused: the clients file cannot be used.
        DeviceMissing: the model cannot run where the settings say.
        EndpointRefused: the note endpoint cannot be used, or is not one that notes may go to.
        HalfConfigured: production mode lacks something.
        KeysRefused: the keys cannot be used.
        PolicyRefused: the card policy cannot be used.
        SiteAttributesRefused: what the site states in the model card cannot be used.
        ServerRefused: the scoring server has not this artifact, or does not answer.
        TracesRefused: traces are asked for and cannot be made.
        AuditFailure: the audit database cannot be used.
    """
    # refused here, in one line, and not in every worker
    artifact = load_artifact(settings.artifact or bundled_artifact_folder())
    if settings.scorer_url:
        check_scoring_server(settings)
    else:
        check_device(settings.model_device)
    check_note_endpoint(settings)
    load_policy(settings.card_policy)
    load_site_attributes(settings.site_attributes)
    if settings.traces_url:
        check_traces()
    settings.var_dir.mkdir(parents=True, exist_ok=True)
    keys = keys_at_hand(settings)
    signing = SigningFile(settings.var_dir / SIGNING_FILE)
    signing.create()
    signing.read()
    upgrade_or_check(settings.database_url, keys)
    check_keys(settings.database_url, keys)
    check_clients(settings, artifact)
    configure_logs(settings.log_level)
    route_libraries()
    share_counts(settings.var_dir)
    loaded = load_to_share(settings, artifact)
    tell_served(settings, keys, loaded)
    listen(settings, loaded)


def listen(settings: Settings, loaded: Loaded) -> None:
    """Start the processes that answer, and replace them, until told to stop.

    They are forked from this one, which has loaded what they share and holds no connection, child
    or thread (but numpy's, which ends and begins by itself around a fork).
    """
    limits = ClientLimits(settings.client_rate, settings.client_in_flight)
    gc.collect()
    gc.freeze()  # a collection would write to what is shared, and so copy it
    gc.set_threshold(*RARELY)
    Server(
        settings,
        load=lambda: build_app(settings, loaded, limits),
        limits=limits,
        when_ready=lambda: print_addresses(settings, is_loaded=loaded.scorer is not None),
    ).run()


def tell_served(settings: Settings, keys: KeyService, loaded: Loaded) -> None:
    """Record what is served from now on, where it is not what was served before."""
    model = model_identity(loaded.artifact, loaded.rulebook, loaded.policy)
    log = AuditLog(settings.database_url, keys)
    try:
        record_served(log, service_identity(model))
    finally:
        log.close()  # no connection may outlast a fork


def check_clients(settings: Settings, artifact: Artifact) -> None:
    """Return when the clients file can be used and production mode lacks nothing."""
    engine = open_engine(settings.database_url)
    try:
        registry = ClientRegistry(engine, settings.clients_file)
        check_production(settings, registry, is_demonstration=artifact.is_demonstration)
    finally:
        engine.dispose()  # no connection may outlast a fork


def check_note_endpoint(settings: Settings) -> None:
    """Return when the note endpoint of the settings answers as it must, or there is none."""
    plan = note_plan(settings)
    if plan is not None:
        from lamo.notes.model_reader.check import check_endpoint

        check_endpoint(plan)


def build_app(settings: Settings, loaded: Loaded, limits: ClientLimits) -> Flask:
    """Open what a process has for itself, run the model once, and put the web part in front."""
    tools, trust = open_tools(settings, loaded), build_trust(settings)
    warm_up(tools)
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
            decide=partial(decide, tools=tools),
            is_demonstration=tools.artifact.is_demonstration,
            model_card=lambda: card,
            checks=service_checks(tools),
            review=build_desk(tools, trust, lambda: card),
            traces=Traces(settings.traces_url) if settings.traces_url else None,
        )
    )


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
