"""The people of the sandbox: its patients with their charts, and who looks at them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any

from cds_service.sandbox.charts import Chart, first, make_chart
from cds_service.sandbox.chosen import CHOSEN, SEED
from fhir_mappings.formulary import Formulary
from lamo.synthetic.generator import Generator

Resource = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxPatient:
    """What the pages say of a patient."""

    patient_id: str
    name: str
    mrn: str
    birth_date: str
    gender: str
    shows: str  # one line
    hook: str  # that shows it: "order-sign" of the drafts, or "patient-view"
    rules: tuple[str, ...]  # topics of the cards that come then; empty: none
    gap: str  # what the cards say could not be checked; may be empty
    encounter_id: str  # under way
    drafts: Sequence[Resource]  # MedicationRequests to try, with status draft


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxUser:
    """Somebody who uses the EHR."""

    user_id: str  # "Practitioner/..."
    name: str
    role: str


USERS = (
    SandboxUser(user_id="Practitioner/sandbox-physician", name="Pat Rivers", role="Physician"),
    SandboxUser(user_id="Practitioner/sandbox-pharmacist", name="Sam Stone", role="Pharmacist"),
)


@cache  # a Store copies what it takes
def sandbox_charts(today: date) -> tuple[Chart, ...]:
    """The charts, always the same but for their dates.

    Args:
        today: the present visits began the day before.
    """
    generator, formulary = Generator(SEED), Formulary.load()
    return tuple(make_chart(chosen, generator, formulary, today) for chosen in CHOSEN)


def sandbox_patients(charts: Sequence[Chart]) -> tuple[SandboxPatient, ...]:
    """The patients, in the order in which to show them."""
    return tuple(_told(chart) for chart in charts)


def sandbox_resources(charts: Sequence[Chart]) -> Iterator[Resource]:
    """Everything that the FHIR server starts with; what was not signed yet is left out."""
    yield from (_practitioner(user) for user in USERS)
    for chart in charts:
        yield from chart.resources


def _told(chart: Chart) -> SandboxPatient:
    patient = first(chart.resources, "Patient")
    return SandboxPatient(
        patient_id=patient["id"],
        name=chart.chosen.name,
        mrn=patient["identifier"][0]["value"],
        birth_date=patient["birthDate"],
        gender=patient["gender"],
        shows=chart.chosen.shows,
        hook=chart.chosen.hook,
        rules=chart.chosen.rules,
        gap=chart.chosen.gap,
        encounter_id=first(chart.resources, "Encounter")["id"],
        drafts=chart.drafts,
    )


def _practitioner(user: SandboxUser) -> Resource:
    given, family = user.name.split()
    return {
        "resourceType": "Practitioner",
        "id": user.user_id.partition("/")[2],
        "active": True,
        "name": [{"text": user.name, "family": family, "given": [given]}],
        "qualification": [{"code": {"text": user.role}}],
    }
