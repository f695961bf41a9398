"""Of what came with a call: this patient's alone, the newest of too much, what he leaves with."""

from typing import Any

import pytest

from cds_service.errors import MalformedRequest, PrefetchMissing
from cds_service.hooks.discovery import find_service
from cds_service.hooks.request import HookRequest
from cds_service.prefetch.complete import complete_prefetch
from cds_service.prefetch.fhir_client import FhirClient
from cds_service.prefetch.sifting import MOST
from cds_service.settings import Settings
from lamo.deadline import Deadline
from tests.calls import ORDER, PATIENT, context_of, full_prefetch, hook_call, searchset
from tests.cds_service.prefetch.test_prefetch import complete, on, order, shown
from tests.fakes import LoopbackFhir


@pytest.mark.parametrize(
    "sent", [PATIENT | {"id": "p2"}, searchset(PATIENT, PATIENT | {"id": "2"})]
)
def test_the_chart_of_another_patient_is_refused(settings: Settings, sent: dict[str, Any]) -> None:
    with pytest.raises(MalformedRequest, match=r"^prefetch\.patient: found another patient"):
        complete(settings, prefetch=full_prefetch() | {"patient": sent})


def test_another_patient_from_the_server_is_412(
    settings: Settings, fhir_server: LoopbackFhir
) -> None:
    fhir_server.default = searchset()
    fhir_server.answers = {"Patient/p1": PATIENT | {"id": "p2"}}
    with pytest.raises(PrefetchMissing, match="the FHIR server answered with another patient"):
        complete(settings, prefetch=..., **on(fhir_server))


def test_what_is_about_others_is_set_aside_counted_and_said_once(settings: Settings) -> None:
    foreign = order("o2", subject={"reference": "Patient/p2"})
    allergy = {"resourceType": "AllergyIntolerance", "patient": {"reference": "Patient/p3"}}
    prefetch = full_prefetch() | {
        "medications": searchset(order("o1"), foreign),
        "allergies": searchset(allergy),
    }
    found = complete(settings, prefetch=prefetch)
    assert (found.resources["medications"], found.resources["allergies"]) == ((order("o1"),), ())
    assert [(gap.kind, gap.meaning[:31]) for gap in found.gaps] == [
        ("other-patient", "2 resources about another patie")
    ]
    assert found.gaps[0].shown


@pytest.mark.parametrize(
    "subject",
    ["Patient/p2", "https://other.example/fhir/Patient/p1", "urn:uuid:p2", "#p2", "Group/p1"],
)
def test_a_draft_of_another_patient_is_left_out(settings: Settings, subject: str) -> None:
    """The same id on another server than the call's, or in the order itself, is somebody else."""
    drafts = searchset(ORDER, {**ORDER, "id": "x", "subject": {"reference": subject}})
    closed = settings.model_copy(update={"fhir_allowed_bases": ("https://h/",)})
    context = context_of(draftOrders=drafts)
    found = complete(closed, context=context, fhirServer="https://ehr.example/fhir")
    assert found.draft_orders == (ORDER,)
    assert shown(found) == [("other-patient", "draftOrders")]


def test_of_too_much_the_newest_is_kept_and_that_is_said(settings: Settings) -> None:
    rows = searchset(*(order(f"o{n}", authoredOn=f"{1000 + n}-01-01") for n in range(MOST + 5)))
    found = complete(settings, prefetch=full_prefetch() | {"medications": rows})
    assert [one["id"] for one in found.resources["medications"]][::999] == ["o5", "o1004"]
    assert shown(found) == [("prefetch-partial", "medications")]
    assert "5 older entries" in found.gaps[0].meaning


def test_at_discharge_the_orders_of_the_stay_alone_do_not_count(settings: Settings) -> None:
    kinds = ("inpatient", "discharge", "community")
    rows = [order(kind, category=[{"coding": [{"code": kind}]}]) for kind in kinds]
    prefetch = full_prefetch() | {"medications": searchset(*rows, order("none"))}
    context = context_of("encounter-discharge", encounterId="e1")
    call = hook_call("encounter-discharge", prefetch=prefetch, context=context)
    request = HookRequest.from_json(find_service("lamo-encounter-discharge"), call)
    found = complete_prefetch(request, None, FhirClient(settings), Deadline.after_ms(60_000))
    left = [one["id"] for one in found.resources["medications"]]
    assert left == ["discharge", "community", "none"]
    assert [(gap.kind, gap.shown) for gap in found.gaps] == [("orders-of-the-stay", False)]
