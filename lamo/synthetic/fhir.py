"""Synthetic visits as FHIR R4: a chart as a Bundle, and the hook request that signs its orders."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import chain
from uuid import NAMESPACE_URL, uuid5
from zlib import crc32

from fhir_mappings.dates import whole_years, years_before
from fhir_mappings.people import OLDEST
from fhir_mappings.record import Hospitalization, PatientRecord, Setting
from lamo.synthetic import fhir_parts as parts
from lamo.synthetic.fhir_parts import Resource, Scene
from lamo.synthetic.injection import InjectedVisit
from lamo.visits import Visit

AnyVisit = Visit | InjectedVisit

# the prefetch key of the services -> the type, and the statuses that its query asks for, if any
PREFETCH: Mapping[str, tuple[str, frozenset[str]]] = {
    "patient": ("Patient", frozenset()),
    "conditions": ("Condition", frozenset()),
    "procedures": ("Procedure", frozenset()),
    "documents": ("DocumentReference", frozenset({"current"})),
    "allergies": ("AllergyIntolerance", frozenset()),
    "medications": ("MedicationRequest", frozenset({"active"})),
    "statements": ("MedicationStatement", frozenset({"active"})),
    "past_medications": ("MedicationRequest", frozenset({"completed", "stopped"})),
    "encounters": ("Encounter", frozenset()),
    "labs": ("Observation", frozenset()),
    "pregnancy": ("Observation", frozenset()),
}
_DAYS: Mapping[Setting, int] = {"outpatient": 0, "inpatient": 4, "icu": 8}  # of a finished visit
_OLDER_THAN_TOLD = 8  # years: the record says 90 for all above


def visit_bundle(visit: AnyVisit) -> Resource:
    """Everything that the record of one visit tells, as a collection Bundle."""
    return parts.bundle("collection", list(_chart(visit.record, ())))


def patient_bundle(visits: Sequence[AnyVisit]) -> Resource:
    """The chart of one patient at the last of these visits, the earlier ones as history.

    Args:
        visits: of one patient, oldest first, at least one.
    """
    *earlier, last = visits
    return parts.bundle("collection", list(_chart(last.record, [_plain(one) for one in earlier])))


def finished_chart(visits: Sequence[AnyVisit]) -> list[Resource]:
    """The resources of one patient after all visits are over: each with what was prescribed."""
    plain = [_plain(visit) for visit in visits]
    last = plain[-1].record
    scene = _scene(last, days=_DAYS[plain[-1].setting])
    shared = [_patient(last, plain[:-1]), *_allergies(last), *_taken(scene, last)]
    return [*shared, *chain.from_iterable(_past(plain, number) for number in range(len(plain)))]


def order_sign_request(visit: AnyVisit) -> Resource:
    """The call that an EHR would make when the visit's draft orders are signed."""
    record = visit.record
    encounter_id = _scene(record).encounter_id
    resources = list(_chart(record, ()))
    drafts = [one for one in resources if one.get("status") == "draft"]
    return {
        "hook": "order-sign",
        "hookInstance": str(uuid5(NAMESPACE_URL, f"order-sign/{encounter_id}")),
        "context": {
            "userId": "Practitioner/synthetic",
            "patientId": record.patient_id,
            "encounterId": encounter_id,
            "draftOrders": parts.bundle("collection", drafts),
        },
        "prefetch": {key: _answer(key, resources) for key in PREFETCH},
    }


def birth_date(patient_id: str, ages: Sequence[tuple[date, int]]) -> date:
    """A day of birth with which the patient has these ages on these days.

    Where no day gives them all, the first one is right and the others are as near as can be.
    """
    on, age = ages[0]
    best, least = years_before(on, age), float("inf")
    for years in range(_OLDER_THAN_TOLD + 1 if age >= OLDEST else 1):
        for step in range(366):
            ago = (crc32(patient_id.encode()) + step) % 366
            born = years_before(on, age + years) - timedelta(days=ago)
            off = [abs(min(whole_years(born, day), OLDEST) - told) for day, told in ages]
            if off[0] == 0 and sum(off) < least:
                best, least = born, sum(off)
            if least == 0:
                return best
    return best


def _chart(record: PatientRecord, earlier: Sequence[Visit]) -> Iterator[Resource]:
    """The present visit, then the past: the visits given, or the previous stay of the record."""
    scene = _scene(record)
    yield _patient(record, earlier)
    yield parts.encounter(scene)
    yield from _told(scene, record)
    yield from _taken(scene, record)
    yield from (parts.request(scene, n, one) for n, one in enumerate(record.ordered, 1))
    yield from _allergies(record)
    if earlier:
        whole = [*earlier, _bare(record)]
        yield from chain.from_iterable(_past(whole, number) for number in range(len(earlier)))
    elif record.previous and record.previous.started:
        at = datetime.combine(record.previous.started, time(8), tzinfo=UTC)
        yield from _stay(
            replace(scene, at=at, setting="inpatient", days=_DAYS["inpatient"]), record.previous
        )


def _told(scene: Scene, record: PatientRecord) -> Iterator[Resource]:
    yield from (parts.condition(scene, n, one) for n, one in enumerate(record.diagnoses, 1))
    yield from (parts.procedure(scene, n, one) for n, one in enumerate(record.procedures, 1))
    yield from (parts.document(scene, n, one) for n, one in enumerate(record.notes, 1))


def _taken(scene: Scene, record: PatientRecord) -> Iterator[Resource]:
    yield from (parts.statement(scene, n, one) for n, one in enumerate(record.current, 1))


def _allergies(record: PatientRecord) -> Iterator[Resource]:
    day = record.decided_at.date()
    for number, known in enumerate(record.allergies, 1):
        yield parts.allergy(record.patient_id, number, known, day)


def _patient(record: PatientRecord, earlier: Sequence[Visit]) -> Resource:
    records = [record, *(visit.record for visit in reversed(earlier))]
    ages = [(one.decided_at.date(), one.age) for one in records]
    stay = record.previous
    ages += [(stay.started, stay.age)] if stay and stay.started else []
    known = [(day, age) for day, age in ages if age is not None]
    return parts.patient(record.patient_id, record.sex, birth_date(record.patient_id, known))


def _past(visits: Sequence[Visit], number: int) -> Iterator[Resource]:
    """One visit that is over, with its prescriptions as the next record tells them."""
    visit = visits[number]
    day = visit.record.decided_at.date()
    told = (one.record.previous for one in visits[number + 1 :])
    stay = next((one for one in told if one and one.started == day), None)
    scene = _scene(visit.record, days=_DAYS[visit.setting])
    if stay is not None:
        yield from _stay(scene, stay)
        yield from (parts.document(scene, n, note) for n, note in enumerate(visit.record.notes, 1))
        return
    yield parts.encounter(scene)
    yield from _told(scene, visit.record)
    given = [parts.given(label) for label in sorted(visit.prescribed)]
    yield from (parts.request(scene, n, one) for n, one in enumerate(given, 1))


def _stay(scene: Scene, stay: Hospitalization) -> Iterator[Resource]:
    yield parts.encounter(scene)
    yield from (parts.condition(scene, n, one) for n, one in enumerate(stay.diagnoses, 1))
    yield from (parts.procedure(scene, n, one) for n, one in enumerate(stay.procedures, 1))
    yield from (parts.request(scene, n, one) for n, one in enumerate(stay.medications, 1))


def _scene(record: PatientRecord, days: int | None = None) -> Scene:
    return Scene(
        patient_id=record.patient_id,
        at=record.decided_at,
        setting=record.setting or "outpatient",
        days=days,
    )


def _answer(key: str, resources: Iterable[Resource]) -> Resource:
    """What the client's server would answer to the query of that key."""
    wanted, statuses = PREFETCH[key]
    found = [
        one
        for one in resources
        if one["resourceType"] == wanted
        if one.get("status") in statuses or (not statuses and one.get("status") != "draft")
    ]
    return found[0] if key == "patient" else parts.bundle("searchset", found)


def _plain(visit: AnyVisit) -> Visit:
    return visit if isinstance(visit, Visit) else visit.visit


def _bare(record: PatientRecord) -> Visit:
    """The present record in the place of its visit, which is not over."""
    return Visit(
        record=record,
        prescribed=frozenset(),
        probabilities={},
        patient=0,
        setting=record.setting or "outpatient",
    )
