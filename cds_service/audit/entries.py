"""What the service hands to the audit log: one entry per event, whole and final."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from fhir_mappings.record import Gap

FeedbackOutcome = Literal["accepted", "overridden"]
REVIEW = "lamo-cds.review"  # stands in place of a client where people look and change
ANONYMOUS = "anonymous"  # in place of a client that was not told apart
OPERATOR = "operator"  # whoever has a shell on the host


def _require_aware(name: str, moment: datetime) -> None:
    if moment.tzinfo is None:
        raise ValueError(
            f"{name} {moment.isoformat()} has no time zone, and the audit log keeps UTC: "
            "pass an aware datetime, for example datetime.now(UTC)"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows of the same columns, each name written once."""

    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]

    def as_rows(self) -> list[dict[str, Any]]:
        """A dict for each row."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]

    @classmethod
    def of(cls, rows: Sequence[Mapping[str, Any]]) -> "Table":
        """The table of rows that all have the columns of the first."""
        columns = list(rows[0]) if rows else []
        return cls(columns=columns, rows=[[row.get(name) for name in columns] for row in rows])


@dataclass(frozen=True, slots=True, kw_only=True)
class InputState:
    """How one prefetch key arrived: its kind and count, never its content."""

    state: str  # supplied, null, absent, fetched or failed
    resources: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionEntry:
    """One hook call that was answered with cards, or with none."""

    event_id: str  # from ids.new_event_id
    request_id: str
    service_id: str
    hook: str
    hook_instance: str
    client: str  # who called, as trust established it
    user: str | None  # context.userId, for example "Practitioner/123"
    patient_id: str
    encounter_id: str | None
    received_at: datetime
    decided_at: datetime
    inputs: Mapping[str, InputState]  # by prefetch key
    notes: Sequence[Mapping[str, Any]]  # which documents were read, by whom, and how much was found
    prompt_version: str
    prompt_sha256: str | None  # None when no prompt was rendered
    prompt: str | None  # as the model read it
    model: Mapping[str, Any]  # artifact name, version and hash; adapters with their hashes
    scores: Table  # every candidate
    cards: Sequence[Mapping[str, Any]]  # as sent
    about: Sequence[Mapping[str, Any]]  # card, rule, RxNorm code, basis: what an override answers
    suppressed: Sequence[Mapping[str, Any]]  # found and not shown, with the reason
    gaps: Sequence[Gap]
    findings: Sequence[Mapping[str, Any]]
    explained: Sequence[Mapping[str, Any]]  # how far each fact moved the score of a card
    stage_ms: Mapping[str, float]
    fhir_versions: Sequence[str] = ()  # that the resources of the call show
    chosen: Mapping[str, Sequence[str]] = field(default_factory=dict)  # RxNorm codes: rows.py

    def __post_init__(self) -> None:
        _require_aware("received_at", self.received_at)
        _require_aware("decided_at", self.decided_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowEntry:
    """What another model would have made of one decision. Nobody was shown it."""

    event_id: str
    decision_event_id: str
    service_id: str
    hook: str
    client: str  # of the decision
    patient_id: str
    served: str  # hash of the artifact that the decision was made with
    model: Mapping[str, Any]  # the other one
    score_ms: Mapping[str, float]  # of both
    cards: Mapping[str, int]  # how many were sent, and how many would have been
    proposed: Mapping[str, int]  # how many both have, and how many each has alone
    unsupported: Mapping[str, int]  # the same of the orders
    chosen: Mapping[str, Sequence[str]]  # RxNorm codes
    differences: Mapping[str, Mapping[str, float]]  # of log-odds, by medication group
    scores: Table  # every candidate


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorEntry:
    """One call that was refused or failed."""

    event_id: str
    request_id: str
    service_id: str | None
    hook: str | None
    hook_instance: str | None
    client: str
    received_at: datetime
    status: int  # of the HTTP answer
    code: str  # the name of the error
    message: str  # as answered; free of patient data

    def __post_init__(self) -> None:
        _require_aware("received_at", self.received_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedbackEntry:
    """What a clinician did with one card, as the CDS Client reports it."""

    event_id: str
    request_id: str
    service_id: str
    card: str  # uuid of the card
    outcome: FeedbackOutcome
    accepted_suggestions: tuple[str, ...]  # uuids of suggestions
    override_reason: Mapping[str, Any] | None
    reason_code: str | None  # of a reason that our cards offer; "other" for any other one
    user_comment: str | None
    outcome_timestamp: datetime
    received_at: datetime
    client: str

    def __post_init__(self) -> None:
        _require_aware("outcome_timestamp", self.outcome_timestamp)
        _require_aware("received_at", self.received_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessEntry:
    """One look of a person at the log: a page, a search, an export; also one that was refused."""

    event_id: str
    request_id: str
    user: str  # the account
    roles: Sequence[str]
    page: str  # which page or export
    outcome: Literal["seen", "denied"]
    looked_at: str | None = None  # the event
    filters: Mapping[str, Any] = field(default_factory=dict)  # free of patient data
    rows: int | None = None  # how many were shown
    sha256: str | None = None  # of what was handed out
    patient_client: str | None = None  # whose patient was searched for
    patient_id: str | None = field(default=None, repr=False)
    purpose: str | None = field(default=None, repr=False)  # as the person stated it
    client: str = REVIEW

    def __post_init__(self) -> None:
        if (self.patient_client is None) != (self.patient_id is None):
            raise ValueError("a patient is named by a client and an id: pass both, or neither")


@dataclass(frozen=True, slots=True, kw_only=True)
class AdministrationEntry:
    """One change of how the service works: a stop, an account, a client, the model."""

    event_id: str
    request_id: str | None  # None: not by the web
    user: str  # the account, or OPERATOR at the command line
    action: str  # for example "stop-rule"
    subject: str  # what was changed; free of patient data
    details: Mapping[str, Any] = field(default_factory=dict)  # free of patient data
    reason: str | None = field(default=None, repr=False)
    client: str = REVIEW


Entry = DecisionEntry | ErrorEntry | FeedbackEntry | AccessEntry | AdministrationEntry | ShadowEntry
