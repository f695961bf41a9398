"""What the web part hands calls to. It knows neither a model nor a database."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from cds_service.audit.entries import ErrorEntry, FeedbackEntry
from cds_service.hook_request import HookRequest
from cds_service.settings import Settings
from cds_service.trust import Caller

Decide = Callable[[HookRequest, Caller, str], list[dict[str, Any]]]


class Recorder(Protocol):
    """The part of the audit log that the web part writes to."""

    def append_error(self, entry: ErrorEntry) -> None:
        """Commit a call that was refused or failed; AuditUnavailable when that fails."""

    def append_feedback(self, entry: FeedbackEntry) -> bool:
        """Commit what became of one card; False when it was there already."""

    def ping(self) -> None:
        """Return when events can be written, else raise AuditUnavailable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Doors:
    """Where the views lead to."""

    settings: Settings
    recorder: Recorder
    decide: Decide  # (request, caller, request id) to cards; raises ServiceError
    is_demonstration: bool  # the artifact is the bundled demonstration
