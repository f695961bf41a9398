"""A Provenance for each suggestion that a decision offered."""

from collections.abc import Iterator, Mapping
from typing import Any

from cds_service.audit.exports.audit_events import Names
from cds_service.audit.exports.rows import Exported
from fhir_mappings.codes import Json
from fhir_mappings.provenance import (
    Proposed,
    draft_without_patient,
    model_device,
    rules_device,
    suggestion_provenance,
)


def to_provenances(event: Exported, names: Names, *, with_patients: bool) -> Iterator[Json]:
    """The Provenance of each suggestion of an event; none where its cards are gone.

    A suggestion that creates a draft is the model's, any other one the rules'.

    Args:
        event: with what is protected of it.
        names: of what is ours.
        with_patients: whether drafts are told as they were sent.
    """
    for card in event.private.get("cards", ()):
        for suggestion in card.get("suggestions", ()):
            if "uuid" in suggestion:
                proposed = _proposed(event, suggestion, names, with_patients)
                yield suggestion_provenance(proposed)


def _proposed(
    event: Exported, suggestion: Mapping[str, Any], names: Names, with_patients: bool
) -> Proposed:
    body, draft = event.body, _draft(suggestion)
    sources = [names.ours("event", body["event_id"])]
    prompt_sha256 = event.private.get("prompt_sha256")
    if draft is not None and prompt_sha256:
        sources.append(names.ours("prompt-sha256", prompt_sha256))
    subject = names.patient(Exported(body=body))
    if draft is not None and subject and not with_patients:
        draft = draft_without_patient(draft, subject)
    return Proposed(
        suggestion=suggestion["uuid"],
        draft=draft,
        device=_rules(body) if draft is None else _model(body),
        occurred=body["decided_at"],
        recorded=body["recorded_at"],
        sources=sources,
    )


def _draft(suggestion: Mapping[str, Any]) -> Json | None:
    """The order that the suggestion would create."""
    for action in suggestion.get("actions", ()):
        if action.get("type") == "create":
            draft: Json = action["resource"]
            return draft
    return None


def _model(body: Mapping[str, Any]) -> Json:
    model = body["model"]
    name, version, sha256 = (str(model.get(part, "")) for part in ("name", "version", "sha256"))
    return model_device(name, version, sha256, model.get("adapters", {}))


def _rules(body: Mapping[str, Any]) -> Json:
    return rules_device("LAMO CDS rules", str(body["model"].get("knowledge", "unknown")))
