"""Everything from outside that a decision needs, built once and passed down."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import uuid4

from cds_service.artifacts.models import Models, served_artifact
from cds_service.audit.log import AuditLog
from cds_service.cards.policy import CardPolicy, load_policy
from cds_service.keys.building import build_keys
from cds_service.keys.signing import FILE as SIGNING_FILE
from cds_service.keys.signing import SigningFile
from cds_service.notes.building import build_desk
from cds_service.notes.desk import NoteDesk
from cds_service.prefetch.fhir_client import FhirClient
from cds_service.settings import Settings
from cds_service.stops.stops import Stops
from cds_service.terminology.lookup import with_terminology
from fhir_mappings.indications import Indications
from fhir_mappings.inputs import MappingTables
from lamo.artifact import Artifact
from lamo.prompts import PromptPlan
from lamo.scoring.base import Scorer
from lamo.scoring.device import check_device
from lamo.scoring.remote.check import check_server
from lamo.scoring.remote.scorer import RemotePlan, RemoteScorer
from lamo.scoring.tokens import prompt_plan
from lamo.selection import NO_PAIRS, KnownPairs, known_pairs
from medication_safety.rulebook import Rulebook

if TYPE_CHECKING:  # what works with tools, and what takes torch
    from cds_service.artifacts.shadow import Shadow
    from lamo.scoring.local import LocalScorer


def _now() -> datetime:
    return datetime.now(UTC)


def _new_uuid() -> str:
    return str(uuid4())


@dataclass(frozen=True, kw_only=True)
class Tools:
    """What the rooms of the house work with; tests pass fakes of the same shape."""

    settings: Settings
    tables: MappingTables
    notes: NoteDesk
    artifact: Artifact
    prompts: PromptPlan
    pairs: KnownPairs  # that the artifact's policy weighs
    scorer: Scorer
    rulebook: Rulebook
    indications: Indications
    audit_log: AuditLog
    stops: Stops
    policy: CardPolicy
    fhir: FhirClient
    signing: SigningFile | None = None  # None: no receipts are given
    canary: "Tools | None" = None  # the same with another model, for `canary_clients`
    canary_clients: frozenset[str] = frozenset()
    shadow: "Shadow | None" = None  # scores behind the answers, and shows nobody
    clock: Callable[[], datetime] = field(default=_now)
    new_uuid: Callable[[], str] = field(default=_new_uuid)

    def for_client(self, client: str) -> "Tools":
        """What a client's calls are answered with: the canary's, or these."""
        if self.canary is not None and client in self.canary_clients:
            return self.canary
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedModel:
    """An artefact with what renders its prompts and scores them."""

    artifact: Artifact
    prompts: PromptPlan
    pairs: KnownPairs = NO_PAIRS  # that its policy weighs
    scorer: Scorer | None = None  # None: each process makes its own


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What calls only read. Nothing in it is open or running, so a process may fork with it."""

    tables: MappingTables
    rulebook: Rulebook
    indications: Indications
    policy: CardPolicy
    model: LoadedModel
    canary: LoadedModel | None = None
    canary_clients: frozenset[str] = frozenset()
    shadow: LoadedModel | None = None

    def models(self) -> tuple[LoadedModel, ...]:
        """Each model of it."""
        found = (self.model, self.canary, self.shadow)
        return tuple(one for one in found if one is not None)


def build_tools(settings: Settings, scorer: Scorer | None = None) -> Tools:
    """Load tables and artifact, open the audit log, start the scoring engine.

    Args:
        settings: read once from the environment.
        scorer: an engine to use instead of the one in this process.

    Raises:
        ArtifactRefused: the artifact cannot be served.
    """
    models = Models(served=served_artifact(settings))
    return open_tools(settings, load(settings, models), scorer)


def load(settings: Settings, models: Models) -> Loaded:
    """Load what calls read, the scoring engines aside.

    Raises:
        AuditFailure: the loaded terminology cannot be read.
        PolicyRefused: the card policy cannot be used.
    """
    shipped, indications = MappingTables.load(), Indications.load()
    formulary = with_terminology(shipped.formulary, settings.database_url)
    tables, rulebook = replace(shipped, formulary=formulary), Rulebook.load(formulary)

    def model(artifact: Artifact) -> LoadedModel:
        plan = prompt_plan(artifact, settings.prompt_tokens)
        return LoadedModel(
            artifact=artifact,
            prompts=replace(plan, indicating=indications.for_label),
            pairs=known_pairs(artifact.selection, artifact.vocabulary, rulebook),
        )

    return Loaded(
        tables=tables,
        rulebook=rulebook,
        indications=indications,
        policy=load_policy(settings.card_policy),
        model=model(models.served),
        canary=model(models.canary) if models.canary else None,
        canary_clients=models.canary_clients,
        shadow=model(models.shadow) if models.shadow else None,
    )


def load_to_share(settings: Settings, models: Models, earlier: Loaded | None = None) -> Loaded:
    """Load what processes share that are forked afterwards, the models among it where they can be.

    A model on a GPU cannot: CUDA does not work in a process that was forked with it. Then each
    process loads its own, as it connects to its own scoring server.

    Args:
        settings: of the service.
        models: what to load.
        earlier: what was loaded before: a model that is the same is not loaded again.
    """
    loaded = load(settings, models)
    if settings.scorer_url or settings.model_device != "cpu":
        return loaded
    known = [(one.artifact, one.scorer) for one in (earlier.models() if earlier else ())]

    def with_scorer(model: LoadedModel | None) -> LoadedModel | None:
        if model is None:
            return None
        found = [scorer for artifact, scorer in known if artifact == model.artifact]
        scorer = found[0] if found else local_scorer(model.artifact, settings)
        known.append((model.artifact, scorer))
        return replace(model, scorer=scorer)

    return replace(
        loaded,
        model=with_scorer(loaded.model) or loaded.model,
        canary=with_scorer(loaded.canary),
        shadow=with_scorer(loaded.shadow),
    )


def open_tools(settings: Settings, loaded: Loaded, scorer: Scorer | None = None) -> Tools:
    """Open what a process needs for itself, beside what is loaded."""
    audit_log = AuditLog(
        settings.database_url, build_keys(settings), reader_url=settings.database_reader_url
    )
    tools = Tools(
        settings=settings,
        tables=loaded.tables,
        notes=build_desk(settings, loaded.tables.formulary),
        artifact=loaded.model.artifact,
        prompts=loaded.model.prompts,
        pairs=loaded.model.pairs,
        scorer=scorer or scorer_of(loaded.model, settings),
        rulebook=loaded.rulebook,
        indications=loaded.indications,
        audit_log=audit_log,
        stops=Stops(audit_log),
        policy=loaded.policy,
        fhir=FhirClient(settings),
        signing=SigningFile(settings.var_dir / SIGNING_FILE),
    )
    canary = with_model(tools, loaded.canary) if loaded.canary else None
    return replace(tools, canary=canary, canary_clients=loaded.canary_clients)


def with_model(tools: Tools, model: LoadedModel) -> Tools:
    """The same tools with another model."""
    scorer = scorer_of(model, tools.settings)
    return replace(
        tools,
        artifact=model.artifact,
        prompts=model.prompts,
        pairs=model.pairs,
        scorer=scorer,
    )


def scorer_of(model: LoadedModel, settings: Settings) -> Scorer:
    """What scores with a model: what is shared, or one of this process."""
    if model.scorer is not None:
        return model.scorer
    if settings.scorer_url:
        return remote_scorer(model.artifact, settings)
    return local_scorer(model.artifact, settings)


def check_scoring_server(settings: Settings, artifact: Artifact) -> None:
    """Return when the server of the settings has the artifact.

    Raises:
        ServerRefused: it has not, or does not answer.
    """
    check_server(remote_scorer(artifact, settings))


def remote_scorer(artifact: Artifact, settings: Settings) -> RemoteScorer:
    """The server of the settings."""
    key = settings.scorer_key.get_secret_value() if settings.scorer_key else None
    plan = RemotePlan(url=str(settings.scorer_url), dialect=settings.scorer_dialect, key=key)
    return RemoteScorer(artifact, plan)


def local_scorer(artifact: Artifact, settings: Settings) -> "LocalScorer":
    """The engine in this process.

    Raises:
        DeviceMissing: the model cannot run where the settings say.
    """
    check_device(settings.model_device)
    # torch: only where a model runs in this process
    from lamo.scoring.local import LocalScorer
    from lamo.scoring.plan import LocalPlan

    plan = LocalPlan(
        threads=settings.model_threads,
        processes=settings.workers,
        device=settings.model_device,
        dtype=settings.model_dtype,
        cache_bytes=settings.prefix_cache_mib * 1024 * 1024,
        most_waiting=settings.model_queue,
    )
    return LocalScorer(artifact, plan)
