import socket
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from cds_service.errors import PrefetchMissing
from cds_service.hooks.discovery import PREFETCH, find_service
from cds_service.hooks.request import HookRequest
from cds_service.outbound.urls import is_under
from cds_service.prefetch.complete import Prefetched, complete_prefetch
from cds_service.prefetch.fhir_client import FhirClient
from cds_service.settings import Settings
from lamo.deadline import Deadline
from tests.calls import PATIENT, context_of, full_prefetch, hook_call, searchset
from tests.cds_service.outbound_fixtures import wait_for_reads_to_end
from tests.fakes import LoopbackFhir, send_json

OUTCOME = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "timeout"}]}
MEDICATIONS = "MedicationRequest?patient=p1&status=active&_count=100"


def order(name: str, **more: Any) -> dict[str, Any]:
    return {"resourceType": "MedicationRequest", "id": name} | more


def complete(settings: Settings, ms: int = 60_000, **changes: Any) -> Prefetched:
    request = HookRequest.from_json(find_service("lamo-order-sign"), hook_call(**changes))
    return complete_prefetch(request, None, FhirClient(settings), Deadline.after_ms(ms))


def on(server: LoopbackFhir) -> dict[str, Any]:
    authorization = {"access_token": "tok", "token_type": "Bearer"}
    return {"fhirServer": server.base, "fhirAuthorization": authorization}


def shown(prefetched: Prefetched) -> list[tuple[str, str]]:
    return [(gap.kind, gap.where) for gap in prefetched.gaps if gap.shown]


def test_null_and_empty_bundles_are_answers(settings: Settings, fhir_server: LoopbackFhir) -> None:
    empty = full_prefetch() | {"conditions": {"resourceType": "Bundle", "type": "searchset"}}
    found = complete(settings, prefetch=empty, **on(fhir_server))
    assert (found.states["conditions"], found.states["allergies"]) == ("supplied", "null")
    assert (found.gaps, fhir_server.asked) == ((), [])


def test_bundles_are_unpacked_with_what_they_include(settings: Settings) -> None:
    medication = {"resourceType": "Medication", "id": "m1"}
    rows = searchset(order("o1"), medication)
    rows["entry"] += [{}, {"resource": 7}, None]
    found = complete(settings, prefetch=full_prefetch() | {"medications": rows})
    assert found.resources["medications"] == (order("o1"), medication)
    assert found.resources["patient"] == (PATIENT,)


def test_without_patient_and_server_the_call_is_refused(settings: Settings) -> None:
    with pytest.raises(PrefetchMissing, match=r"no fhirServer: send the answer to 'Patient/"):
        complete(settings, prefetch=...)


def test_an_absent_key_without_server_is_told(settings: Settings) -> None:
    prefetch = full_prefetch()
    del prefetch["allergies"], prefetch["labs"]
    found = complete(settings, prefetch=prefetch)
    assert shown(found) == [("prefetch-absent", "allergies")]
    assert "not available" in found.gaps[0].meaning
    assert found.states["labs"] == "absent"


def test_absent_keys_are_fetched_with_the_token(
    settings: Settings, fhir_server: LoopbackFhir
) -> None:
    fhir_server.default = searchset()
    fhir_server.answers = {"Patient/p1": PATIENT, MEDICATIONS: searchset(order("o1"))}
    found = complete(settings, prefetch=..., **on(fhir_server))
    assert set(found.states.values()) == {"fetched"}
    assert found.resources["medications"] == (order("o1"),)
    assert {token for _, token in fhir_server.asked} == {"Bearer tok"}
    assert len(fhir_server.asked) == len(PREFETCH)


def test_what_was_sent_is_not_fetched_again(settings: Settings, fhir_server: LoopbackFhir) -> None:
    prefetch = full_prefetch() | {"conditions": OUTCOME}
    fhir_server.default = searchset()
    found = complete(settings, prefetch=prefetch, **on(fhir_server))
    assert fhir_server.paths == ["Condition?patient=p1&_count=100"]
    assert found.states["conditions"] == "fetched"


@pytest.mark.parametrize("value", [OUTCOME, ["a"], "text", {"resourceType": "Zebra"}])
def test_what_is_no_answer_is_a_failed_query(settings: Settings, value: object) -> None:
    found = complete(settings, prefetch=full_prefetch() | {"allergies": value})
    assert (found.states["allergies"], found.resources["allergies"]) == ("failed", ())
    assert shown(found) == [("prefetch-failed", "allergies")]


def test_a_bundle_of_another_type_is_a_failed_query(settings: Settings) -> None:
    prefetch = full_prefetch() | {"allergies": searchset(order("o1")), "conditions": searchset()}
    found = complete(settings, prefetch=prefetch)
    assert shown(found) == [("prefetch-failed", "allergies")]
    assert found.resources["allergies"] == ()


def test_the_name_of_an_older_version_is_no_other_type(settings: Settings) -> None:
    old = {"resourceType": "MedicationOrder", "id": "o1"}
    found = complete(settings, prefetch=full_prefetch() | {"medications": searchset(old)})
    assert (found.gaps, found.resources["medications"]) == ((), (old,))


def test_entries_without_resources_make_the_answer_partial(settings: Settings) -> None:
    rows = searchset(order("o1"))
    rows["entry"].append({"fullUrl": "https://ehr.example/fhir/MedicationRequest/o2"})
    found = complete(settings, prefetch=full_prefetch() | {"medications": rows})
    assert shown(found) == [("prefetch-partial", "medications")]
    assert "hold no resource" in found.gaps[0].meaning


@pytest.mark.parametrize("change", [{"token_type": "MAC"}, {"expires_in": 0}])
def test_a_token_of_no_use_is_not_sent_and_why_is_said(
    settings: Settings, fhir_server: LoopbackFhir, change: dict[str, Any]
) -> None:
    useless = {"access_token": "tok"} | change
    call = on(fhir_server) | {"fhirAuthorization": useless}
    with pytest.raises(PrefetchMissing, match=r"fhirAuthorization (is not Bearer|has expired)"):
        complete(settings, prefetch=..., **call)
    assert fhir_server.asked == []


def test_an_outcome_among_the_entries_makes_the_answer_partial(settings: Settings) -> None:
    prefetch = full_prefetch() | {"allergies": searchset(OUTCOME)}
    assert shown(complete(settings, prefetch=prefetch)) == [("prefetch-partial", "allergies")]


def counted(total: object, *modes: str) -> dict[str, Any]:
    """A page of two orders, and something else of each search mode, with this total."""
    beside = [
        {"resource": {"resourceType": "Medication", "id": mode}, "search": {"mode": mode}}
        for mode in modes
    ]
    rows = searchset(order("o1"), order("o2"))
    return rows | {"total": total, "entry": [*rows["entry"], *beside]}


@pytest.mark.parametrize("modes", [(), ("include",), ("include", "include", "outcome")])
def test_matches_that_did_not_come_are_told_by_the_total(
    settings: Settings, modes: tuple[str, ...]
) -> None:
    found = complete(settings, prefetch=full_prefetch() | {"medications": counted(4, *modes)})
    assert shown(found) == [("prefetch-partial", "medications")]
    assert "(2 of 4 MedicationRequest received)" in found.gaps[0].meaning


@pytest.mark.parametrize(
    "page",
    [counted(2), counted(1), counted(3, "include"), counted("9"), counted(None), counted(True)],
    ids=["same", "fewer", "all-entries", "text", "null", "boolean"],
)
def test_a_total_that_may_count_otherwise_tells_nothing(
    settings: Settings, page: dict[str, Any]
) -> None:
    assert complete(settings, prefetch=full_prefetch() | {"medications": page}).gaps == ()


def test_where_the_newest_page_is_enough_a_total_tells_nothing(settings: Settings) -> None:
    report = {"resourceType": "Observation", "id": "l1"}
    prefetch = full_prefetch() | {"labs": searchset(report) | {"total": 300}}
    assert complete(settings, prefetch=prefetch).gaps == ()


def test_a_total_counts_the_matches_of_all_pages(
    settings: Settings, fhir_server: LoopbackFhir
) -> None:
    sent = searchset(order("o1"), following=f"{fhir_server.base}?page=2") | {"total": 2}
    fhir_server.answers["/fhir"] = searchset(order("o2")) | {"total": 2}
    prefetch = full_prefetch() | {"medications": sent}
    assert complete(settings, prefetch=prefetch, **on(fhir_server)).gaps == ()


def test_next_pages_are_read(settings: Settings, fhir_server: LoopbackFhir) -> None:
    sent = searchset(order("o1"), following=f"{fhir_server.base}?page=2")
    fhir_server.answers["/fhir"] = searchset(order("o2"))
    found = complete(settings, prefetch=full_prefetch() | {"medications": sent}, **on(fhir_server))
    assert found.resources["medications"] == (order("o1"), order("o2"))
    assert found.gaps == ()


def test_pages_that_cannot_be_read_are_told(settings: Settings) -> None:
    sent = searchset(order("o1"), following="https://ehr.example/fhir?page=2")
    found = complete(settings, prefetch=full_prefetch() | {"medications": sent})
    assert found.states["medications"] == "partial"
    assert shown(found) == [("prefetch-partial", "medications")]


def test_an_endless_chain_of_pages_ends(settings: Settings, fhir_server: LoopbackFhir) -> None:
    def another_page(handler: BaseHTTPRequestHandler) -> None:
        count = len(fhir_server.asked)
        send_json(handler, searchset(order("o"), following=f"{fhir_server.base}/x?page={count}"))

    fhir_server.default = another_page
    sent = searchset(order("o1"), following=f"{fhir_server.base}/x?page=0")
    found = complete(settings, prefetch=full_prefetch() | {"medications": sent}, **on(fhir_server))
    assert found.states["medications"] == "partial"
    assert len(fhir_server.asked) == 10


def test_links_and_redirects_to_other_places_are_not_followed(
    settings: Settings, fhir_server: LoopbackFhir
) -> None:
    def redirect(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(302)
        handler.send_header("Location", fhir_server.base.replace("/fhir", "/stolen"))
        handler.end_headers()

    foreign = fhir_server.base.replace("/fhir", "/stolen")
    sent = searchset(order("o1"), following=f"{foreign}?page=2")
    prefetch = full_prefetch() | {"medications": sent, "conditions": OUTCOME}
    fhir_server.default = redirect
    found = complete(settings, prefetch=prefetch, **on(fhir_server))
    assert fhir_server.paths == ["Condition?patient=p1&_count=100"]
    assert (found.states["medications"], found.states["conditions"]) == ("partial", "failed")


@pytest.mark.parametrize("status", [401, 403, 404, 500])
def test_a_patient_that_the_server_does_not_give_is_412(
    settings: Settings, fhir_server: LoopbackFhir, status: int
) -> None:
    fhir_server.default = lambda handler: send_json(handler, OUTCOME, status)
    with pytest.raises(PrefetchMissing, match="the FHIR server "):
        complete(settings, prefetch=..., **on(fhir_server))


def test_a_server_that_nobody_answers_at_is_412(settings: Settings) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        base = f"http://127.0.0.1:{unused.getsockname()[1]}/fhir"
    with pytest.raises(PrefetchMissing, match="could not be reached"):
        complete(settings, prefetch=..., fhirServer=base)


@pytest.mark.parametrize("slow", ["hangs", "drips_head", "drips_body"])
def test_a_slow_server_does_not_hold_the_call(
    settings: Settings, fhir_server: LoopbackFhir, slow: str
) -> None:
    fhir_server.default = getattr(fhir_server, slow)
    with pytest.raises(PrefetchMissing, match="did not answer in time"):
        complete(settings, ms=300, prefetch=..., **on(fhir_server))
    wait_for_reads_to_end()
    assert not fhir_server.hang.was_waited_for


def test_a_server_off_the_list_is_not_asked(settings: Settings, fhir_server: LoopbackFhir) -> None:
    strict = settings.model_copy(update={"fhir_allowed_bases": ("https://ehr.example/fhir",)})
    with pytest.raises(PrefetchMissing, match="not one that may be read"):
        complete(strict, prefetch=..., **on(fhir_server))
    assert fhir_server.asked == []


def test_plain_http_in_production_is_412_and_says_that_it_may_not_be_read(
    settings: Settings, fhir_server: LoopbackFhir
) -> None:
    production = settings.model_copy(update={"mode": "production"})
    with pytest.raises(PrefetchMissing, match="not one that may be read from here"):
        complete(production, prefetch=..., **on(fhir_server))
    assert fhir_server.asked == []


@pytest.mark.parametrize("absolute", [False, True])
def test_medications_that_orders_refer_to_are_read(
    settings: Settings, fhir_server: LoopbackFhir, absolute: bool
) -> None:
    named = f"{fhir_server.base}/Medication/m1" if absolute else "Medication/m1"
    rows = searchset(order("o1", medicationReference={"reference": named}))
    fhir_server.answers["Medication/m1"] = {"resourceType": "Medication", "id": "m1"}
    prefetch = full_prefetch() | {"medications": rows}
    found = complete(settings, prefetch=prefetch, **on(fhir_server))
    assert [resource["id"] for resource in found.resources["referenced"]] == ["m1"]


def test_a_call_without_orders_says_that_none_was_checked(settings: Settings) -> None:
    found = complete(settings, context=context_of(draftOrders=...))
    assert shown(found) == [("no-orders-named", "context")]


@pytest.mark.parametrize(
    ("base", "may"),
    [
        ("https://ehr.example/fhir", True),
        ("http://ehr.example/fhir", False),
        ("http://127.0.0.1:9/fhir", True),
        ("http://localhost:9/fhir", True),
        ("http://127.0.0.1.attacker.invalid/fhir", False),
    ],
)
def test_plain_http_is_for_this_machine_only(settings: Settings, base: str, may: bool) -> None:
    assert FhirClient(settings).may_read(base, None) is may


@pytest.mark.parametrize(
    ("url", "under"),
    [
        ("https://h/fhir", True),
        ("https://h/fhir?_getpages=1", True),
        ("https://h/fhir/Patient/1", True),
        ("https://h/fhirx/Patient", False),
        ("https://h/fhir/../admin", False),
        ("https://h/fhir/%2e%2e/admin", False),
        ("https://h:444/fhir", False),
        ("https://h@evil/fhir", False),
        ("http://h/fhir", False),
        ("https://h:port/fhir", False),
    ],
)
def test_only_addresses_below_the_base_get_the_token(url: str, under: bool) -> None:
    assert is_under(url, "https://h/fhir") is under
