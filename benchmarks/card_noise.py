"""How often each kind of card fires, beside naive rules: outpatient calls and inpatient calls.

    LAMO_TEST_DATA=FOLDER python -m benchmarks.card_noise

Outpatient: each Synthea patient's chart is opened on the day of the latest order (or visit), with
what was on record until then; and the order, where there is one, is signed again. Inpatient: for
each admission of the MIMIC-III demo that has prescriptions, three of its orders (drawn once, by a
fixed seed) are signed on the day on which they started. Naive rules flag every two medications of
one class or of an interaction pair of any strength, and every medication of the older-adult table
at 65 and over, on the whole list.
"""

import csv
import gzip
import json
import os
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from functools import partial
from itertools import combinations
from pathlib import Path
from random import Random
from typing import Any
from uuid import uuid4

import click

from benchmarks.calls import opened
from cds_service.decision import decide
from cds_service.hooks.discovery import PREFETCH, find_service
from cds_service.hooks.request import HookRequest
from cds_service.settings import Settings
from cds_service.tools import Tools
from fhir_mappings.inputs import HookResources
from fhir_mappings.mapping import map_record
from fhir_mappings.record import Medication, PatientRecord
from lamo.deadline import Deadline
from medication_safety.duplicates import shared_class, still_taken
from tests.calls import new_call

Json = dict[str, Any]

SEED = 20_261_125
ORDERS_EACH = 3  # of an admission
TARGETS = {"warning": 0.15, "critical": 0.02}  # of outpatient calls
MOST_CARDS = 1.5  # a call, on average
KEY_OF_TYPE = {
    "Condition": "conditions",
    "Procedure": "procedures",
    "DocumentReference": "documents",
    "AllergyIntolerance": "allergies",
    "MedicationStatement": "statements",
    "Encounter": "encounters",
    "Observation": "labs",
}
DATES = ("authoredOn", "recordedDate", "onsetDateTime", "effectiveDateTime", "date")


@dataclass
class Tally:
    """What the calls of one setting led to."""

    calls: int = 0
    cards: int = 0
    with_any: int = 0
    with_level: Counter[str] = field(default_factory=Counter)
    with_topic: Counter[str] = field(default_factory=Counter)
    naive: int = 0
    naive_alerts: int = 0

    def add(self, cards: Iterable[Mapping[str, Any]], alerts: int) -> None:
        """Count one call."""
        found = list(cards)
        self.calls += 1
        self.cards += len(found)
        self.with_any += bool(found)
        self.with_level.update({card["indicator"] for card in found})
        self.with_topic.update(
            {f"{card['source']['topic']['code']} {card['indicator']}" for card in found}
        )
        self.naive += bool(alerts)
        self.naive_alerts += alerts


@dataclass(frozen=True)
class Call:
    """One hook call, and the moment at which it is made."""

    hook: str
    patient_id: str
    prefetch: Json
    orders: tuple[Json, ...]
    moment: datetime
    encounter_id: str | None = None

    @property
    def body(self) -> Json:
        """As a client sends it."""
        context: Json = {"userId": "Practitioner/d1", "patientId": self.patient_id}
        if self.encounter_id:
            context["encounterId"] = self.encounter_id
        if self.orders:
            context["draftOrders"] = bundle(self.orders)
        return {
            "hook": self.hook,
            "hookInstance": str(uuid4()),
            "context": context,
            "prefetch": self.prefetch,
        }


def bundle(resources: Iterable[Json]) -> Json:
    """A Bundle as a search answers."""
    entries = [{"resource": one} for one in resources]
    return {"resourceType": "Bundle", "type": "searchset", "entry": entries}


def prefetch_of(resources: Iterable[Json]) -> Json:
    """Resources under the keys that our discovery asks for."""
    by_key: dict[str, list[Json]] = {wanted.key: [] for wanted in PREFETCH}
    patient: Json = {}
    for one in resources:
        kind = one["resourceType"]
        if kind == "Patient":
            patient = one
        elif kind == "MedicationRequest":
            is_active = one.get("status") == "active"
            by_key["medications" if is_active else "past_medications"].append(one)
        elif kind == "Observation" and "laboratory" not in str(one.get("category")):
            continue
        elif kind in KEY_OF_TYPE:
            by_key[KEY_OF_TYPE[kind]].append(one)
    newest = sorted(by_key["labs"], key=lambda one: str(one.get("effectiveDateTime")))
    by_key["labs"] = newest[-100:]
    return {key: bundle(found) for key, found in by_key.items()} | {"patient": patient}


def outpatient_calls(folder: Path) -> Iterator[Call]:
    """Each Synthea patient's chart opened, and the latest order signed of who has one."""
    with gzip.open(folder / "fhir" / "synthea" / "bundles.ndjson.gz", "rt") as lines:
        for line in lines:
            resources = [entry["resource"] for entry in json.loads(line)["entry"]]
            patient = next(one for one in resources if one["resourceType"] == "Patient")
            orders = [one for one in resources if one["resourceType"] == "MedicationRequest"]
            latest = max(orders, key=lambda one: str(one.get("authoredOn")), default=None)
            moment = latest_visit(resources)
            if latest is not None:
                moment = datetime.fromisoformat(latest["authoredOn"]).astimezone(UTC)
            before = [one for one in resources if one is not latest and _day(one) <= moment.date()]
            prefetch = prefetch_of(before)
            yield Call("patient-view", patient["id"], prefetch, (), moment)
            if latest is not None:
                draft = latest | {"id": "draft-1", "status": "draft"}
                yield Call("order-sign", patient["id"], prefetch, (draft,), moment)


def latest_visit(resources: Iterable[Json]) -> datetime:
    """When the last encounter of a chart began."""
    visits = (one["period"]["start"] for one in resources if one["resourceType"] == "Encounter")
    return datetime.fromisoformat(max(visits)).astimezone(UTC)


def inpatient_calls(folder: Path) -> Iterator[Call]:
    """Three orders of each admission that has prescriptions."""
    tables = {name: _rows(folder / "mimic3demo" / f"{name}.csv.gz") for name in TABLES}
    people = {row["subject_id"]: row for row in tables["PATIENTS"]}
    problems, orders, stays = defaultdict(list), defaultdict(list), defaultdict(list)
    titles = {row["icd9_code"]: row["long_title"] for row in tables["D_ICD_DIAGNOSES"]}
    for row in tables["DIAGNOSES_ICD"]:
        problems[row["hadm_id"]].append(row)
    for row in tables["PRESCRIPTIONS"]:
        if row["drug_type"] == "MAIN" and row["startdate"]:
            orders[row["hadm_id"]].append(row)
    for row in tables["ICUSTAYS"]:
        stays[row["hadm_id"]].append(row)
    rng = Random(SEED)
    for admission in tables["ADMISSIONS"]:
        key = admission["hadm_id"]
        for chosen in rng.sample(orders[key], min(ORDERS_EACH, len(orders[key]))):
            moment = datetime.fromisoformat(chosen["startdate"]).replace(hour=12, tzinfo=UTC)
            resources = [
                _patient(people[admission["subject_id"]]),
                *(_condition(row, titles) for row in problems[key] if row["icd9_code"]),
                *(_request(row) for row in orders[key] if row is not chosen and _runs(row, moment)),
                _encounter(admission, stays[key], moment),
            ]
            draft = _request(chosen) | {"id": "draft-1", "status": "draft"}
            patient, prefetch = admission["subject_id"], prefetch_of(resources)
            yield Call("order-sign", patient, prefetch, (draft,), moment, key)


TABLES = (
    "PATIENTS", "ADMISSIONS", "DIAGNOSES_ICD", "D_ICD_DIAGNOSES", "PRESCRIPTIONS", "ICUSTAYS"
)  # fmt: skip


def _rows(path: Path) -> list[dict[str, str]]:
    with gzip.open(path, "rt", newline="") as lines:
        return list(csv.DictReader(lines))


def _day(resource: Json) -> date:
    period = resource.get("period") or resource.get("performedPeriod") or {}
    found = next((resource[name] for name in DATES if name in resource), period.get("start"))
    return date.fromisoformat(str(found)[:10]) if found else date.min


def _runs(row: Mapping[str, str], moment: datetime) -> bool:
    """Whether an order had begun before the day and was not over on it."""
    start, end = row["startdate"][:10], (row["enddate"] or row["startdate"])[:10]
    today = moment.date().isoformat()
    return start <= today < end


def _patient(row: Mapping[str, str]) -> Json:
    return {
        "resourceType": "Patient",
        "id": row["subject_id"],
        "gender": {"F": "female", "M": "male"}[row["gender"]],
        "birthDate": row["dob"][:10],
    }


def _condition(row: Mapping[str, str], titles: Mapping[str, str]) -> Json:
    code = row["icd9_code"]
    coding = {"system": "http://hl7.org/fhir/sid/icd-9-cm", "code": code}
    return {
        "resourceType": "Condition",
        "id": f"c{row['row_id']}",
        "clinicalStatus": {"coding": [{"code": "active"}]},
        "code": {"coding": [coding], "text": titles.get(code, code)},
        "subject": {"reference": f"Patient/{row['subject_id']}"},
    }


def _request(row: Mapping[str, str]) -> Json:
    words = (row["drug"], row["prod_strength"], row["route"])
    return {
        "resourceType": "MedicationRequest",
        "id": f"m{row['row_id']}",
        "status": "active",
        "intent": "order",
        "medicationCodeableConcept": {"text": " ".join(word for word in words if word)},
        "subject": {"reference": f"Patient/{row['subject_id']}"},
        "authoredOn": row["startdate"][:10],
        "dispenseRequest": {"validityPeriod": {"end": (row["enddate"] or row["startdate"])[:10]}},
    }


def _encounter(
    admission: Mapping[str, str], stays: Iterable[Mapping[str, str]], moment: datetime
) -> Json:
    today = moment.date().isoformat()
    is_icu = any(one["intime"][:10] <= today <= (one["outtime"] or "9999")[:10] for one in stays)
    ward = [{"location": {"display": "Medical intensive care unit"}}] if is_icu else []
    return {
        "resourceType": "Encounter",
        "id": admission["hadm_id"],
        "status": "in-progress",
        "class": {"code": "IMP"},
        "subject": {"reference": f"Patient/{admission['subject_id']}"},
        "period": {"start": admission["admittime"].replace(" ", "T") + "Z"},
        "location": ward,
    }


def naive_alerts(record: PatientRecord, tools: Tools) -> int:
    """How many alerts rules without exceptions, routes and conditions would give on the list."""
    taken = [*still_taken(record.current, record.decided_at.date()), *record.ordered]
    alerts = sum(_is_flagged(one, other, tools) for one, other in combinations(taken, 2))
    if record.age is not None and record.age >= 65:
        table = tools.rulebook.older_adults
        alerts += sum(table.holds(table.drugs, one) for one in taken)
    return alerts


def _is_flagged(one: Medication, other: Medication, tools: Tools) -> bool:
    pairs = [(a, b) for a in one.ingredients for b in other.ingredients]
    return any(
        a.rxcui == b.rxcui
        or (a.rxcui, b.rxcui) in tools.rulebook.interactions.pairs
        or shared_class(a, b, tools.rulebook.knowledge)
        for a, b in pairs
    )


def tallied(calls: Iterable[Call], tools: Tools) -> dict[str, Tally]:
    """Each call decided at its own moment, by hook."""
    found: dict[str, Tally] = defaultdict(Tally)
    for call in calls:
        then = replace(tools, clock=partial(datetime.fromtimestamp, call.moment.timestamp(), UTC))
        request = HookRequest.from_json(find_service(f"lamo-{call.hook}"), call.body)
        cards = decide(request, new_call(Deadline.after_ms(tools.settings.deadline_ms)), then)
        resources = {
            key: tuple(entry["resource"] for entry in value.get("entry", ()))
            if value.get("resourceType") == "Bundle"
            else (value,)
            for key, value in call.prefetch.items()
        }
        record, _ = map_record(
            HookResources(
                patient_id=call.patient_id,
                encounter_id=call.encounter_id,
                decided_at=call.moment,
                prefetched=resources,
                draft_orders=list(call.orders),
                orders_are_final=True,
            ),
            tools.tables,
        )
        found[call.hook].add(cards, naive_alerts(record, tools))
    return found


def _print(title: str, tally: Tally) -> None:
    share = {name: count / tally.calls for name, count in tally.with_level.items()}
    click.echo(
        f"{title:<28}{tally.calls:>6}{tally.with_any / tally.calls:>9.1%}"
        f"{share.get('warning', 0):>9.1%}{share.get('critical', 0):>9.1%}"
        f"{tally.cards / tally.calls:>8.2f}{tally.naive / tally.calls:>9.1%}"
        f"{tally.naive_alerts / tally.calls:>8.2f}"
    )
    for topic, count in tally.with_topic.most_common():
        click.echo(f"    {topic:<34}{count / tally.calls:.1%}")


@click.command()
@click.option("--patients", default=0, help="Outpatient calls at most; 0: all.")
def main(patients: int) -> None:
    """Print the table."""
    folder = Path(os.environ["LAMO_TEST_DATA"]) / "data"
    click.echo(
        f"{'':<28}{'calls':>6}{'any':>9}{'warning':>9}{'critical':>9}{'cards':>8}"
        f"{'naive':>9}{'alerts':>8}"
    )
    with tempfile.TemporaryDirectory() as var:
        settings = Settings(var_dir=Path(var), deadline_ms=60_000)
        with opened(settings) as house:
            outside = list(outpatient_calls(folder))[: patients or None]
            for hook, tally in tallied(outside, house.tools).items():
                _print(f"outpatient {hook}", tally)
            for hook, tally in tallied(inpatient_calls(folder), house.tools).items():
                _print(f"inpatient {hook}", tally)
    click.echo(
        f"\nwanted of outpatient calls: warning at most {TARGETS['warning']:.0%}, critical at most "
        f"{TARGETS['critical']:.0%}, {MOST_CARDS} cards a call; naive rules on the whole stay flag "
        "83 % of the demo's admissions"
    )


if __name__ == "__main__":
    main()
