"""What stops a start, in the order in which it is looked at.

`serve` refuses with what these raise, and `check` tells the same: what is not in this table stops
no start, but a port that is taken. Nothing here changes anything.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from cds_service.artifacts.choice import ModelRefused
from cds_service.artifacts.models import Models, chosen_models
from cds_service.audit.administering import check_keys
from cds_service.audit.database import AuditFailure, is_made, open_engine
from cds_service.cards.policy import PolicyRefused, load_policy
from cds_service.clients.client import ClientRefused
from cds_service.clients.listed import Registered
from cds_service.clients.registry import ClientRegistry, clients_of_file
from cds_service.environment import SettingsError
from cds_service.keys.building import keys_if_any, refuse_lost
from cds_service.keys.service import KeysRefused
from cds_service.notes.building import note_plan
from cds_service.observing.traces import TracesRefused, check_traces
from cds_service.outbound.guard import tls_context
from cds_service.production import HalfConfigured, check_clients, check_production
from cds_service.settings import Settings
from cds_service.site_attributes import SiteAttributesRefused, load_site_attributes
from cds_service.tools import check_scoring_server
from lamo.artifact import ArtifactRefused
from lamo.notes.model_reader.plan import EndpointRefused
from lamo.scoring.device import DeviceMissing, check_device
from lamo.scoring.remote.check import ServerRefused


class FolderRefused(Exception):  # noqa: N818 - a situation, named as such
    """VAR_DIR cannot be written to."""


# "with tables": behind the migrations; and before them while there is no database to migrate
When = Literal["at once", "with tables"]

REFUSALS: tuple[type[Exception], ...] = (
    ArtifactRefused,
    AuditFailure,
    ClientRefused,
    DeviceMissing,
    EndpointRefused,
    FolderRefused,
    HalfConfigured,
    KeysRefused,
    ModelRefused,
    PolicyRefused,
    ServerRefused,
    SettingsError,
    SiteAttributesRefused,
    TracesRefused,
)


@dataclass(frozen=True)
class Start:
    """One start: what several needs look at is read once."""

    settings: Settings

    @cached_property
    def models(self) -> Models:
        """The artefacts, verified."""
        return chosen_models(self.settings)


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """One thing that a start needs."""

    name: str
    look: Callable[[Start], str]  # says in a few words what is there; raises one of REFUSALS
    when: When = "at once"


def refuse(start: Start, when: When) -> None:
    """Return when nothing stops a start.

    Raises:
        ArtifactRefused: the artifact cannot be served.
        AuditFailure: the audit database cannot be used.
        ClientRefused: the clients file cannot be used.
        DeviceMissing: the model cannot run where the settings say.
        EndpointRefused: the note endpoint cannot be used, or is not one that notes may go to.
        FolderRefused: VAR_DIR cannot be written to.
        HalfConfigured: production mode lacks something.
        KeysRefused: the keys cannot be used.
        ModelRefused: the choice of models cannot be read.
        PolicyRefused: the card policy cannot be used.
        ServerRefused: the scoring server has not this artifact, or does not answer.
        SettingsError: the file of authorities cannot be used.
        SiteAttributesRefused: what the site states in the model card cannot be used.
        TracesRefused: traces are asked for and cannot be made.
    """
    for need in NEEDS:
        if need.when == when:
            need.look(start)


def _folder(start: Start) -> str:
    var_dir = start.settings.var_dir.absolute()
    there = next(one for one in (var_dir, *var_dir.parents) if one.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        raise FolderRefused(
            f"VAR_DIR: {there} is no folder that this user may write to: name another, or give it "
            "to the user of the service"
        )
    return f"{var_dir} may be written to"


def _models(start: Start) -> str:
    models = start.models
    told = [_told("served", models.served.name, models.served.version, models.served.sha256)]
    for role, one in (("canary", models.canary), ("shadow", models.shadow)):
        if one is not None:
            told.append(_told(role, one.name, one.version, one.sha256))
    return "; ".join(told) + "; every hash as its manifest says"


def _told(role: str, name: str, version: str, sha256: str) -> str:
    return f"{role}: {name} {version} ({sha256[:12]})"


def _scoring(start: Start) -> str:
    settings = start.settings
    if not settings.scorer_url:
        check_device(settings.model_device)
        return f"the model runs here, on {settings.model_device}"
    for artifact in start.models.all():
        check_scoring_server(settings, artifact)
    return "the scoring server has the adapters, and scores as the artifact says"


def _note_endpoint(start: Start) -> str:
    plan = note_plan(start.settings)
    if plan is None:
        return "notes are read by rules alone"
    # openai: only where there is a note model
    from lamo.notes.model_reader.check import check_endpoint

    check_endpoint(plan)
    return f"the note endpoint has {plan.model} and keeps to a schema"


def _policy(start: Start) -> str:
    policy = load_policy(start.settings.card_policy)
    return f"version {policy.version}"


def _site(start: Start) -> str:
    stated = load_site_attributes(start.settings.site_attributes)
    return f"{len(stated)} source attributes stated by the site"


def _traces(start: Start) -> str:
    if not start.settings.traces_url:
        return "none are sent"
    check_traces()
    return "can be made"


def _authorities(start: Start) -> str:
    named = start.settings.fhir_ca_file
    tls_context(named)
    return f"FHIR servers are believed by {named or 'the public authorities'}"


def _keys(start: Start) -> str:
    refuse_lost(start.settings)
    return "at hand" if keys_if_any(start.settings) else "made at the first start"


def _keys_of_log(start: Start) -> str:
    keys = keys_if_any(start.settings)
    if keys is None or not is_made(start.settings.database_url):
        return "nothing is encrypted yet"
    check_keys(start.settings.database_url, keys)
    return "the keys at hand are those of the audit log"


def _mode(start: Start) -> str:
    if not start.settings.is_production:
        return "sandbox: callers are taken without proof"
    is_demonstration = start.models.served.is_demonstration
    check_production(start.settings, is_demonstration=is_demonstration)
    return "production: nothing is missing of its settings and its model"


def _clients(start: Start) -> str:
    listed = registered(start.settings).listed
    check_clients(start.settings, listed)
    return f"{len(listed)} registered"


def registered(settings: Settings) -> Registered:
    """What the registry holds, or the file of clients while there is no database."""
    if not is_made(settings.database_url):
        return Registered(listed=clients_of_file(settings.clients_file), broken=())
    engine = open_engine(settings.database_url)
    try:
        return ClientRegistry(engine, settings.clients_file).look()
    finally:
        engine.dispose()  # no connection may outlast a fork


NEEDS: tuple[Need, ...] = (
    Need(name="folder", look=_folder),
    Need(name="models", look=_models),
    Need(name="mode", look=_mode),
    Need(name="scoring", look=_scoring),
    Need(name="notes", look=_note_endpoint),
    Need(name="card policy", look=_policy),
    Need(name="site attributes", look=_site),
    Need(name="traces", look=_traces),
    Need(name="authorities", look=_authorities),
    Need(name="keys", look=_keys),
    Need(name="keys of the log", look=_keys_of_log, when="with tables"),
    Need(name="clients", look=_clients, when="with tables"),
)
