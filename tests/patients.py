"""The invented patients of tests/data/patients as hook calls, and what was shown for them."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from fhir_mappings.formulary import Formulary
from tests.calls import context_of, full_prefetch, hook_call, searchset

FOLDER = Path(__file__).parent / "data" / "patients"
TODAY = date(2026, 11, 25)
RANK = {"critical": 0, "warning": 1, "info": 2}
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
ICD10 = "http://hl7.org/fhir/sid/icd-10-cm"
SNOMED = "http://snomed.info/sct"
TERMINOLOGY = "http://terminology.hl7.org/CodeSystem"
CLASS_OF_SETTING = {"outpatient": "AMB", "inpatient": "IMP", "icu": "ACUTE"}
ORDERING = ("order-sign", "order-select")

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Shown:
    """One medication of one card."""

    rule: str
    severity: str
    names: str  # every name that the medication goes by, in one text

    def is_meant(self, wanted: Mapping[str, Any]) -> bool:
        """Whether a row of `must` or `must_not` speaks of this rule and this medication."""
        about = (wanted["about"] or "").lower()
        return wanted["rule"] in ("any", self.rule) and about in self.names


def cases() -> list[Json]:
    """All 80, in order."""
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.json"))]


def call_of(case: Json) -> Json:
    """The call that an EHR would send for one case."""
    prefetch = full_prefetch() | {
        "patient": _patient(case),
        "conditions": searchset(*map(_condition, *_numbered(case["conditions"]))),
        "allergies": searchset(*map(_allergy, *_numbered(case["allergies"]))),
        "labs": searchset(*map(_lab, *_numbered(case["labs"]))),
        "pregnancy": searchset(*_pregnancy(case)),
        "encounters": searchset(*_encounter(case)),
        "documents": searchset(*_note(case)),
    }
    taken = list(map(_medication, *_numbered(case["current"])))
    prefetch["medications"] = searchset(*(one for one in taken if one["status"] == "active"))
    prefetch["past_medications"] = searchset(*(one for one in taken if one["status"] != "active"))
    prefetch["procedures"] = searchset()
    prefetch["statements"] = searchset()
    hook = case["hook"]
    changes: Json = {}
    if hook in ORDERING:
        orders = list(map(_order, *_numbered(case["orders"])))
        changes["draftOrders"] = {
            "resourceType": "Bundle",
            "entry": [{"resource": order} for order in orders],
        }
    if hook == "order-select":
        changes["selections"] = [f"MedicationRequest/{order['id']}" for order in orders]
    if case["setting"]:
        changes["encounterId"] = "e1"
    return hook_call(hook, prefetch=prefetch, context=context_of(hook, **changes))


def shown(body: Mapping[str, Any], case: Json, formulary: Formulary) -> list[Shown]:
    """What the cards of a recorded decision say, by rule and medication."""
    severity = {card["uuid"]: card["indicator"] for card in body["cards"]}
    names = {entry.rxcui: entry.label.lower() for entry in formulary.entries}
    wordings = _wordings(case)
    for row in body["findings"]:
        meant = [row["medication"]]
        if row["rule"] == "interaction":  # is about both
            meant += [one for one in row["because"] if one]
        said = " ".join(wordings.get(one, "") for one in meant)
        for code in row["rxcuis"]:
            names[code] = f"{names.get(code, '')} {said}"
    return [
        Shown(one["rule"], severity[one["card"]], names.get(one["rxcui"], ""))
        for one in body["about"]
    ]


def broken(shown_: list[Shown], case: Json) -> Iterator[str]:
    """What a case asks for and did not get, in words."""
    for wanted in case["must"]:
        found = [one for one in shown_ if one.is_meant(wanted)]
        if not any(wanted["severity"] in (None, one.severity) for one in found):
            yield f"wanted {wanted}, shown {found or shown_}"
    for unwanted in case["must_not"]:
        worst = RANK[unwanted["at_least"]]
        found = [one for one in shown_ if one.is_meant(unwanted) and RANK[one.severity] <= worst]
        if found:
            yield f"not wanted {unwanted}, shown {found}"


def _wordings(case: Json) -> dict[str, str]:
    """Reference to the wording of an order or a medication taken."""
    drafts = {f"MedicationRequest/draft-{n}": row for n, row in enumerate(case["orders"])}
    taken = {
        f"MedicationRequest/medicationrequest-{n}": row for n, row in enumerate(case["current"])
    }
    return {reference: row["text"].lower() for reference, row in (drafts | taken).items()}


def _numbered(rows: list[Json]) -> tuple[range, list[Json]]:
    return range(len(rows)), rows


def _patient(case: Json) -> Json:
    born = TODAY.replace(year=TODAY.year - case["age"], month=5, day=1)
    return {
        "resourceType": "Patient",
        "id": "p1",
        "gender": case["sex"],
        "birthDate": born.isoformat(),
    }


def _resource(kind: str, number: int, **more: Any) -> Json:
    """What every clinical resource has, without the members that the case does not know."""
    found = {"resourceType": kind, "id": f"{kind.lower()}-{number}", **more}
    return {name: value for name, value in found.items() if value is not None}


def _concept(row: Json) -> Json:
    systems = {"rxcui": RXNORM, "icd10": ICD10, "snomed": SNOMED}
    coding = [{"system": systems[key], "code": row[key]} for key in systems if row.get(key)]
    return {"text": row["text"]} | ({"coding": coding} if coding else {})


def _status(system: str, code: str) -> Json:
    return {"coding": [{"system": f"{TERMINOLOGY}/{system}", "code": code}]}


def _condition(number: int, row: Json) -> Json:
    return _resource(
        "Condition", number,
        code=_concept(row),
        clinicalStatus=_status("condition-clinical", row["status"]),
        verificationStatus=_status("condition-ver-status", "confirmed"),
        subject={"reference": "Patient/p1"},
        onsetDateTime=row["onset"],
    )  # fmt: skip


def _allergy(number: int, row: Json) -> Json:
    reaction = [{"manifestation": [{"text": row["reaction"]}]}] if row["reaction"] else None
    is_active = row["status"] == "confirmed"
    return _resource(
        "AllergyIntolerance", number,
        code=_concept(row),
        clinicalStatus=_status("allergyintolerance-clinical", "active") if is_active else None,
        verificationStatus=_status("allergyintolerance-verification", row["status"]),
        type=row["type"],
        criticality=row["criticality"],
        patient={"reference": "Patient/p1"},
        reaction=reaction,
    )  # fmt: skip


def _medication(number: int, row: Json) -> Json:
    ended = {"validityPeriod": {"end": row["ended"]}} if row["ended"] else None
    return _resource(
        "MedicationRequest", number,
        status=row["status"],
        intent="order",
        medicationCodeableConcept=_concept(row),
        subject={"reference": "Patient/p1"},
        authoredOn=row["started"],
        dispenseRequest=ended,
    )  # fmt: skip


def _order(number: int, row: Json) -> Json:
    request = _medication(number, row | {"status": "draft", "started": None, "ended": None})
    return request | {"id": f"draft-{number}"}


def _lab(number: int, row: Json) -> Json:
    return _resource(
        "Observation", number,
        status="final",
        code={"coding": [{"system": "http://loinc.org", "code": row["loinc"]}]}
        | {"text": row["text"]},
        category=[_status("observation-category", "laboratory")],
        subject={"reference": "Patient/p1"},
        effectiveDateTime=row["taken"],
        valueQuantity={
            "value": row["value"],
            "unit": row["unit"],
            "system": "http://unitsofmeasure.org",
            "code": row["unit"],
        },
    )  # fmt: skip


def _pregnancy(case: Json) -> Iterator[Json]:
    if case["pregnant"] is None:
        return
    code, text = ("77386006", "Pregnant") if case["pregnant"] else ("60001007", "Not pregnant")
    yield _resource(
        "Observation", 900,
        status="final",
        code={"coding": [{"system": "http://loinc.org", "code": "82810-3"}]},
        subject={"reference": "Patient/p1"},
        effectiveDateTime="2026-11-20",
        valueCodeableConcept={"coding": [{"system": SNOMED, "code": code}], "text": text},
    )  # fmt: skip


def _encounter(case: Json) -> Iterator[Json]:
    if case["setting"] is None:
        return
    code = CLASS_OF_SETTING[case["setting"]]
    where = [{"location": {"display": "Medical intensive care unit"}}]
    yield _resource(
        "Encounter", 1,
        status="in-progress",
        **{"class": {"system": f"{TERMINOLOGY}/v3-ActCode", "code": code}},
        subject={"reference": "Patient/p1"},
        period={"start": "2026-11-24T08:00:00Z"},
        location=where if case["setting"] == "icu" else None,
    ) | {"id": "e1"}  # fmt: skip


def _note(case: Json) -> Iterator[Json]:
    if not case["note"]:
        return
    from base64 import b64encode

    data = b64encode(case["note"].encode()).decode()
    yield _resource(
        "DocumentReference", 1,
        status="current",
        type={"coding": [{"system": "http://loinc.org", "code": "11506-3"}]},
        subject={"reference": "Patient/p1"},
        date="2026-11-24T09:00:00Z",
        content=[{"attachment": {"contentType": "text/plain", "data": data}}],
    )  # fmt: skip
