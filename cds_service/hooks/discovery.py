"""What is offered: one service for each hook, and the data that it asks for in advance."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from cds_service.errors import UnknownService


@dataclass(frozen=True, slots=True, kw_only=True)
class PrefetchKey:
    """One query of the prefetch, and what cannot be done when nobody answers it."""

    key: str
    template: str  # portable subset: one read or type search, context tokens, no parameter twice
    resource_type: str  # what a read answers with; a search answers with a Bundle of it
    without: str  # one plain sentence for the card or the record
    required: bool = False  # without it the call is refused
    shown: bool = False  # without it a check is not made, and the cards say so
    whole: bool = True  # False: the newest page is enough, the pages after it are not read


def _search(key: str, resource_type: str, query: str, without: str, **more: bool) -> PrefetchKey:
    return PrefetchKey(
        key=key,
        template=f"{resource_type}?patient={{{{context.patientId}}}}{query}",
        resource_type=resource_type,
        without=without,
        **more,
    )


PREFETCH: tuple[PrefetchKey, ...] = (
    PrefetchKey(
        key="patient",
        template="Patient/{{context.patientId}}",
        resource_type="Patient",
        without="The patient's age and sex were not available, so scores may be off.",
        required=True,
        shown=True,
    ),
    _search(
        "conditions", "Condition", "&_count=100",
        "Conditions were not available, so no medication was compared with the diagnoses.",
        shown=True,
    ),
    _search(
        "procedures", "Procedure", "&_sort=-date&_count=100",
        "Procedures were not available to the model.",
        whole=False,
    ),
    _search(
        "documents", "DocumentReference", "&status=current&_sort=-date&_count=10",
        "Clinical notes were not available to the model.",
        whole=False,
    ),
    _search(
        "allergies", "AllergyIntolerance", "&_count=100",
        "Allergies were not available, so no medication was checked against them.",
        shown=True,
    ),
    _search(
        "medications", "MedicationRequest", "&status=active&_count=100",
        "Active orders were not available, so duplicates among them were not checked.",
        shown=True,
    ),
    _search(
        "statements", "MedicationStatement", "&status=active&_count=100",
        "Medication statements were not available, so duplicates among them were not checked.",
        shown=True,
    ),
    _search(
        "past_medications", "MedicationRequest",
        "&status=completed,stopped&_sort=-authoredon&_count=100",
        "Earlier orders were not available to the model.",
        whole=False,
    ),
    _search(
        "encounters", "Encounter", "&_sort=-date&_count=20",
        "Encounters were not available, so the previous stay is not known to the model.",
        whole=False,
    ),
    _search(
        "labs", "Observation", "&category=laboratory&_sort=-date&_count=100",
        "Recent laboratory values were not available.",
        whole=False,
    ),
    _search(
        "pregnancy", "Observation",
        "&code=http://loinc.org|82810-3,http://loinc.org|11778-8&_sort=-date&_count=5",
        "Pregnancy observations were not available.",
        whole=False,
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One entry of discovery."""

    service_id: str
    hook: str
    title: str
    description: str
    orders_field: str | None = None  # the member of context that holds the draft orders
    needs_encounter: bool = False  # context.encounterId is REQUIRED by the hook


SERVICES: tuple[Service, ...] = (
    Service(
        service_id="lamo-order-select",
        hook="order-select",
        title="Over-prescribing check while choosing",
        description="Compares the medications being chosen with the patient's record: orders that "
        "the record does not support, allergies, duplicates, and medications that may be missing.",
        orders_field="draftOrders",
    ),
    Service(
        service_id="lamo-order-sign",
        hook="order-sign",
        title="Over-prescribing check before signing",
        description="Compares the medications about to be signed with the patient's record: orders "
        "that the record does not support, allergies, duplicates, and medications that may be "
        "missing.",
        orders_field="draftOrders",
    ),
    Service(
        service_id="lamo-patient-view",
        hook="patient-view",
        title="Medication list review",
        description="Reviews the patient's current medications against the record when the chart "
        "is opened: allergies, duplicates, and a list longer than expected.",
    ),
    Service(
        service_id="lamo-encounter-discharge",
        hook="encounter-discharge",
        title="Medication list review at discharge",
        description="Reviews the medications that the patient leaves with against the record: "
        "allergies, duplicates, what is beyond its usual course, and medications that may be "
        "missing.",
        needs_encounter=True,
    ),
    Service(
        service_id="lamo-medication-prescribe",
        hook="medication-prescribe",
        title="Over-prescribing check (CDS Hooks 1.0)",
        description="The check of the order-sign service for CDS Clients of CDS Hooks 1.0, with "
        "the drafts in context.medications.",
        orders_field="medications",
    ),
)

HOOK_VERSION = "1.0"  # hookVersion in the published definition of each of our hooks
DEMONSTRATION = "Demonstration model trained on synthetic patients, not for clinical use. "
USAGE_REQUIREMENTS = (
    "FHIR R4. Send the prefetch, or a fhirServer that the service may read. "
    "Every card is AI-generated advice for a clinician, who decides."
)


def find_service(service_id: str) -> Service:
    """The service with this id.

    Raises:
        UnknownService: there is none.
    """
    for service in SERVICES:
        if service.service_id == service_id:
            return service
    raise UnknownService(tuple(service.service_id for service in SERVICES))


def describe_services(*, version: str, is_demonstration: bool) -> dict[str, Any]:
    """The answer of GET /cds-services; the order of members and keys is part of it.

    Args:
        version: of the CDS Hooks specification, as "3.0.0"; never that of this software.
        is_demonstration: whether descriptions say so.
    """
    label = DEMONSTRATION if is_demonstration else ""
    return {"services": [_describe(service, version, label) for service in SERVICES]}


def resolve_template(template: str, context: Mapping[str, str]) -> str:
    """Fill the context tokens of a template, quoted for an URL."""
    for field, value in context.items():
        template = template.replace(f"{{{{context.{field}}}}}", quote(value, safe=""))
    return template


def _describe(service: Service, version: str, label: str) -> dict[str, Any]:
    return {
        "hook": service.hook,
        "title": service.title,
        "description": label + service.description,
        "id": service.service_id,
        "version": version,
        "hookVersion": HOOK_VERSION,
        "prefetch": {wanted.key: wanted.template for wanted in PREFETCH},
        "usageRequirements": USAGE_REQUIREMENTS,
    }
