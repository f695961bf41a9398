"""What the web part hands calls to. It knows neither a model nor a database."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from cds_service.audit.entries import ErrorEntry, FeedbackEntry
from cds_service.call import Call
from cds_service.clients.refused import RefusedToken
from cds_service.hooks.request import HookRequest
from cds_service.observing.health import Check
from cds_service.observing.traces import Traces
from cds_service.reviewer.desk import ReviewDesk
from cds_service.settings import Settings
from cds_service.smart.desk import SmartDesk
from cds_service.trust import Identify, Spend
from lamo.deadline import Deadline
from lamo.model_card import ModelCard

Admit = Callable[[str, Deadline], AbstractContextManager[None]]
Decide = Callable[[HookRequest, Call], list[dict[str, Any]]]


class Recorder(Protocol):
    """The part of the audit log that the web part writes to."""

    def append_error(self, entry: ErrorEntry) -> None:
        """Commit a call that was refused or failed; AuditUnavailable when that fails."""

    def append_feedback(self, *entries: FeedbackEntry) -> int:
        """Commit what became of cards, all or nothing; how many of them were new."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Doors:
    """Where the views lead to."""

    settings: Settings
    recorder: Recorder
    identify: Identify  # (what is presented, deadline) to caller; raises ServiceError
    spend: Spend  # (caller, request id, deadline): its token is good for one request
    admit: Admit  # lets one request of a client in, or raises NotAdmitted
    decide: Decide  # (request, call) to cards; raises ServiceError
    is_demonstration: bool  # the artifact is the bundled demonstration
    model_card: Callable[[], ModelCard]
    refused_tokens: Callable[[], Sequence[RefusedToken]] = tuple  # the latest, for operators
    checks: tuple[Check, ...] = ()  # that readiness depends on
    review: ReviewDesk | None = None  # what the pages under /review work with
    smart: SmartDesk | None = None  # what the evidence app works with; needs the pages of review
    traces: Traces | None = None  # where the settings name a collector
