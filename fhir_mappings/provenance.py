"""Provenance (R4) of what a model or a rule proposed, with the device that did it inside.

The shape is that of AI-Provenance and AI-Device of HL7 AI Transparency on FHIR (1.0.0, ballot of
January 2026, http://hl7.org/fhir/uv/aitransparency); no profile is claimed of a guide that is not
published yet.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fhir_mappings.codes import LIFECYCLE, Json, coding, concept, identified, plain
from fhir_mappings.drafts import AI_ASSERTED

PARTICIPANTS = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
AI_DEVICE = coding(
    "http://hl7.org/fhir/uv/aitransparency/CodeSystem/AIdeviceTypeCS", "Artificial-Intelligence"
)
URI = "urn:ietf:rfc:3986"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposed:
    """One suggestion and where it comes from."""

    suggestion: str  # its uuid
    draft: Json | None  # the MedicationRequest that it would create
    device: Json  # made by `model_device` or `rules_device`
    occurred: str  # RFC 3339
    recorded: str
    sources: Sequence[Json]  # references to what it was made from


def model_device(name: str, version: str, sha256: str, parts: Mapping[str, str]) -> Json:
    """A model as a Device.

    Args:
        name: of the model.
        version: of the model.
        sha256: of all of it.
        parts: SHA-256 of adapters, by name.
    """
    versions = [{"type": {"text": "model"}, "value": plain(version)}]
    versions.append({"type": {"text": "SHA-256 of the model"}, "value": plain(sha256)})
    versions += [
        {"type": {"text": f"SHA-256 of adapter {plain(part)}"}, "value": plain(one)}
        for part, one in parts.items()
    ]
    return _device(name, versions) | {"type": concept(AI_DEVICE)}


def rules_device(name: str, version: str) -> Json:
    """A set of rules as a Device: no model had a part in it."""
    return _device(name, [{"type": {"text": "rules"}, "value": plain(version)}])


def suggestion_provenance(proposed: Proposed) -> Json:
    """A valid R4 Provenance with the suggestion's uuid as its id.

    Its target is the draft, known by the uuid of the suggestion: it exists nowhere else until a
    client creates it.
    """
    target = identified(URI, f"urn:uuid:{proposed.suggestion}", "MedicationRequest")
    contained = [{**proposed.device, "id": "device"}]
    if proposed.draft is not None:
        contained.append({**proposed.draft, "id": "draft"})
        target = {"reference": "#draft", **target}
    is_model = "type" in proposed.device
    author = coding(PARTICIPANTS, "author", "Author")
    agent: Json = {"type": concept(author), "who": {"reference": "#device", "type": "Device"}}
    return {
        "resourceType": "Provenance",
        "id": proposed.suggestion,
        "contained": contained,
        "target": [target],
        "occurredDateTime": proposed.occurred,
        "recorded": proposed.recorded,
        **({"reason": [concept(dict(AI_ASSERTED))]} if is_model else {}),
        "activity": concept(coding(LIFECYCLE, "originate", "Originate/Retain")),
        "agent": [agent | ({"role": [concept(AI_DEVICE)]} if is_model else {})],
        "entity": [{"role": "source", "what": what} for what in proposed.sources],
    }


def draft_without_patient(draft: Json, subject: Json) -> Json:
    """What a draft proposes, for one who is not to know the patient.

    Who asked, the encounter and the diagnosis behind it are left out.
    """
    kept = ("resourceType", "meta", "status", "intent", "medicationCodeableConcept")
    return {name: draft[name] for name in kept if name in draft} | {"subject": subject}


def _device(name: str, versions: Sequence[Json]) -> Json:
    named = [{"name": plain(name), "type": "model-name"}]
    return {"resourceType": "Device", "deviceName": named, "version": list(versions)}
