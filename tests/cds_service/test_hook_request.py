from typing import Any

import pytest

from cds_service.discovery import find_service
from cds_service.errors import MalformedRequest, WrongHook
from cds_service.hook_request import HookRequest
from tests.calls import ORDER, context_of, hook_call


def read(call: dict[str, Any], hook: str = "order-sign") -> HookRequest:
    return HookRequest.from_json(find_service(f"lamo-{hook}"), call)


def test_a_good_call_is_read_whole() -> None:
    request = read(hook_call("order-select"), "order-select")
    assert (request.patient_id, request.user_id) == ("p1", "Practitioner/d1")
    assert request.draft_orders == (ORDER,)
    assert request.selections == ("MedicationRequest/draft-1",)


def test_the_old_hook_reads_its_drafts_from_medications() -> None:
    assert read(hook_call("medication-prescribe"), "medication-prescribe").draft_orders == (ORDER,)


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
        (
            {"fhirServer": "https://ehr.example/fhir", "fhirAuthorization": {"scope": "x"}},
            "fhirAuthorization.access_token",
        ),
    ],
)
def test_a_refusal_names_the_field(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(MalformedRequest, match=rf"^{field}: found .*, wanted ") as refusal:
        read(hook_call(**changes))
    assert refusal.value.field == field


def test_a_hook_that_is_not_the_services_is_refused() -> None:
    with pytest.raises(WrongHook, match="wanted 'order-sign'"):
        read(hook_call(hook="patient-view"))


def test_order_select_needs_selections_beside_its_orders() -> None:
    with pytest.raises(MalformedRequest, match=r"context\.selections: found nothing"):
        read(hook_call("order-select", context=context_of("order-select", selections=...)),
             "order-select")  # fmt: skip


def test_order_select_needs_orders_beside_its_selections() -> None:
    with pytest.raises(MalformedRequest, match=r"context\.draftOrders: found nothing"):
        read(hook_call("order-select", context=context_of("order-select", draftOrders=...)),
             "order-select")  # fmt: skip


@pytest.mark.parametrize("hook", ["order-select", "order-sign"])
def test_a_context_of_patient_and_user_alone_is_a_screen_without_orders(hook: str) -> None:
    context = context_of(hook, draftOrders=..., selections=...)
    request = read(hook_call(hook, context=context), hook)
    assert not request.names_orders
    assert request.draft_orders == ()


def test_slips_of_real_clients_are_read() -> None:
    drafts = {"resourceType": "Bundle", "entry": [{}, {"resource": "x"}, None, {"resource": ORDER}]}
    context = context_of(patientId="Patient/p1", userId="d1", draftOrders=drafts)
    request = read(hook_call(context=context, prefetch=None, extension={"a.b": 1}))
    assert (request.patient_id, request.draft_orders) == ("p1", (ORDER,))


def test_the_access_token_does_not_show_in_a_print() -> None:
    request = read(
        hook_call(
            fhirServer="https://ehr.example/fhir/",
            fhirAuthorization={"access_token": "s3cret", "token_type": "Bearer"},
        )
    )
    assert request.fhir_server == "https://ehr.example/fhir"
    assert request.fhir_authorization == "s3cret"
    assert "s3cret" not in repr(request)
