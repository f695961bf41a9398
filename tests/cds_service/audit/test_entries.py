"""Entries for the tests of the audit log; every field is filled."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from cds_service.audit.entries import (
    AccessEntry,
    AdministrationEntry,
    DecisionEntry,
    ErrorEntry,
    FeedbackEntry,
    InputState,
    Table,
)
from cds_service.audit.ids import new_event_id
from fhir_mappings.record import Gap

NOON = datetime(2026, 3, 1, 12, 0, 0, 250_000, tzinfo=UTC)


def decision(**changes: Any) -> DecisionEntry:
    """A decision with two cards."""
    entry = DecisionEntry(
        event_id=new_event_id(),
        request_id="request-1",
        service_id="lamo-order-sign",
        hook="order-sign",
        hook_instance=str(uuid4()),
        client="https://ehr.example.org",
        user="Practitioner/example",
        patient_id="patient-1",
        encounter_id="encounter-1",
        received_at=NOON,
        decided_at=NOON,
        inputs={"conditions": InputState(state="supplied", resources=3)},
        notes=[],
        about=[],
        suppressed=[],
        explained=[],
        prompt_version="1",
        prompt_sha256="0" * 64,
        prompt=None,
        model={"name": "demo", "adapters": {"group-1": "1" * 64}},
        scores=Table(columns=("label", "log_odds"), rows=[("Metformin", -1.25), ("Insulin", 2.5)]),
        cards=[{"uuid": str(uuid4()), "summary": "One"}, {"uuid": str(uuid4()), "summary": "Two"}],
        gaps=[Gap(kind="note-unread", where="documents", meaning="A note was not read.")],
        findings=[{"rule": "allergy", "severity": "critical"}],
        stage_ms={"score": 120.5},
    )
    return replace(entry, **changes)


def error(**changes: Any) -> ErrorEntry:
    """A call that was refused."""
    entry = ErrorEntry(
        event_id=new_event_id(),
        request_id="request-2",
        service_id=None,
        hook=None,
        hook_instance=None,
        client="unknown",
        received_at=NOON,
        status=400,
        code="MalformedRequest",
        message="hook: found nothing, wanted a hook",
    )
    return replace(entry, **changes)


def feedback(card: str, **changes: Any) -> FeedbackEntry:
    """An override of one card."""
    entry = FeedbackEntry(
        event_id=new_event_id(),
        request_id="request-3",
        service_id="lamo-order-sign",
        card=card,
        outcome="overridden",
        accepted_suggestions=("suggestion-1",),
        override_reason={"reason": {"code": "will-monitor"}, "userComment": "seen"},
        reason_code="will-monitor",
        user_comment="seen",
        outcome_timestamp=NOON,
        received_at=NOON,
        client="https://ehr.example.org",
    )
    return replace(entry, **changes)


def access(**changes: Any) -> AccessEntry:
    """A search for one patient."""
    entry = AccessEntry(
        event_id=new_event_id(),
        request_id="request-4",
        user="account/ada",
        roles=("reviewer",),
        page="search",
        outcome="seen",
        rows=2,
        patient_client="https://ehr.example.org",
        patient_id="patient-1",
        purpose="a complaint",
    )
    return replace(entry, **changes)


def administration(**changes: Any) -> AdministrationEntry:
    """A rule that was stopped."""
    entry = AdministrationEntry(
        event_id=new_event_id(),
        request_id="request-5",
        user="account/ada",
        action="stop-rule",
        subject="interaction",
        reason="too many cards",
    )
    return replace(entry, **changes)


def test_a_moment_without_a_time_zone_is_refused() -> None:
    with pytest.raises(ValueError, match=r"received_at .* has no time zone"):
        error(received_at=datetime(2026, 3, 1))
