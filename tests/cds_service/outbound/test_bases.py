"""Which FHIR servers are read for whom."""

import pytest

from cds_service.errors import PrefetchMissing
from cds_service.hooks.discovery import find_service
from cds_service.hooks.request import HookRequest
from cds_service.prefetch.complete import complete_prefetch
from cds_service.prefetch.fhir_client import FhirClient
from cds_service.settings import Settings
from lamo.deadline import Deadline
from tests.calls import PATIENT, hook_call, searchset
from tests.cds_service.outbound_fixtures import production
from tests.fakes import LoopbackFhir

OWN = ("https://ehr.example/fhir", "http://10.0.0.5:8080/fhir")


@pytest.mark.parametrize(
    ("base", "may"),
    [
        ("https://ehr.example/fhir", True),
        ("https://EHR.example:443/fhir/", True),
        ("http://10.0.0.5:8080/fhir", True),  # written down with http
        ("http://ehr.example/fhir", False),
        ("https://ehr.example/fhir/tenant-2", False),
        ("https://ehr.example", False),
        ("https://other.example/fhir", False),
        ("http://127.0.0.1:9/fhir", False),
    ],
)
@pytest.mark.parametrize("allowed", [(), ("https://other.example/fhir",)])
def test_a_registered_client_has_its_own_bases_read_and_no_others(
    base: str, may: bool, allowed: tuple[str, ...]
) -> None:
    for settings in (Settings(fhir_allowed_bases=allowed), production(fhir_allowed_bases=allowed)):
        assert FhirClient(settings).may_read(base, OWN) is may
        assert not FhirClient(settings).may_read(base, ())


@pytest.mark.parametrize(
    ("base", "may"),
    [
        ("https://ehr.example/fhir", True),
        ("https://ehr.example/fhir/tenant-2", True),
        ("http://10.0.0.5:8080/fhir", True),
        ("https://10.0.0.5:8080/fhir", False),
        ("https://ehr.example/other", False),
        ("http://127.0.0.1:9/fhir", False),
    ],
)
def test_without_them_what_the_settings_list_is_read(base: str, may: bool) -> None:
    assert FhirClient(production(fhir_allowed_bases=OWN)).may_read(base, None) is may


@pytest.mark.parametrize(
    ("base", "in_sandbox", "in_production"),
    [
        ("https://ehr.example/fhir", True, True),
        ("http://ehr.example/fhir", False, False),
        ("http://localhost:9/fhir", True, False),
        ("http://[::1]:9/fhir", True, False),
        ("http://127.9.9.9/fhir", True, False),
        ("http://127.1/fhir", False, False),
        ("https://2130706433/fhir", False, False),
        ("https://ehr.example./fhir", False, False),
        ("http://localhost.evil.example/fhir", False, False),
    ],
)
def test_without_a_list_it_is_https_and_in_sandbox_mode_this_machine(
    base: str, in_sandbox: bool, in_production: bool
) -> None:
    assert FhirClient(Settings()).may_read(base, None) is in_sandbox
    assert FhirClient(production()).may_read(base, None) is in_production


def test_the_bases_of_the_caller_decide_what_a_call_reads(fhir_server: LoopbackFhir) -> None:
    fhir_server.default, fhir_server.answers = searchset(), {"Patient/p1": PATIENT}
    body = hook_call(prefetch=..., fhirServer=fhir_server.base)
    request = HookRequest.from_json(find_service("lamo-order-sign"), body)
    fhir, deadline = FhirClient(Settings()), Deadline.after_ms(60_000)
    with pytest.raises(PrefetchMissing, match="not one that may be read from here"):
        complete_prefetch(request, OWN, fhir, deadline)
    assert fhir_server.asked == []
    found = complete_prefetch(request, (fhir_server.base,), fhir, deadline)
    assert found.resources["patient"] == (PATIENT,)


def test_production_reads_this_machine_only_where_its_network_is_listed(
    fhir_server: LoopbackFhir,
) -> None:
    fhir_server.default = PATIENT
    body = hook_call(prefetch=..., fhirServer=fhir_server.base)
    request = HookRequest.from_json(find_service("lamo-order-sign"), body)
    bases, deadline = (fhir_server.base,), Deadline.after_ms(60_000)
    with pytest.raises(PrefetchMissing, match="at an address that may not be read from here"):
        complete_prefetch(request, bases, FhirClient(production()), deadline)
    opened = FhirClient(production(outbound_networks=("127.0.0.0/8",)))
    assert complete_prefetch(request, bases, opened, deadline).states["patient"] == "fetched"
