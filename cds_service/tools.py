"""Everything from outside that a decision needs, built once and passed down."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from uuid import uuid4

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
from lamo.artifact import Artifact, bundled_artifact_folder, load_artifact
from lamo.prompts import PromptPlan
from lamo.scoring.base import Scorer
from lamo.scoring.device import check_device
from lamo.scoring.remote.check import check_server
from lamo.scoring.remote.scorer import RemotePlan, RemoteScorer
from lamo.scoring.tokens import prompt_plan
from medication_safety.rulebook import Rulebook


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
    scorer: Scorer
    rulebook: Rulebook
    indications: Indications
    audit_log: AuditLog
    stops: Stops
    policy: CardPolicy
    fhir: FhirClient
    signing: SigningFile | None = None  # None: no receipts are given
    clock: Callable[[], datetime] = field(default=_now)
    new_uuid: Callable[[], str] = field(default=_new_uuid)


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What calls only read. Nothing in it is open or running, so a process may fork with it."""

    tables: MappingTables
    artifact: Artifact
    prompts: PromptPlan
    rulebook: Rulebook
    indications: Indications
    policy: CardPolicy
    scorer: Scorer | None = None  # None: each process makes its own


def build_tools(settings: Settings, scorer: Scorer | None = None) -> Tools:
    """Load tables and artifact, open the audit log, start the scoring engine.

    Args:
        settings: read once from the environment.
        scorer: an engine to use instead of the one in this process.

    Raises:
        ArtifactRefused: the artifact cannot be served.
    """
    artifact = load_artifact(settings.artifact or bundled_artifact_folder())
    return open_tools(settings, load(settings, artifact), scorer)


def load(settings: Settings, artifact: Artifact) -> Loaded:
    """Load what calls read, the scoring engine aside.

    Raises:
        AuditFailure: the loaded terminology cannot be read.
        PolicyRefused: the card policy cannot be used.
    """
    shipped, indications = MappingTables.load(), Indications.load()
    formulary = with_terminology(shipped.formulary, settings.database_url)
    tables = replace(shipped, formulary=formulary)
    plan = prompt_plan(artifact, settings.prompt_tokens)
    return Loaded(
        tables=tables,
        artifact=artifact,
        prompts=replace(plan, indicating=indications.for_label),
        rulebook=Rulebook.load(tables.formulary),
        indications=indications,
        policy=load_policy(settings.card_policy),
    )


def load_to_share(settings: Settings, artifact: Artifact) -> Loaded:
    """Load what processes share that are forked afterwards, the model among it where it can be.

    A model on a GPU cannot: CUDA does not work in a process that was forked with it. Then each
    process loads its own, as it connects to its own scoring server.
    """
    loaded = load(settings, artifact)
    if settings.scorer_url or settings.model_device != "cpu":
        return loaded
    return replace(loaded, scorer=_local_scorer(artifact, settings))


def open_tools(settings: Settings, loaded: Loaded, scorer: Scorer | None = None) -> Tools:
    """Open what a process needs for itself, beside what is loaded."""
    audit_log = AuditLog(
        settings.database_url, build_keys(settings), reader_url=settings.database_reader_url
    )
    return Tools(
        settings=settings,
        tables=loaded.tables,
        notes=build_desk(settings, loaded.tables.formulary),
        artifact=loaded.artifact,
        prompts=loaded.prompts,
        scorer=scorer or loaded.scorer or _scorer(loaded.artifact, settings),
        rulebook=loaded.rulebook,
        indications=loaded.indications,
        audit_log=audit_log,
        stops=Stops(audit_log),
        policy=loaded.policy,
        fhir=FhirClient(settings),
        signing=SigningFile(settings.var_dir / SIGNING_FILE),
    )


def _scorer(artifact: Artifact, settings: Settings) -> Scorer:
    return (
        remote_scorer(artifact, settings)
        if settings.scorer_url
        else _local_scorer(artifact, settings)
    )


def check_scoring_server(settings: Settings) -> None:
    """Return when the server of the settings has the artifact.

    Raises:
        ServerRefused: it has not, or does not answer.
    """
    artifact = load_artifact(settings.artifact or bundled_artifact_folder())
    check_server(remote_scorer(artifact, settings))


def remote_scorer(artifact: Artifact, settings: Settings) -> RemoteScorer:
    """The server of the settings."""
    key = settings.scorer_key.get_secret_value() if settings.scorer_key else None
    plan = RemotePlan(url=str(settings.scorer_url), dialect=settings.scorer_dialect, key=key)
    return RemoteScorer(artifact, plan)


def _local_scorer(artifact: Artifact, settings: Settings) -> Scorer:
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
