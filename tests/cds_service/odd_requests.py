"""What a request may say in an odd way, and what it gets: one row for each case that we know of."""

from typing import Any

from tests.calls import ORDER, PATIENT, context_of, full_prefetch, searchset

Json = dict[str, Any]
OUTCOME = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "timeout"}]}
OTHER = {"reference": "Patient/p2"}
NO_MEDICATIONS = ("ServiceRequest", "NutritionOrder", "DeviceRequest", "VisionPrescription")
OVER = [  # what an allergy may say of itself that nobody is to be warned of
    ("clinicalStatus", "inactive"),
    ("clinicalStatus", "resolved"),
    ("verificationStatus", "refuted"),
    ("verificationStatus", "entered-in-error"),
]


def condition(**more: Any) -> Json:
    base = {"resourceType": "Condition", "id": "c1", "subject": {"reference": "Patient/p1"}}
    return base | {"code": {"text": "Hypertension"}} | more


def allergy(**more: Any) -> Json:
    base = {"resourceType": "AllergyIntolerance", "id": "a1", "criticality": "high"}
    return base | {"patient": {"reference": "Patient/p1"}, "code": {"text": "Ibuprofen"}} | more


def stated(code: str) -> Json:
    return {"coding": [{"code": code}]}


def held(**keys: Any) -> Json:
    """A call with these prefetch keys in place of the empty ones."""
    return {"prefetch": full_prefetch() | keys}


def drafts(*orders: Json, **context: Any) -> Json:
    return {"context": context_of(draftOrders=searchset(*orders), **context)}


def named_by(reference: str, **more: Any) -> Json:
    order = {name: value for name, value in ORDER.items() if name != "medicationCodeableConcept"}
    return drafts(order | {"medicationReference": {"reference": reference}} | more)


def selecting(*selections: str) -> Json:
    context = context_of("order-select", selections=list(selections))
    return {"hook": "order-select", "context": context}


def access(**members: Any) -> Json:
    authorization = {"access_token": "tok", "token_type": "Bearer"} | members
    return {"fhirServer": "https://ehr.example/fhir", "fhirAuthorization": authorization}


def medication(**code: Any) -> Json:
    return {"resourceType": "Medication", "id": "m1", "code": code}


def dispense(**more: Any) -> Json:
    names = {"resourceType": "MedicationDispense", "id": "x1", "status": "completed"}
    return {**ORDER, **names} | more


PREFETCH_STATES = [
    ("null", None, "", ()),
    ("an empty Bundle", searchset(), "", ()),
    ("{}", {}, "Allergies were not available", ("prefetch-failed",)),
    ("an OperationOutcome", OUTCOME, "Allergies were not available", ("prefetch-failed",)),
    ("HTML", "<html>502</html>", "Allergies were not available", ("prefetch-failed",)),
    ("a list", [allergy()], "Allergies were not available", ("prefetch-failed",)),
    ("a resource of another type", PATIENT, "Allergies were not available", ("prefetch-failed",)),
    ("a Bundle of another type", searchset(condition()), "not available", ("prefetch-failed",)),
    ("an OperationOutcome among entries", searchset(OUTCOME), "a part", ("prefetch-partial",)),
    (
        "a page with a next one",
        searchset(following="https://ehr.example/fhir?page=2"),
        "Only a part of allergies",
        ("prefetch-partial",),
    ),
    (
        "entries without resource",
        searchset() | {"entry": [{"fullUrl": "https://ehr.example/fhir/x"}]},
        "hold no resource",
        ("prefetch-partial",),
    ),
    (
        "a total beyond its entries",
        searchset(allergy()) | {"total": 3},
        "(1 of 3 AllergyIntolerance received)",
        ("prefetch-partial",),
    ),
]
CALLS: list[tuple[str, Json, int, str, tuple[str, ...]]] = [
    # (what is odd, the change to a good call, status, what the answer says, kinds of gaps recorded)
    ("nothing", {}, 200, "", ()),
    (
        "Patient of another",
        held(patient=PATIENT | {"id": "p2"}),
        400,
        "prefetch.patient: found",
        (),
    ),
    (
        "Condition of another",
        held(conditions=searchset(condition(subject=OTHER))),
        200,
        "1 resource about another patient",
        ("other-patient",),
    ),
    (
        "AllergyIntolerance of another",
        held(allergies=searchset(allergy(patient=OTHER))),
        200,
        "1 resource about another patient",
        ("other-patient",),
    ),
    (
        "draft of another",
        drafts(ORDER | {"subject": OTHER}),
        200,
        "about another patient: it was not checked",
        ("other-patient",),
    ),
    ("token of another", access(patient="p2"), 400, "fhirAuthorization.patient: found", ()),
    ("hook of another service", {"hook": "patient-view"}, 400, "hook: found another hook", ()),
    ("no hookInstance", {"hookInstance": ...}, 400, "hookInstance: found nothing", ()),
    ("hookInstance that is no UUID", {"hookInstance": "1"}, 400, "hookInstance: found", ()),
    ("selection known by URL", selecting("https://h/MedicationRequest/draft-1"), 200, "", ()),
    ("no selection", selecting(), 200, "", ()),
    (
        "selection of no draft",
        selecting("MedicationRequest/none"),
        200,
        "not among the draft orders",
        ("selection-unknown",),
    ),
    ("token without server", access() | {"fhirServer": ...}, 400, "fhirServer: found nothing", ()),
    ("expired token, all sent", access(expires_in=0), 200, "", ()),
    ("expired token, nothing sent", access(expires_in=0) | {"prefetch": ...}, 412, "expired", ()),
    ("no Bearer", access(token_type="MAC") | {"prefetch": ...}, 412, "is not Bearer", ()),
    *[
        (f"{name} under a key", held(allergies=value), 200, said, kinds)
        for name, value, said, kinds in PREFETCH_STATES
    ],
    *[
        (
            f"allergy {code}",
            held(allergies=searchset(allergy(**{status: stated(code)}))),
            200,
            "",
            (),
        )
        for status, code in OVER
    ],
    (
        "allergy inactive and again active",
        held(allergies=searchset(allergy(clinicalStatus=stated("inactive")), allergy(id="a2"))),
        200,
        "allergy to Ibuprofen on record",
        (),
    ),
    (
        "refuted",
        held(conditions=searchset(condition(verificationStatus=stated("refuted")))),
        200,
        "",
        ("condition-refuted",),
    ),
    (
        "resolved",
        held(conditions=searchset(condition(clinicalStatus=stated("resolved")))),
        200,
        "",
        (),
    ),
    (
        "medication contained",
        named_by("#m1", contained=[medication(text="Ibuprofen")]),
        200,
        "",
        (),
    ),
    (
        "medication elsewhere",
        named_by("https://other.example/fhir/Medication/m1"),
        200,
        "medication without a readable name",
        ("medication-unresolved",),
    ),
    (
        "medication dangling",
        named_by("#m1"),
        200,
        "medication without a readable name",
        ("medication-unresolved",),
    ),
    ("birth year", held(patient=PATIENT | {"birthDate": "1950"}), 200, "", ()),
    (
        "birth to come",
        held(patient=PATIENT | {"birthDate": "2950-01-01"}),
        200,
        "in the future",
        ("age-unknown",),
    ),
    (
        "no birth date",
        held(patient=PATIENT | {"birthDate": None}),
        200,
        "is missing",
        ("age-unknown",),
    ),
    ("deceased", held(patient=PATIENT | {"deceasedBoolean": True}), 200, "", ()),
    (
        "unknown code system",
        drafts(
            ORDER | {"medicationCodeableConcept": {"coding": [{"system": "urn:own", "code": "X1"}]}}
        ),
        200,
        "not in the formulary",
        ("medication-unresolved",),
    ),
    (
        "more resources than are read",
        held(conditions=searchset(*(condition(id=f"c{number}") for number in range(1001)))),
        200,
        "Only a part of conditions",
        ("prefetch-partial",),
    ),
    (
        "two equal drafts",
        drafts(ORDER, ORDER | {"id": "draft-2"}) | held(allergies=searchset(allergy())),
        200,
        '"label":"Remove the draft of ibuprofen 800 MG Oral Tablet (order 2 of 2)"',
        (),
    ),
    (
        "draft of another kind of medication resource",
        drafts(dispense()),
        200,
        "1 draft of type MedicationDispense was not checked",
        ("type-not-read",),
    ),
    (
        "drafts of a type that is misspelt",
        drafts(*(ORDER | {"resourceType": "medicationRequest", "id": one} for one in "ab")),
        200,
        "2 drafts of type medicationRequest were not checked",
        ("type-not-read",),
    ),
    (
        "draft of a type of any length",
        drafts(ORDER | {"resourceType": "Medication" + "x" * 9999}),
        200,
        f"type Medication{'x' * 30} was not checked",
        ("type-not-read",),
    ),
    (
        "draft of an unknown type that names a medication",
        drafts(ORDER | {"resourceType": "Prescription"}),
        200,
        "1 draft of type Prescription was not checked",
        ("type-not-read",),
    ),
    (
        "Bundle among the drafts",
        drafts(searchset(ORDER)),
        200,
        "1 draft of type Bundle was not checked",
        ("type-not-read",),
    ),
    (
        "drafts of what is no medication",
        drafts(*({"resourceType": kind, "id": "s1"} for kind in NO_MEDICATIONS)),
        200,
        "",
        ("order-not-medication",),
    ),
    (
        "draft without a resource",
        {"context": context_of(draftOrders={"resourceType": "Bundle", "entry": [{}, None]})},
        200,
        "2 draft orders hold no resource",
        ("draft-empty",),
    ),
    (
        "Bundle among the allergies",
        held(allergies=searchset(allergy(code={"text": "Aspirin"}), searchset(allergy()))),
        200,
        "1 resource of type Bundle was not checked",
        ("type-not-read",),
    ),
    (
        "allergy of a type that is misspelt",
        held(allergies=searchset(allergy(), allergy(resourceType="AllergyIntolerence"))),
        200,
        "1 resource of type AllergyIntolerence was not checked",
        ("type-not-read",),
    ),
    (
        "dispenses among the orders",
        held(medications=searchset(ORDER | {"id": "o1", "status": "stopped"}, dispense())),
        200,
        "1 resource of type MedicationDispense was not checked",
        ("type-not-read",),
    ),
]


TOLD = {"outcome": "overridden", "outcomeTimestamp": "2025-11-22T21:37:09.705Z"}
ACCEPTED = TOLD | {"outcome": "accepted"}


def comment(text: str) -> Json:
    return {"overrideReason": {"userComment": text}}


# (what is odd, the entry, status, what a refusal says, what the record says when it is kept)
FEEDBACK: list[tuple[str, Json, int, str, Json]] = [
    ("nothing", TOLD, 200, "", {"not_linked": None, "unknown_suggestions": []}),
    ("unknown card", TOLD | {"card": "x"}, 200, "", {"not_linked": "unknown card"}),
    (
        "suggestion of another card",
        ACCEPTED | {"acceptedSuggestions": [{"id": "x"}]},
        200,
        "",
        {"not_linked": None, "accepted_suggestions": [], "unknown_suggestions": ["x"]},
    ),
    ("accepted without any", ACCEPTED, 400, "feedback[0].acceptedSuggestions: found null", {}),
    ("accepted none", ACCEPTED | {"acceptedSuggestions": []}, 400, "acceptedSuggestions", {}),
    (
        "in the future",
        TOLD | {"outcomeTimestamp": "2999-01-01T00:00:00Z"},
        400,
        "feedback[0].outcomeTimestamp: found a time at which no card was answered",
        {},
    ),
    (
        "in 1900",
        TOLD | {"outcomeTimestamp": "1900-01-01T00:00:00Z"},
        400,
        "feedback[0].outcomeTimestamp: found a time at which no card was answered",
        {},
    ),
    (
        "comment of a megabyte",
        TOLD | comment("x" * 1024 * 1024),
        400,
        "feedback[0].overrideReason.userComment: found 1048576 characters",
        {},
    ),
    ("comment in HTML", TOLD | comment("<b>x</b>"), 200, "", {"user_comment": "<b>x</b>"}),
]
