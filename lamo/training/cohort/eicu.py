"""eICU-CRD: unit stays of many hospitals. Times are minutes from the admission to the unit.

There are no dates but the year of the hospital discharge and times of the day, so the moments of a
visit are nominal: they order what happens within one hospital stay, and nothing else. A unit stay
follows another when both are of one hospital stay, or the other is of an earlier year.
"""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta

from fhir_mappings.formulary import Formulary
from lamo.training.cohort.hospital import Database
from lamo.training.cohort.mimic import cap_age, sex_of, whole_number
from lamo.training.cohort.rules import CohortRules
from lamo.training.cohort.stays import Stay
from lamo.training.cohort.store import StayStore
from lamo.training.cohort.tables import TableFolder
from lamo.training.cohort.titles import TEXT, Code

_NOMINAL_DAY = (1, 1)  # of the year of the discharge: the day of the hospital admission
_ABOVE_89 = 90
_ENTERED = "admission diagnosis|all diagnosis|"
# parts of a treatment's path that say that it is a medication: the answer, not the question
_IS_MEDICATION = re.compile(
    r"medication|antibiotic|antibacterial|antifungal|antiviral|vasopressor|inotrop|sedati"
    r"|analges|anticoag|antiplatelet|thrombolytic|diuretic|steroid|insulin|bronchodilator"
    r"|antihypertens|antiarrhythm|anticonvuls|antiemetic|prophylaxis|blocker|inhibitor|agonist",
    re.IGNORECASE,
)


def _fill(tables: TableFolder, store: StayStore, rules: CohortRules) -> None:
    clock = _Clock()
    store.add("visit", _visits(tables, clock))
    store.add("order", _orders(tables, store, clock))
    store.add("code", _diagnoses(tables, store, clock))
    store.add("code", _admission_diagnoses(tables, store, clock))
    store.add("code", _treatments(tables, store, clock))
    store.add("allergy", _allergies(tables, store, clock))
    store.add("home", _home(tables, store, clock))


class _Clock:
    """When each unit stay began, and so the moment of an offset within it."""

    def __init__(self) -> None:
        self.began: dict[int, datetime] = {}

    def at(self, visit: int | None, minutes: str) -> str | None:
        """The moment of an offset in minutes, as text; None for an unknown stay or no offset."""
        began = self.began.get(visit) if visit is not None else None
        offset = _minutes(minutes)
        return str(began + timedelta(minutes=offset)) if began and offset is not None else None


def _visits(tables: TableFolder, clock: _Clock) -> Iterator[tuple[object, ...]]:
    who = ("patientunitstayid", "patienthealthsystemstayid", "gender", "age", "uniquepid")
    when = ("hospitaldischargeyear", "hospitaladmittime24", "hospitaladmitoffset")
    for row in tables.rows("patient", (*who, *when, "unitdischargeoffset")):
        unit_stay, hospital_stay, gender, age, patient, year, of_day, before, length = row
        visit, began = whole_number(unit_stay), _began(year, of_day, before)
        if visit is None or began is None or not patient:
            tables.tally.drop("unit stays: no id or no year of discharge")
            continue
        clock.began[visit] = began
        times = (str(began), clock.at(visit, length))
        told = (_age(age), sex_of(gender), "icu", year.strip(), hospital_stay)
        yield (visit, patient.strip(), *times, *told)


def _orders(tables: TableFolder, store: StayStore, clock: _Clock) -> Iterator[tuple[object, ...]]:
    columns = ("patientunitstayid", "drugname", "drugorderoffset", "drugordercancelled")
    usable = 0
    for stay, drug, offset, cancelled in tables.rows("medication", columns):
        visit = whole_number(stay)
        if visit is None or not drug.strip() or cancelled.strip().lower() == "yes":
            is_cancelled = cancelled.strip().lower() == "yes"
            tables.tally.drop(f"medication: {'cancelled' if is_cancelled else 'no name'}")
            continue
        usable += 1
        yield visit, store.items.number((drug.strip(), "")), clock.at(visit, offset)
    tables.tally.count("usable rows of medications", usable)


def _diagnoses(
    tables: TableFolder, store: StayStore, clock: _Clock
) -> Iterator[tuple[object, ...]]:
    columns = ("patientunitstayid", "diagnosisstring", "diagnosisoffset")
    for stay, path, offset, codes in tables.rows("diagnosis", columns, ("icd9code",)):
        visit = whole_number(stay)
        if visit is None or not path.strip():
            tables.tally.drop("diagnosis: no stay or no name")
            continue
        number = store.codes.number((TEXT, f"{path.strip()}\t{codes.strip()}"))
        yield visit, "d", number, _minutes(offset), clock.at(visit, offset)


def _admission_diagnoses(
    tables: TableFolder, store: StayStore, clock: _Clock
) -> Iterator[tuple[object, ...]]:
    if not tables.has("admissiondx"):
        return
    columns = ("patientunitstayid", "admitdxpath", "admitdxenteredoffset")
    for stay, path, offset in tables.rows("admissiondx", columns):
        visit = whole_number(stay)
        if visit is None or not path.lower().startswith(_ENTERED):
            tables.tally.drop("admissiondx: not the name of a diagnosis")
            continue
        number = store.codes.number((TEXT, path.strip().rstrip("|")))
        yield visit, "d", number, _minutes(offset), clock.at(visit, offset)


def _treatments(
    tables: TableFolder, store: StayStore, clock: _Clock
) -> Iterator[tuple[object, ...]]:
    """Treatments that are no medications: those would give the answer away."""
    formulary = Formulary.load()
    seen: dict[str, bool] = {}
    columns = ("patientunitstayid", "treatmentstring", "treatmentoffset")
    for stay, path, offset in tables.rows("treatment", columns):
        visit, name = whole_number(stay), path.strip()
        if name not in seen:
            words = name.replace("|", "\n")
            seen[name] = not _IS_MEDICATION.search(words) and not formulary.find_in_text(words)
        if visit is None or not name or not seen[name]:
            tables.tally.drop("treatment: it names a medication, or no stay")
            continue
        number = store.codes.number((TEXT, name))
        yield visit, "p", number, _minutes(offset), clock.at(visit, offset)


def _allergies(
    tables: TableFolder, store: StayStore, clock: _Clock
) -> Iterator[tuple[object, ...]]:
    if not tables.has("allergy"):
        return
    columns = ("patientunitstayid", "allergyname", "allergyenteredoffset")
    for stay, name, offset in tables.rows("allergy", columns):
        visit = whole_number(stay)
        if visit is not None and name.strip():
            number = store.items.number((name.strip(), ""))
            yield visit, number, clock.at(visit, offset)


def _home(tables: TableFolder, store: StayStore, clock: _Clock) -> Iterator[tuple[object, ...]]:
    if not tables.has("admissiondrug"):
        return
    columns = ("patientunitstayid", "drugname", "drugenteredoffset")
    for stay, name, offset in tables.rows("admissiondrug", columns):
        visit = whole_number(stay)
        if visit is not None and name.strip():
            number = store.items.number((name.strip(), ""))
            yield visit, number, clock.at(visit, offset)


def _began(year: str, of_day: str, hospital_offset: str) -> datetime | None:
    """The nominal moment of the admission to the unit."""
    number, before = whole_number(year), _minutes(hospital_offset)
    if number is None or before is None:
        return None
    clock = [whole_number(part) or 0 for part in f"{of_day}:0:0".split(":")[:2]]
    admitted = datetime(number, *_NOMINAL_DAY) + timedelta(hours=clock[0], minutes=clock[1])
    return admitted - timedelta(minutes=before)


def _minutes(text: str) -> int | None:
    plain = text.strip().removesuffix(".0")
    is_number = plain.removeprefix("-").isdigit() and plain.isascii()
    return int(plain) if is_number else None


def _age(text: str) -> int | None:
    plain = text.replace(">", "").strip()
    years = whole_number(plain)
    return _ABOVE_89 if ">" in text else (cap_age(years) if years is not None else None)


def _titles(tables: TableFolder) -> dict[Code, str]:
    return {}  # the names stand in the tables themselves


def _follows(previous: Stay, stay: Stay) -> bool:
    if previous.episode and previous.episode == stay.episode:
        return previous.admitted_at < stay.admitted_at
    return (previous.year_bucket or "") < (stay.year_bucket or "")


EICU = Database(source="eicu", notes_table=None, fill=_fill, titles=_titles, follows=_follows)
