"""Codings and logical references, as AuditEvent and Provenance use them."""

import re
from typing import Any

Json = dict[str, Any]

DCM = "http://dicom.nema.org/resources/ontology/DCM"
LIFECYCLE = "http://terminology.hl7.org/CodeSystem/iso-21089-lifecycle"
_REFERENCE = re.compile(r"[A-Z][A-Za-z]{1,63}/[A-Za-z0-9\-.]{1,64}", re.ASCII)


def coding(system: str, code: str, display: str | None = None) -> Json:
    """One Coding."""
    return {"system": system, "code": code} | ({"display": display} if display else {})


def concept(*codings: Json) -> Json:
    """A CodeableConcept of these codings."""
    return {"coding": list(codings)}


def identified(system: str, value: str, resource_type: str | None = None) -> Json:
    """A logical reference (R4, 2.3.0.2): what it means is known by an identifier alone."""
    named = {"type": resource_type} if resource_type else {}
    return {**named, "identifier": {"system": system, "value": plain(value)}}


def referred(reference: str, system: str) -> Json:
    """A reference where the text is "Type/id", else a logical one of the system."""
    if _REFERENCE.fullmatch(reference):
        return {"reference": reference, "type": reference.partition("/")[0]}
    return identified(system, reference)


def plain(text: str) -> str:
    """A FHIR string: no control characters, never empty (R4, 2.24.0.1)."""
    if not text.isprintable():  # rarely: to go through it takes as long as all else of a resource
        text = "".join(one if one.isprintable() else " " for one in text)
    return " ".join(text.split()) or "unknown"
