"""One patient in three FHIR versions: the same facts, as R4, STU3 and R5 write them.

What the versions agree in stands once; each resource then has what they do not.
"""

from typing import Any

from tests.fhir_mappings.calls import PATIENT, RXNORM, SUBJECT, Resource

LOINC = "http://loinc.org"
ACT = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
INPATIENT = {"system": ACT, "code": "IMP", "display": "inpatient encounter"}
STAY = {"reference": "Encounter/old"}
NOW = {"reference": "Encounter/now"}
DAYS = {"start": "2026-03-01", "end": "2026-03-05"}


def of(kind: str, name: str, **more: Any) -> Resource:
    return {"resourceType": kind, "id": name, "subject": SUBJECT} | more


def coded(code: str, system: str) -> Resource:
    return {"coding": [{"system": system, "code": code}]}


def known(code: str, kind: str = "condition-clinical") -> Resource:
    return coded(code, f"http://terminology.hl7.org/CodeSystem/{kind}")


def drug(text: str, code: str) -> Resource:
    return {"text": text, "coding": [{"system": RXNORM, "code": code}]}


def adherence(code: str) -> Resource:
    return {"code": coded(code, "http://hl7.org/fhir/CodeSystem/medication-statement-adherence")}


Twins = tuple[Resource, Resource, Resource]  # R4, STU3, R5


def twins(common: Resource, r4: Resource, stu3: Resource, r5: Resource) -> Twins:
    return common | r4, common | stu3, common | r5


def condition(name: str, text: str, state: str, certainty: str, **more: Any) -> Twins:
    day = {"recordedDate": "2026-03-02"}
    concepts = {
        "clinicalStatus": known(state),
        "verificationStatus": known(certainty, "condition-ver-status"),
    }
    codes = {"clinicalStatus": state, "verificationStatus": certainty}
    asserted = {"assertedDate": "2026-03-02"} | {
        {"encounter": "context"}.get(key, key): value for key, value in more.items()
    }
    recorder = {"participant": [{"actor": {"reference": "Practitioner/d"}}]}
    common = of("Condition", name, code={"text": text})
    return twins(common, concepts | day | more, codes | asserted, concepts | day | recorder | more)


def procedure(name: str, text: str, *, done: bool = True) -> Twins:
    day = "2026-03-03T10:00:00Z"
    status = {"status": "completed" if done else "not-done"}
    return twins(
        of("Procedure", name, code={"text": text}),
        status | {"encounter": STAY, "performedDateTime": day},
        {"status": "completed", "notDone": not done, "context": STAY, "performedDateTime": day},
        status | {"encounter": STAY, "occurrenceDateTime": day},
    )


def allergy(name: str, text: str, certainty: str) -> Twins:
    common: Resource = {"resourceType": "AllergyIntolerance", "id": name, "patient": SUBJECT}
    common |= {"code": {"text": text}, "category": ["medication"], "criticality": "high"}
    hives = {"text": "Hives"}
    concepts = {
        "clinicalStatus": known("active", "allergyintolerance-clinical"),
        "verificationStatus": known(certainty, "allergyintolerance-verification"),
    }
    kind = coded("intolerance", "http://hl7.org/fhir/allergy-intolerance-type")
    return twins(
        common,
        concepts | {"type": "intolerance", "reaction": [{"manifestation": [hives]}]},
        {"clinicalStatus": "active", "verificationStatus": certainty, "type": "intolerance"}
        | {"reaction": [{"manifestation": [hives]}], "assertedDate": "2020-01-01"},
        concepts | {"type": kind, "reaction": [{"manifestation": [{"concept": hives}]}]},
    )


def encounter(name: str, status: str, r5_status: str, period: Resource, **more: Any) -> Twins:
    common = of("Encounter", name)
    r4 = {"status": status, "class": INPATIENT, "period": period}
    r5 = {"status": r5_status, "class": [{"coding": [INPATIENT]}], "actualPeriod": period}
    listed = [{"condition": {"reference": "Condition/pneumonia"}}]
    several = [{"condition": [{"reference": one["condition"]} for one in listed]}]
    icu = {"text": "Intensive care"}
    return twins(
        common | more,
        r4 | {"diagnosis": listed, "serviceType": icu},
        r4 | {"diagnosis": listed, "type": [icu]},
        r5 | {"diagnosis": several, "serviceType": [{"concept": icu}]},
    )


def request(name: str, status: str, named: Resource, **more: Any) -> Twins:
    """An order; `named` is a CodeableReference of R5."""
    suffixes = {"concept": "CodeableConcept", "reference": "Reference"}
    by_type = {f"medication{suffixes[part]}": value for part, value in named.items()}
    where = {"encounter": NOW if status == "draft" else STAY}
    doctor = {"reference": "Practitioner/d"}
    return twins(
        of("MedicationRequest", name, status=status, intent="order", authoredOn="2026-03-02"),
        by_type | where | {"requester": doctor} | more,
        by_type | {"context": where["encounter"], "requester": {"agent": doctor}} | more,
        {"medication": named} | where | {"requester": doctor} | more,
    )


def statement(name: str, text: str, states: tuple[str, str, str, str], **more: Any) -> Twins:
    """What is taken; `states` are the status of R4, status and taken of STU3, adherence of R5."""
    concept = {"text": text}
    coded_as = {"medicationCodeableConcept": concept}
    common = of("MedicationStatement", name, dateAsserted="2026-03-02", **more)
    return twins(
        common,
        coded_as | {"status": states[0]},
        coded_as | {"status": states[1], "taken": states[2]},
        {"medication": {"concept": concept}, "status": "recorded"}
        | {"adherence": adherence(states[3])},
    )


def document(name: str, text: str, *replaced: str) -> Twins:
    note = [{"attachment": {"contentType": "text/plain", "data": text}}]
    kind = coded("18842-5", LOINC)
    common = of("DocumentReference", name, status="current", type=kind, content=note)
    targets = [{"reference": f"DocumentReference/{other}"} for other in replaced]
    relation = [{"code": "replaces", "target": target} for target in targets]
    concept = coded("replaces", "http://hl7.org/fhir/document-relationship-type")
    related = [{"code": concept, "target": target} for target in targets]
    at = "2024-03-05T10:00:00Z"  # read for its encounter alone
    r4: Resource = {"date": at, "context": {"encounter": [NOW]}}
    stu3: Resource = {"indexed": at, "context": {"encounter": NOW}}
    r5: Resource = {"date": at, "context": [NOW], "period": DAYS}
    if targets:
        return twins(
            common, r4 | {"relatesTo": relation}, stu3 | {"relatesTo": relation},
            r5 | {"relatesTo": related},
        )  # fmt: skip
    return twins(common, r4, stu3, r5)


def medication(name: str, *parts: str) -> Twins:
    common = {"resourceType": "Medication", "id": name}
    items = [{"itemCodeableConcept": {"text": text}} for text in parts]
    concepts = [{"item": {"concept": {"text": text}}} for text in parts]
    return twins(common, {"ingredient": items}, {"ingredient": items}, {"ingredient": concepts})


def same(resource: Resource) -> Twins:
    return resource, resource, resource


def inside(orders: Twins, medications: Twins) -> Twins:
    pairs = zip(orders, medications, strict=True)
    r4, stu3, r5 = (order | {"contained": [held]} for order, held in pairs)
    return r4, stu3, r5


CREATININE = of(
    "Observation", "creatinine", status="final", code=coded("2160-0", LOINC),
    category=[known("laboratory", "observation-category")],
    effectiveDateTime="2026-11-20T08:00:00Z",
    valueQuantity={"value": 1.4, "unit": "mg/dL"},
)  # fmt: skip
BOUNDS = {"dosageInstruction": [{"timing": {"repeat": {"boundsPeriod": {"end": "2027-01-01"}}}}]}
ALL: tuple[Twins, ...] = (
    same(PATIENT),
    same(CREATININE),
    encounter("old", "finished", "completed", DAYS),
    encounter("now", "in-progress", "in-progress", {"start": "2026-11-20"}),
    condition("hypertension", "Hypertension", "active", "confirmed"),
    condition("pneumonia", "Pneumonia", "resolved", "confirmed", encounter=STAY),
    condition("gout", "Gout", "active", "refuted"),
    procedure("scope", "Bronchoscopy"),
    procedure("biopsy", "Lung biopsy", done=False),
    allergy("a1", "Penicillin", "confirmed"),
    allergy("a2", "Codeine", "refuted"),
    medication("both", "Lisinopril", "Hydrochlorothiazide"),
    request("lisinopril", "active", {"reference": {"reference": "Medication/both"}}, **BOUNDS),
    inside(
        request("inside", "active", {"reference": {"reference": "#m"}}), medication("m", "Warfarin")
    ),
    request("diazepam", "active", {"concept": drug("Diazepam 5 MG Oral Tablet", "3322")}),
    request("furosemide", "completed", {"concept": drug("Furosemide 40 MG", "4603")}),
    statement("aspirin", "Aspirin 81 MG", ("active", "active", "y", "taking")),
    statement("ibuprofen", "Ibuprofen", ("not-taken", "active", "n", "not-taking")),
    statement("metformin", "Metformin", ("on-hold", "on-hold", "unk", "on-hold-as-directed")),
    statement("codeine", "Codeine", ("stopped", "stopped", "na", "stopped-as-directed")),
    statement(
        "prednisone", "Prednisone", ("completed", "completed", "y", "taking-as-directed"),
        effectivePeriod={"start": "2026-01-01", "end": "2026-01-08"},
    ),
    document("summary", "bmV3", "draft"),
    document("draft", "b2xk"),
)  # fmt: skip
DRAFT = request(
    "draft-1", "draft", {"concept": drug("Simvastatin 20 MG", "36567")},
    priorPrescription={"reference": "MedicationRequest/lisinopril"},
)  # fmt: skip
VERSIONS = ("R4", "STU3", "R5")


def patient_of(version: str) -> tuple[list[Resource], list[Resource]]:
    """The record and the drafts of the patient in one version."""
    place = VERSIONS.index(version)
    return [one[place] for one in ALL], [DRAFT[place]]
