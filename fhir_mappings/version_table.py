"""What DSTU2, STU3 and R5 write in another way than R4, of all that the mappers read.

Sources, on hl7.org/fhir: of each resource the pages "R3 Conversions" of R4 and "R4/R5 Diff" of R5,
and the definitions of DSTU2. R4 and R4B agree in all of it.
"""

from collections.abc import Mapping
from typing import Any

from fhir_mappings.version_rows import (
    Row,
    Write,
    array_with,
    as_code,
    as_concept,
    code_of,
    each,
    in_words,
    is_anything,
    is_object,
    is_text,
    object_with,
    objects,
    one_of,
    renamed,
    split,
    stays,
)

_ALLERGY_STATES = frozenset({"unconfirmed", "confirmed", "refuted", "entered-in-error"})
_CRITICALITIES = {"CRITL": "low", "CRITH": "high", "CRITU": "unable-to-assess"}
_CLASSES = frozenset({"inpatient", "outpatient", "ambulatory", "emergency", "home", "virtual"})
_STAY_STATES = {"on-hold": "onleave", "discharged": "finished", "completed": "finished"}
_ADHERENCES = (
    ("taking", "active"),
    ("not-taking", "not-taken"),
    ("on-hold", "on-hold"),
    ("stopped", "stopped"),
)  # by the beginning of the code: the rest says whether as directed


def _names_encounter(value: object) -> bool:
    """Whether a context of STU3 is an Encounter: an EpisodeOfCare is not what R4 means."""
    reference = value.get("reference") if isinstance(value, dict) else None
    return isinstance(reference, str) and "EpisodeOfCare/" not in reference


def _resolved(node: dict[str, Any], value: object) -> None:
    if value is True:
        renamed("clinicalStatus")(node, {"coding": [{"code": "resolved"}]})


def _negated(status: str) -> Write:
    """A flag beside the status, where R4 has a status of its own."""

    def write(node: dict[str, Any], value: object) -> None:
        if value in (True, "true", "n"):
            node["status"] = status

    return write


def _allergy_status(node: dict[str, Any], value: str) -> None:
    """One status, where R4 has two."""
    target = "verificationStatus" if value.lower() in _ALLERGY_STATES else "clinicalStatus"
    renamed(target)(node, {"coding": [{"code": value}]})


def _category(node: dict[str, Any], value: str) -> None:
    """One category, where R4 has several; "other" is none of R4's, and no reason not to check."""
    if value != "other":
        node["category"] = [value]


def _manifestations(node: dict[str, Any], value: list[Any]) -> None:
    is_coded = object_with("concept")
    node["manifestation"] = [item["concept"] if is_coded(item) else item for item in value]


def _adherence(node: dict[str, Any], value: Mapping[str, Any]) -> None:
    """What R5 says apart from the status. Of a time that has an end, the end says whether still."""
    code = code_of(value["code"]) or ""
    status = next((status for begin, status in _ADHERENCES if code.startswith(begin)), None)
    period = node.get("effectivePeriod")
    has_end = isinstance(period, dict) and period.get("end") is not None
    if status and node.get("status") == "unknown" and not (status == "active" and has_end):
        node["status"] = status


def _class_word(node: dict[str, Any], value: str) -> None:
    node["class"] = {"code": value}


def _class(node: dict[str, Any], value: list[Any]) -> None:
    codings = (coding for concept in objects(value) for coding in objects(concept.get("coding")))
    node["class"] = next(codings, value)


def _service_type(node: dict[str, Any], value: list[Any]) -> None:
    concepts = (one["concept"] for one in objects(value) if one.get("concept") is not None)
    node["serviceType"] = next(concepts, value)


def _diagnoses(node: dict[str, Any], value: list[Any]) -> None:
    """One diagnosis for each condition that is referred to; one without any stays."""
    found: list[dict[str, Any]] = []
    for item in objects(value):
        named = [one["reference"] for one in objects(item.get("condition")) if "reference" in one]
        found += [{**item, "condition": reference} for reference in named] or [item]
    node["diagnosis"] = found


def _encounters(node: dict[str, Any], value: list[Any]) -> None:
    node["context"] = {"encounter": value}


def _one_encounter(node: dict[str, Any], value: dict[str, Any]) -> None:
    node["context"] = {**value, "encounter": [value["encounter"]]}


def _document_period(node: dict[str, Any], value: dict[str, Any]) -> None:
    context = node.get("context")
    node["context"] = {"period": value} | (context if isinstance(context, dict) else {})


def _has_several_conditions(value: object) -> bool:
    return any(isinstance(item.get("condition"), list) for item in objects(value))


_PATIENT = Row("DSTU2", "patient", is_object, renamed("subject"))
_CONTEXT = Row("STU3", "context", _names_encounter, renamed("encounter"))
_IS_CODEABLE_REFERENCE = object_with("concept", "reference")
_INGREDIENT = each("ingredient", Row("R5", "item", _IS_CODEABLE_REFERENCE, split("item")))
_NAMED = (
    Row("R5", "medication", _IS_CODEABLE_REFERENCE, split("medication")),
    each("contained", _INGREDIENT),
)
_REQUEST = (
    _PATIENT,
    Row("DSTU2", "dateWritten", is_text, renamed("authoredOn")),
    _CONTEXT,
    Row("STU3", "requester", object_with("agent"), stays("requester")),
    *_NAMED,
    Row("R5", "status", one_of({"ended"}), in_words("status", {"ended": "completed"})),
    # R4 has it in the dosages only; statements have it under this name, where it is read
    Row("R5", "effectiveDosePeriod", is_object, renamed("effectivePeriod")),
)

# of a resource that fits several rows, the first that names a version tells it
ROWS: Mapping[str, tuple[Row, ...]] = {
    "Condition": (
        _PATIENT,
        Row("DSTU2", "dateRecorded", is_text, renamed("recordedDate")),
        Row("STU3", "clinicalStatus", is_text, as_concept("clinicalStatus")),
        Row("STU3", "verificationStatus", is_text, as_concept("verificationStatus")),
        Row("STU3", "assertedDate", is_text, renamed("recordedDate")),
        Row("STU3", "abatementBoolean", is_anything, _resolved),
        _CONTEXT,
        Row("R5", "participant", is_anything, stays("participant")),
    ),
    "Procedure": (
        Row("DSTU2", "notPerformed", is_anything, _negated("not-done")),
        Row("STU3", "notDone", is_anything, _negated("not-done")),
        _CONTEXT,
        Row("R5", "occurrenceDateTime", is_text, renamed("performedDateTime")),
        Row("R5", "occurrencePeriod", is_object, renamed("performedPeriod")),
    ),
    "AllergyIntolerance": (
        Row("DSTU2", "status", is_text, _allergy_status),
        Row("DSTU2", "substance", is_object, stays("substance")),
        Row(
            "DSTU2", "criticality", one_of(_CRITICALITIES), in_words("criticality", _CRITICALITIES)
        ),
        Row(None, "category", is_text, _category),
        Row("STU3", "clinicalStatus", is_text, as_concept("clinicalStatus")),
        Row("STU3", "verificationStatus", is_text, as_concept("verificationStatus")),
        Row("STU3", "assertedDate", is_text, renamed("recordedDate")),
        Row("R5", "type", is_object, as_code("type")),
        each("reaction", Row("R5", "manifestation", array_with("concept"), _manifestations)),
    ),
    "MedicationRequest": _REQUEST,
    # its type stays: references to it and actions name it
    "MedicationOrder": (Row("DSTU2", "resourceType", is_text, stays("resourceType")), *_REQUEST),
    "MedicationStatement": (
        _PATIENT,
        Row("DSTU2", "wasNotTaken", is_anything, _negated("not-taken")),
        Row("STU3", "taken", is_text, _negated("not-taken")),
        *_NAMED,
        Row("R5", "status", one_of({"recorded"}), in_words("status", {"recorded": "unknown"})),
        Row("R5", "adherence", object_with("code"), _adherence),
    ),
    "Medication": (_INGREDIENT,),
    "Encounter": (
        _PATIENT,
        Row("DSTU2", "class", one_of(_CLASSES), _class_word),
        Row("R5", "class", array_with("coding"), _class),
        Row("R5", "actualPeriod", is_object, renamed("period")),
        Row("R5", "status", one_of(_STAY_STATES), in_words("status", _STAY_STATES)),
        Row("R5", "serviceType", array_with("concept"), _service_type),
        Row("R5", "diagnosis", _has_several_conditions, _diagnoses),
    ),
    "DocumentReference": (
        Row("DSTU2", "docStatus", is_object, as_code("docStatus")),
        Row("STU3", "created", is_text, renamed("date")),
        Row("STU3", "indexed", is_text, renamed("date")),
        Row(None, "context", object_with("encounter"), _one_encounter),
        Row("R5", "context", array_with("reference"), _encounters),
        Row("R5", "period", is_object, _document_period),
        each("relatesTo", Row("R5", "code", is_object, as_code("code"))),
    ),
}
