"""What is counted, for Prometheus. Every label is of a fixed set; what is not in it is "other".

So nothing of a request becomes a label, and the number of series has a bound. The counts are made
when the first thing is counted: by then `processes.share_counts` has named where they meet.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args

from cds_service.cards.parts import TOPICS
from cds_service.cards.policy import RULES
from cds_service.clients.refused import REASONS
from cds_service.errors import OVERLOADS, ServiceError
from cds_service.hooks.discovery import PREFETCH, SERVICES
from cds_service.observing.gap_kinds import GAP_KINDS
from cds_service.observing.processes import read_locked
from fhir_mappings.record import Gap
from medication_safety.findings import Severity

SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0)  # bounds of buckets
STAGES = frozenset(
    {"token", "json", "prefetch", "attachments", "map", "notes", "prompt", "score", "choose"}
    | {"check", "explain", "overrides", "cards", "record", "total"}
)
ADMISSION = frozenset({"rate", *OVERLOADS})  # why a client's request was not admitted
SERVICE_IDS = frozenset(service.service_id for service in SERVICES)
KEYS = frozenset(wanted.key for wanted in PREFETCH)
STATES = frozenset({"supplied", "null", "absent", "failed", "fetched", "partial"})  # of a key
SINKS = frozenset({"url", "syslog"})
SHADOW = frozenset({"recorded", "dropped", "failed", "forgotten"})
OTHER = "other"


HELP = {
    "lamo_requests": "Answers, by address and class of status",
    "lamo_requests_in_flight": "Requests that are being answered",
    "lamo_hook_calls": "Hook calls: answered with cards, with none, or refused with this error",
    "lamo_stage_seconds": "Seconds of a stage of a hook call; record is the audit log, total the "
    "whole call",
    "lamo_cards": "Cards sent, by topic and indicator",
    "lamo_gaps": "What could not be read or checked, and whether a card said so",
    "lamo_prefetch": "How the data of a call came: supplied, or read from the FHIR server",
    "lamo_deadline_misses": "Calls answered after their deadline",
    "lamo_tokens_refused": "Tokens that were not believed",
    "lamo_admissions_refused": "Requests of a client over its limits",
    "lamo_head_taken_timestamp_seconds": "When a sink last took a signed head of the audit log, in "
    "seconds since 1970",
    "lamo_model_info": "1 for the model that is served",
    "lamo_shadow": "Decisions that a shadow model was to look at: recorded, dropped, failed or "
    "forgotten",
    "lamo_switched_off": "1 for a service or a rule that the hospital has switched off, else 0",
}


class Counts:
    """All counts of this process."""

    def __init__(self) -> None:
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

        self.registry = into = CollectorRegistry()

        def counter(name: str, *labels: str) -> Counter:
            return Counter(name, HELP[name], labels, registry=into)

        def gauge(name: str, *labels: str, joined: Literal["livesum", "livemax", "max"]) -> Gauge:
            return Gauge(name, HELP[name], labels, registry=into, multiprocess_mode=joined)

        self.requests = counter("lamo_requests", "route", "status")
        self.in_flight = gauge("lamo_requests_in_flight", joined="livesum")
        self.calls = counter("lamo_hook_calls", "service", "outcome")
        name = "lamo_stage_seconds"
        self.stages = Histogram(name, HELP[name], ["stage"], buckets=SECONDS, registry=into)
        self.cards = counter("lamo_cards", "topic", "indicator")
        self.gaps = counter("lamo_gaps", "kind", "shown")
        self.prefetch = counter("lamo_prefetch", "key", "state")
        self.late = counter("lamo_deadline_misses")
        self.tokens = counter("lamo_tokens_refused", "reason")
        self.admissions = counter("lamo_admissions_refused", "reason")
        self.heads = gauge("lamo_head_taken_timestamp_seconds", "sink", joined="max")
        self.model = gauge("lamo_model_info", "name", "version", "sha256", joined="livemax")
        self.shadow = counter("lamo_shadow", "outcome")
        self.off = gauge("lamo_switched_off", "scope", "name", joined="livemax")


@cache
def counts() -> Counts:
    """The counts of this process, made at the first call of this function."""
    return Counts()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What one hook call led to, as far as it is counted."""

    cards: Collection[Mapping[str, Any]]
    gaps: Collection[Gap]
    states: Mapping[str, str]  # by prefetch key
    seconds: float  # of the whole call
    is_late: bool  # its deadline has passed


def request_answered(route: str | None, status: int) -> None:
    """Count one answer of any address; the route is a rule of the application, None for none."""
    counts().requests.labels(route or OTHER, f"{status // 100}xx").inc()


def call_ended(service_id: str, outcome: str) -> None:
    """Count one hook call: "cards", "no-cards", or the name of the error that refused it."""
    outcomes = {"cards", "no-cards", *_names(ServiceError)}
    counts().calls.labels(_known(service_id, SERVICE_IDS), _known(outcome, outcomes)).inc()


def call_decided(told: Answered) -> None:
    """Count what one hook call led to, once it stands in the audit log."""
    count = counts()
    for card in told.cards:
        topic = _known(card["source"]["topic"]["code"], TOPICS)
        count.cards.labels(topic, _known(card["indicator"], get_args(Severity))).inc()
    for gap in told.gaps:
        count.gaps.labels(_known(gap.kind, GAP_KINDS), str(gap.shown).lower()).inc()
    for key, state in told.states.items():
        count.prefetch.labels(_known(key, KEYS), _known(state, STATES)).inc()
    stage_ended("total", told.seconds)
    count.late.inc(told.is_late)


def stage_ended(stage: str, seconds: float) -> None:
    """Count how long one stage of a hook call took."""
    counts().stages.labels(_known(stage, STAGES)).observe(seconds)


def token_refused(reason: str) -> None:
    """Count one token that was not believed; the reason is a key of clients.refused.REASONS."""
    counts().tokens.labels(_known(reason, REASONS)).inc()


def admission_refused(reason: str) -> None:
    """Count one request of a client over its limits; the reason is one of ADMISSION."""
    counts().admissions.labels(_known(reason, ADMISSION)).inc()


def head_taken(sink: str, at_s: float) -> None:
    """Tell when a sink took a signed head, in seconds since 1970."""
    counts().heads.labels(_known(sink, SINKS)).set(at_s)


def model_served(identity: Mapping[str, Any]) -> None:
    """Tell which model is served, by what `Artifact.identity` says of it."""
    name, version, sha256 = (str(identity[part]) for part in ("name", "version", "sha256"))
    counts().model.labels(name, version, sha256[:12]).set(1)


def shadow_scored(outcome: str) -> None:
    """Count one decision that a shadow was to look at; the outcome is one of SHADOW."""
    counts().shadow.labels(_known(outcome, SHADOW)).inc()


def switched_off(services: Collection[str], rules: Collection[str]) -> None:
    """Tell what the hospital has switched off."""
    for scope, names, off in (("service", SERVICE_IDS, services), ("rule", RULES, rules)):
        for name in names:
            counts().off.labels(scope, name).set(name in off)


def exposition(folder: Path) -> bytes:
    """Every count in the text format of Prometheus.

    Args:
        folder: where the counts of all processes meet; without it, those of this process alone.
    """
    from prometheus_client import CollectorRegistry, generate_latest
    from prometheus_client.multiprocess import MultiProcessCollector

    if not folder.is_dir():
        return generate_latest(counts().registry)
    registry = CollectorRegistry()
    MultiProcessCollector(registry, str(folder))  # type: ignore[no-untyped-call]
    with read_locked(folder):
        return generate_latest(registry)


def _known(label: str, known: Collection[str]) -> str:
    return label if label in known else OTHER


def _names(error: type[ServiceError]) -> set[str]:
    """The names of an error and of all that are more special."""
    return {error.__name__}.union(*(_names(kind) for kind in error.__subclasses__()))
