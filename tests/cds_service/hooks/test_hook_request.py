from typing import Any

import pytest

from cds_service.errors import MalformedRequest, WrongHook
from cds_service.hooks.discovery import find_service
from cds_service.hooks.orders import Orders
from cds_service.hooks.request import HookRequest
from tests.calls import ORDER, context_of, hook_call


def read(call: dict[str, Any], hook: str = "order-sign") -> HookRequest:
    return HookRequest.from_json(find_service(f"lamo-{hook}"), call)


def access(**changes: Any) -> dict[str, Any]:
    """A FHIR server with a good authorization; a change replaces a member, `...` removes it."""
    members = {"access_token": "tok", "token_type": "Bearer"} | changes
    authorization = {name: value for name, value in members.items() if value is not ...}
    return {"fhirServer": "https://ehr.example/fhir/", "fhirAuthorization": authorization}


def test_a_good_call_is_read_whole() -> None:
    request = read(hook_call("order-select"), "order-select")
    assert (request.patient_id, request.user_id) == ("p1", "Practitioner/d1")
    assert request.orders.drafts == (ORDER,)
    assert request.orders.selections == ("MedicationRequest/draft-1",)


def test_a_discharge_needs_its_encounter_and_carries_no_orders() -> None:
    context = context_of("encounter-discharge", encounterId="e1")
    call = hook_call("encounter-discharge", context=context)
    request = read(call, "encounter-discharge")
    assert (request.encounter_id, request.orders) == ("e1", Orders())
    with pytest.raises(MalformedRequest, match=r"^context\.encounterId: found nothing"):
        read(hook_call("encounter-discharge"), "encounter-discharge")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"hook": ...}, "hook"),
        ({"hookInstance": ...}, "hookInstance"),
        ({"hookInstance": "12345"}, "hookInstance"),
        ({"hookInstance": 7}, "hookInstance"),
        ({"context": ...}, "context"),
        ({"context": ["patientId"]}, "context"),
        ({"context": context_of(patientId=...)}, "context.patientId"),
        ({"context": context_of(patientId="p1?x=1")}, "context.patientId"),
        ({"context": context_of(userId=...)}, "context.userId"),
        ({"context": context_of(draftOrders=..., encounterId="e1")}, "context.draftOrders"),
        ({"context": context_of(draftOrders=[{}])}, "context.draftOrders"),
        ({"context": context_of(draftOrders={"resourceType": "Patient"})}, "context.draftOrders"),
        ({"context": context_of(encounterId=7)}, "context.encounterId"),
        ({"prefetch": "nonsense"}, "prefetch"),
        ({"fhirServer": "file:///etc/passwd"}, "fhirServer"),
        ({"fhirServer": "http://user@host/fhir"}, "fhirServer"),
        ({"fhirAuthorization": {"access_token": "t"}}, "fhirServer"),
        (access(access_token=...), "fhirAuthorization.access_token"),
        (access(patient="p2"), "fhirAuthorization.patient"),
        (access(patient=7), "fhirAuthorization.patient"),
    ],
)
def test_a_refusal_names_the_field(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(MalformedRequest, match=rf"^{field}: found .*, wanted ") as refusal:
        read(hook_call(**changes))
    assert refusal.value.elements == (field,)


def test_a_hook_that_is_not_the_services_is_refused() -> None:
    with pytest.raises(WrongHook, match="wanted 'order-sign'"):
        read(hook_call(hook="patient-view"))


def test_slips_of_real_clients_are_read() -> None:
    drafts = {"resourceType": "Bundle", "entry": [{}, {"resource": "x"}, None, {"resource": ORDER}]}
    context = context_of(patientId="Patient/p1", userId="d1", draftOrders=drafts)
    request = read(hook_call(context=context, prefetch=None, extension={"a.b": 1}))
    assert (request.patient_id, request.orders.drafts) == ("p1", (ORDER,))


def test_the_access_token_does_not_show_in_a_print() -> None:
    request = read(hook_call(**access(access_token="s3cret")))
    assert request.fhir_server == "https://ehr.example/fhir"
    assert request.fhir_authorization == "s3cret"
    assert "s3cret" not in repr(request)


@pytest.mark.parametrize(
    ("members", "fault"),
    [
        ({"patient": "p1"}, None),
        ({"patient": "Patient/p1"}, None),
        ({"patient": None}, None),
        ({"token_type": "bearer"}, None),
        ({"token_type": ...}, None),
        ({"token_type": "MAC"}, "token_type"),
        ({"expires_in": 300}, None),
        ({"expires_in": "0"}, None),
        ({"expires_in": False}, None),
        ({"expires_in": 0}, "expired"),
        ({"expires_in": -1.5}, "expired"),
    ],
)
def test_a_token_that_is_no_bearer_token_or_has_expired_is_of_no_use(
    members: dict[str, Any], fault: str | None
) -> None:
    request = read(hook_call(**access(**members)))
    assert (request.token_fault is None) if fault is None else (fault in str(request.token_fault))
