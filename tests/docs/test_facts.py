"""What the documents repeat of the code is what the code has."""

from cds_service.audit.findings import CHECKS
from cds_service.audit.rights import Roles
from cds_service.audit.tampering import FORGERIES
from cds_service.hooks.discovery import PREFETCH, SERVICES
from cds_service.sandbox.chosen import CHOSEN
from lamo.model_card import numbers_of_site
from tests.docs.pages import ROOT


def page(name: str) -> str:
    return " ".join((ROOT / "docs" / f"{name}.md").read_text("utf-8").replace("\\|", "|").split())


def test_the_guide_for_ehrs_names_every_service_and_query() -> None:
    guide = page("connecting")
    for service in SERVICES:
        assert f"| `{service.service_id}` | {service.hook} |" in guide
    for wanted in PREFETCH:
        assert f"| `{wanted.key}` | `{wanted.template}` |" in guide


def test_the_audit_log_names_every_check_role_and_the_ways_of_its_drill() -> None:
    text, roles = page("audit"), Roles()
    assert f"in {len(FORGERIES) + 1} ways" in text  # the last one cuts a bundle
    assert all(f"| `{check}` |" in text for check in CHECKS)
    named = (roles.owner, roles.writer, roles.reader, roles.sequencer)
    assert all(f"| `{role}` |" in text for role in named)


def test_the_tour_shows_every_patient_of_the_sandbox() -> None:
    tour = page("tour")
    assert all(f"| {patient.name} | {patient.shows} |" in tour for patient in CHOSEN)


def test_the_pages_name_the_attributes_that_are_the_sites_to_state() -> None:
    numbers = [str(number) for number in sorted(numbers_of_site())]
    assert f"({', '.join(numbers)})" in page("compliance")
