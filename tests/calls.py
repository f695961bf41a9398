"""Hook calls to start from."""

from copy import deepcopy
from typing import Any

from cds_service.call import Call
from cds_service.hooks.discovery import PREFETCH
from cds_service.trust import Caller
from lamo.deadline import Deadline

HOOK_INSTANCE = "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea"
PATIENT = {"resourceType": "Patient", "id": "p1", "gender": "female", "birthDate": "1950-01-01"}
ORDER = {
    "resourceType": "MedicationRequest",
    "id": "draft-1",
    "status": "draft",
    "intent": "order",
    "medicationCodeableConcept": {"text": "ibuprofen 800 MG Oral Tablet"},
    "subject": {"reference": "Patient/p1"},
}


def new_call(deadline: Deadline | None = None) -> Call:
    """A request of an anonymous caller, in no haste."""
    return Call(
        caller=Caller(), request_id="request-1", deadline=deadline or Deadline.after_ms(60_000)
    )


def searchset(*resources: dict[str, Any], following: str | None = None) -> dict[str, Any]:
    bundle: dict[str, Any] = {"resourceType": "Bundle", "type": "searchset"}
    bundle["entry"] = [{"resource": resource} for resource in resources]
    if following:
        bundle["link"] = [{"relation": "next", "url": following}]
    return bundle


def full_prefetch() -> dict[str, Any]:
    return {wanted.key: None for wanted in PREFETCH} | {"patient": PATIENT}


def hook_call(hook: str = "order-sign", **changes: Any) -> dict[str, Any]:
    """A good call; a change replaces a member, `...` removes it."""
    context: dict[str, Any] = {"userId": "Practitioner/d1", "patientId": "p1"}
    drafts = {"resourceType": "Bundle", "entry": [{"resource": ORDER}]}
    if hook in ("order-sign", "order-select"):
        context["draftOrders"] = drafts
    if hook == "order-select":
        context["selections"] = ["MedicationRequest/draft-1"]
    if hook == "medication-prescribe":
        context["medications"] = drafts
    call = {"hook": hook, "hookInstance": HOOK_INSTANCE, "context": context}
    return _changed({**deepcopy(call), "prefetch": full_prefetch()}, changes)


def context_of(hook: str = "order-sign", **changes: Any) -> dict[str, Any]:
    return _changed(hook_call(hook)["context"], changes)


def _changed(members: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in (members | changes).items() if value is not ...}
