"""The orders of a hook, and the selections among them."""

from typing import Any

import pytest

from cds_service.errors import MalformedRequest
from cds_service.hooks.discovery import find_service
from cds_service.hooks.orders import NO_ORDERS, Orders, read_orders
from tests.calls import ORDER, context_of

URN = "urn:uuid:8f4e0d2a-1111-4aaa-8aaa-000000000001"


def read(hook: str = "order-select", **changes: Any) -> Orders:
    return read_orders(find_service(f"lamo-{hook}"), context_of(hook, **changes))


def drafts(*entries: object) -> dict[str, Any]:
    return {"resourceType": "Bundle", "entry": list(entries)}


def selecting(*selections: str, **entry: Any) -> list[bool]:
    """Whether the gap about selections is shown; nothing without one."""
    orders = read(selections=list(selections), draftOrders=drafts({"resource": ORDER} | entry))
    assert {gap.kind for gap in orders.gaps} <= {"selection-unknown"}
    return [gap.shown for gap in orders.gaps]


def test_the_old_hook_reads_its_drafts_from_medications() -> None:
    assert read("medication-prescribe").drafts == (ORDER,)


def test_doses_are_read_as_they_are_worded_and_odd_ones_are_not() -> None:
    dosages: tuple[object, ...] = (
        [{"text": "1 daily"}],
        [],
        [{}],
        ["1 daily"],
        [{"text": 5}],
        "1 daily",
        None,
    )
    entries = [
        {"resource": ORDER | {"id": f"d{place}", "dosageInstruction": one}}
        for place, one in enumerate(dosages)
    ]
    orders = read("order-sign", draftOrders=drafts(*entries))
    assert orders.doses == {"MedicationRequest/d0": "1 daily"}


@pytest.mark.parametrize("missing", ["selections", "draftOrders"])
def test_order_select_needs_orders_and_selections(missing: str) -> None:
    with pytest.raises(MalformedRequest, match=rf"^context\.{missing}: found nothing"):
        read_orders(find_service("lamo-order-select"), context_of("order-select", **{missing: ...}))


def test_more_entries_than_a_session_has_are_refused() -> None:
    with pytest.raises(MalformedRequest, match="found 201 entries, wanted at most 200"):
        read("order-sign", draftOrders=drafts(*[{"resource": ORDER}] * 201))


@pytest.mark.parametrize("hook", ["order-select", "order-sign"])
def test_a_context_of_patient_and_user_alone_is_a_screen_without_orders(hook: str) -> None:
    assert read(hook, draftOrders=..., selections=...) == Orders(gaps=(NO_ORDERS,))


@pytest.mark.parametrize("hook", ["patient-view", "encounter-discharge"])
def test_a_hook_that_carries_no_orders_lacks_none(hook: str) -> None:
    assert read(hook) == Orders()


@pytest.mark.parametrize(
    "selection",
    [
        "MedicationRequest/draft-1",
        "MedicationRequest/draft-1/_history/2",
        "https://ehr.example/fhir/MedicationRequest/draft-1",
        "draft-1",
    ],
)
def test_a_selection_is_known_however_it_is_written(selection: str) -> None:
    assert selecting(selection) == []


def test_a_selection_may_be_the_address_of_an_entry() -> None:
    assert selecting(URN, fullUrl=URN, resource={**ORDER, "id": None}) == []


def test_no_selection_at_all_is_served() -> None:
    assert selecting() == []


@pytest.mark.parametrize("selection", ["MedicationRequest/other", "ServiceRequest/draft-1", URN])
def test_a_selection_of_no_draft_is_told_and_shown(selection: str) -> None:
    assert selecting("MedicationRequest/draft-1", selection) == [True]


def test_a_selection_that_a_draft_without_id_may_be_is_recorded_alone() -> None:
    assert selecting("MedicationRequest/other", resource={**ORDER, "id": None}) == [False]
