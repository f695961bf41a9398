"""Charts as FHIR: of the generator, with what each patient shows put in, and dated as of today."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from cds_service.sandbox.chosen import SEED, Chosen, Measured
from fhir_mappings.formulary import Formulary
from fhir_mappings.record import Diagnosis, Medication
from lamo.synthetic.chart import with_order
from lamo.synthetic.fhir import patient_bundle
from lamo.synthetic.generator import Generator
from lamo.synthetic.injection import InjectedVisit, inject, leave
from lamo.visits import Visit

Resource = dict[str, Any]

MRN = "urn:lamo-cds:sandbox:mrn"
LOINC = "http://loinc.org"
UCUM = "http://unitsofmeasure.org"
CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
REQUESTER = "Practitioner/sandbox-physician"
_SINCE_LAST_VISIT = timedelta(days=1)  # the present visit began yesterday, whatever the time zone
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}(?=T|$)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """One patient's resources."""

    chosen: Chosen
    resources: Sequence[Resource]  # that are on the server
    drafts: Sequence[Resource]  # orders to try; on no server yet


def make_chart(chosen: Chosen, generator: Generator, formulary: Formulary, today: date) -> Chart:
    """The chart of a patient whose present visit began the day before today."""
    *earlier, last = generator.visits(chosen.number)
    visit = _with_orders(chosen, last, formulary)
    days = today - _SINCE_LAST_VISIT - last.record.decided_at.date()
    keys = {f"-{one.record.decided_at:%Y%m%d}-": f"-v{n}-" for n, one in enumerate(earlier, 1)}
    keys[f"-{last.record.decided_at:%Y%m%d}-"] = f"-v{len(earlier) + 1}-"
    bundle = patient_bundle([*earlier, visit])
    found = [_shifted(entry["resource"], days, keys) for entry in bundle["entry"]]
    drafts = [one | {"requester": _to(REQUESTER)} for one in found if one.get("status") == "draft"]
    resources = [one for one in found if one.get("status") != "draft"]
    resources = [_named(one, chosen) for one in resources]
    resources += _observations(chosen, resources)
    if chosen.has_note_by_url:
        resources = list(_notes_apart(resources))
    return Chart(chosen=chosen, resources=resources, drafts=_to_try(drafts, visit, chosen))


def _with_orders(chosen: Chosen, last: Visit, formulary: Formulary) -> InjectedVisit:
    """The present visit with what is put in and ordered, which come last."""
    made = leave(last, SEED) if chosen.kind is None else inject(last, SEED, [chosen.kind])
    record = made.record
    told = tuple(Diagnosis(label=one, display=one) for one in chosen.diagnoses)
    record = replace(record, diagnoses=(*record.diagnoses, *told))
    for label, written in chosen.orders:
        ingredient = formulary.by_label(label).ingredient
        record = with_order(record, Medication(display=written, ingredients=(ingredient,)))
    return replace(made, record=record)


def _to_try(drafts: Sequence[Resource], visit: InjectedVisit, chosen: Chosen) -> Sequence[Resource]:
    """The orders that the patient is there for; the visit's own where there are no such."""
    added = len(chosen.orders) + sum(one.reference is not None for one in visit.truth)
    return drafts[-added:] if added else drafts


def _shifted(value: Any, days: timedelta, keys: Mapping[str, str]) -> Any:
    """The same with all dates moved, and without dates inside ids."""
    if isinstance(value, dict):
        return {name: _shifted(one, days, keys) for name, one in value.items()}
    if isinstance(value, list):
        return [_shifted(one, days, keys) for one in value]
    if not isinstance(value, str):
        return value
    for dated, plain in keys.items():
        value = value.replace(dated, plain)
    return _DATE.sub(lambda found: (date.fromisoformat(found[0]) + days).isoformat(), value)


def _named(resource: Resource, chosen: Chosen) -> Resource:
    if resource["resourceType"] != "Patient":
        return resource
    given, family = chosen.name.split()
    name = {"use": "official", "text": chosen.name, "family": family, "given": [given]}
    mrn = {"system": MRN, "value": f"MRN-{chosen.number:06}"}
    return resource | {"name": [name], "identifier": [mrn]}


def _observations(chosen: Chosen, chart: Sequence[Resource]) -> list[Resource]:
    """What was measured at the present visit."""
    patient, encounter = first(chart, "Patient"), first(chart, "Encounter")
    shared = {
        "resourceType": "Observation",
        "status": "final",
        "meta": patient["meta"],
        "subject": _to(f"Patient/{patient['id']}"),
        "encounter": _to(f"Encounter/{encounter['id']}"),
        "effectiveDateTime": encounter["period"]["start"],
    }
    return [
        shared | {"id": f"{patient['id']}-o{number}"} | _measured(one)
        for number, one in enumerate(chosen.measured, 1)
    ]


def _measured(one: Measured) -> Resource:
    found: Resource = {
        "category": [{"coding": [{"system": CATEGORY, "code": one.category}]}],
        "code": {
            "coding": [{"system": LOINC, "code": one.loinc, "display": one.display}],
            "text": one.display,
        },
    }
    if one.value is None:
        return found | {"valueCodeableConcept": {"text": one.answer}}
    quantity = {"value": one.value, "unit": one.unit, "system": UCUM}
    return found | {"valueQuantity": quantity | {"code": one.ucum or one.unit}}


def _notes_apart(resources: Sequence[Resource]) -> Iterator[Resource]:
    """The same, with the text of notes in Binaries that the notes point to."""
    for one in resources:
        if one["resourceType"] != "DocumentReference":
            yield one
            continue
        attached = one["content"][0]["attachment"]
        where = {"contentType": attached["contentType"], "url": f"Binary/{one['id']}"}
        yield one | {"content": [{"attachment": where}]}
        yield {
            "resourceType": "Binary",
            "id": one["id"],
            "meta": one["meta"],
            "contentType": attached["contentType"],
            "securityContext": one["subject"],
            "data": attached["data"],
        }


def first(resources: Sequence[Resource], resource_type: str) -> Resource:
    """The first one of a type: of encounters, the present one."""
    return next(one for one in resources if one["resourceType"] == resource_type)


def _to(reference: str) -> Resource:
    return {"reference": reference}
