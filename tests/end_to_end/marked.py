"""A whole hook call in which every string is marked, each with a mark of its own."""

import re
from base64 import b64encode
from itertools import count
from typing import Any

from tests.calls import searchset
from tests.fhir_mappings.test_attachments_pdf import drawing, page_of
from tests.patients import call_of, cases

Json = dict[str, Any]
MARK = re.compile(r"zq\d{4}zz", re.IGNORECASE)

# members by which FHIR and CDS Hooks are read: with other values the call would be another one
STRUCTURE = frozenset(
    {"resourceType", "hook", "hookInstance", "fhirServer", "token_type", "system", "code", "status"}
    | {"intent", "gender", "birthDate", "type", "criticality", "contentType", "unit", "value"}
    | {"outcome", "outcomeTimestamp", "date", "authoredOn", "start", "end", "use", "relation"}
)
DATES = ("DateTime", "On", "Period")
BESIDE: Json = {  # what any resource may have
    "text": {"status": "generated", "div": "<div>all of it</div>"},
    "identifier": [{"use": "usual", "system": "urn:mrn", "value": "MRN"}],
    "note": [{"text": "a note", "authorString": "somebody"}],
    "meta": {"source": "urn:source", "tag": [{"display": "a tag"}]},
    "extension": [{"url": "urn:extension", "valueString": "more"}],
}


class Marks:
    """Gives out marks, and puts them on strings."""

    def __init__(self, *, spares_structure: bool) -> None:
        self._numbers = count(1)
        self._spares = spares_structure
        self._ids: dict[str, str] = {}

    def new(self) -> str:
        return f"Zq{next(self._numbers):04d}zz"

    def put(self, value: Any, name: str = "") -> Any:
        """The value with a mark on each string, and one unknown member in each object."""
        if isinstance(value, dict):
            marked = {key: self.put(one, key) for key, one in value.items()}
            return marked | {self.new(): self.new()}
        if isinstance(value, list):
            return [self.put(one, name) for one in value]
        return self._text(value, name) if isinstance(value, str) else value

    def _text(self, text: str, name: str) -> str:
        if name in ("id", "patientId", "encounterId", "patient"):
            return self._id(text)
        if name in ("reference", "userId", "selections"):
            kind, _, known = text.rpartition("/")
            return f"{kind}/{self._id(known)}"
        if name == "data":
            return text  # marked before it was encoded
        if self._spares and (name in STRUCTURE or name.endswith(DATES)):
            return text
        return self.new() if name == "access_token" else f"{text} {self.new()}"

    def _id(self, known: str) -> str:
        """The same mark for the same id, so that references lead where they led."""
        return self._ids.setdefault(known, self.new())


def marked_call(marks: Marks) -> Json:
    """A call of order-sign with everything that a prefetch may hold."""
    call = call_of(cases()[0])
    prefetch = call["prefetch"]
    prefetch["patient"] |= PERSON
    prefetch["documents"] = searchset(*map(_document, _notes(marks)))
    prefetch["procedures"] = searchset(_resource("Procedure", code={"text": "Appendectomy"}))
    prefetch["statements"] = searchset(_resource("MedicationStatement", **STATEMENT))
    prefetch["encounters"] = searchset(_resource("Encounter", **ENCOUNTER))
    prefetch["labs"] = searchset(_resource("Observation", code={"text": "Potassium"}, **POTASSIUM))
    for bundle in (*prefetch.values(), call["context"]["draftOrders"]):
        for entry in (bundle or {}).get("entry", ()):
            entry["resource"] |= BESIDE
    call["context"] |= {"userId": "Practitioner/d1", "encounterId": "e1"}
    call["extension"] = {"com.example.timestamp": "now", "com.example.user": "Marta Quill"}
    marked: Json = marks.put(call)
    return marked


PERSON: Json = {
    "name": [{"use": "official", "family": "Quill", "given": ["Marta"], "text": "Marta Quill"}],
    "address": [{"line": ["1 Main Street"], "city": "Springfield", "postalCode": "12345"}],
    "telecom": [{"system": "phone", "value": "555", "extension": [{"valueString": "555 1234"}]}],
    "contact": [{"name": {"text": "Her brother"}, "telecom": [{"rank": 1}]}],
    "maritalStatus": {"text": "married"},
    "communication": [{"language": {"text": "English"}}],
    "generalPractitioner": [{"reference": "Practitioner/d2", "display": "Dr. Who"}],
    "photo": [{"title": "a photo", "url": "Binary/9"}],
} | BESIDE
STATEMENT: Json = {
    "status": "active",
    "medicationCodeableConcept": {"text": "ginkgo biloba extract"},
    "dosage": [{"text": "twice a day", "patientInstruction": "with water"}],
    "informationSource": {"display": "her brother"},
}
ENCOUNTER: Json = {
    "status": "in-progress",
    "class": {"code": "AMB", "display": "ambulatory"},
    "period": {"start": "2026-11-24T08:00:00Z"},
    "location": [{"location": {"display": "Ward"}}],
    "participant": [{"individual": {"reference": "Practitioner/d3", "display": "Dr. No"}}],
    "reasonCode": [{"text": "a cough"}],
}
POTASSIUM: Json = {
    "status": "final",
    "effectiveDateTime": "2026-11-20",
    "valueQuantity": {"value": 4.1, "unit": "mmol/L"},
    "interpretation": [{"text": "normal"}],
    "performer": [{"display": "the laboratory"}],
}


def _notes(marks: Marks) -> tuple[tuple[str, bytes], ...]:
    said = f"Allergies: {marks.new()}\nHome medications: {marks.new()} 5 mg\nSeen by {marks.new()}."
    return (
        ("text/plain", said.encode()),
        ("text/html", f"<p>Allergies: {marks.new()}</p>".encode()),
        ("application/pdf", page_of(drawing(f"Allergies: {marks.new()}"))),
        ("application/pdf", b"%PDF-1.4 broken " + marks.new().encode()),
        (f"text/{marks.new()}", marks.new().encode()),
    )


def _document(note: tuple[str, bytes]) -> Json:
    kind, data = note
    attachment = {"contentType": kind, "data": b64encode(data).decode(), "title": "Discharge"}
    return _resource(
        "DocumentReference",
        status="current",
        type={"coding": [{"system": "http://loinc.org", "code": "11506-3", "display": "Note"}]},
        date="2026-11-24T09:00:00Z",
        author=[{"display": "Dr. Quill"}],
        description="what it is about",
        content=[{"attachment": attachment}],
    ) | {"id": f"document-{len(data)}"}


def _resource(kind: str, **members: Any) -> Json:
    named = {"resourceType": kind, "id": kind.lower(), "subject": {"reference": "Patient/p1"}}
    return {"status": "completed", **named, **members}
