"""MIMIC-IV: its hosp and note modules. Dates are shifted; a group of real years is given."""

from collections.abc import Iterator
from typing import NamedTuple

from fhir_mappings.record import Sex
from lamo.training.cohort.hospital import Database
from lamo.training.cohort.joined import DISCHARGE_SUMMARY, moment
from lamo.training.cohort.mimic import cap_age, note_rows, order_rows, sex_of, whole_number
from lamo.training.cohort.rules import CohortRules
from lamo.training.cohort.stays import ended_before
from lamo.training.cohort.store import StayStore
from lamo.training.cohort.tables import TableFolder
from lamo.training.cohort.titles import DIAGNOSIS_SYSTEMS, PROCEDURE_SYSTEMS, Code

_NOTES = "discharge"
_CODES = (
    ("d", "diagnoses_icd", DIAGNOSIS_SYSTEMS, "d_icd_diagnoses"),
    ("p", "procedures_icd", PROCEDURE_SYSTEMS, "d_icd_procedures"),
)


class _Person(NamedTuple):
    sex: Sex | None
    age: int | None  # in the anchor year
    year: int | None  # the anchor year
    bucket: str | None


def _fill(tables: TableFolder, store: StayStore, rules: CohortRules) -> None:
    store.add("visit", _visits(tables))
    store.add("order", order_rows(tables, store, rules, "starttime"))
    for kind, table, systems, _ in _CODES:
        store.add("code", _codes(tables, store, (kind, table), systems))
    if rules.notes != "none":
        store.add("note", _notes(tables))


def _visits(tables: TableFolder) -> Iterator[tuple[object, ...]]:
    columns = ("subject_id", "gender", "anchor_age", "anchor_year", "anchor_year_group")
    people = {
        subject: _Person(sex_of(gender), whole_number(age), whole_number(year), group or None)
        for subject, gender, age, year, group in tables.rows("patients", columns)
    }
    unknown = _Person(None, None, None, None)
    wanted = ("subject_id", "hadm_id", "admittime", "dischtime")
    for subject, hadm, admitted, discharged in tables.rows("admissions", wanted):
        visit, patient, at = whole_number(hadm), whole_number(subject), moment(admitted)
        if visit is None or patient is None or at is None:
            tables.tally.drop("admissions: no id or no time")
            continue
        person = people.get(subject, unknown)
        age = _age(person, at.year)
        where = (age, person.sex, "inpatient", person.bucket, None)
        yield (visit, patient, admitted, discharged or None, *where)


def _age(person: _Person, year: int) -> int | None:
    if person.age is None or person.year is None:
        return None
    return cap_age(person.age + year - person.year)


def _codes(
    tables: TableFolder, store: StayStore, kind_of: tuple[str, str], systems: dict[str, str]
) -> Iterator[tuple[object, ...]]:
    """Diagnoses are coded after discharge; procedures have a day, known by the end of it."""
    kind, table = kind_of
    columns = ("hadm_id", "seq_num", "icd_code", "icd_version")
    for hadm, sequence, code, version, day in tables.rows(table, columns, ("chartdate",)):
        visit, system = whole_number(hadm), systems.get(version.strip())
        if visit is None or system is None or not code.strip():
            tables.tally.drop("codes: no admission, no code or no ICD version")
            continue
        number = store.codes.number((system, code.strip()))
        known_at = f"{day[:10]} 23:59:59" if day else None
        yield visit, kind, number, whole_number(sequence), known_at


def _notes(tables: TableFolder) -> Iterator[tuple[object, ...]]:
    """Discharge summaries; the addenda (note type AD) are not read."""
    columns = ("hadm_id", "charttime", "text")
    for row in note_rows(tables, _NOTES, (columns, ("storetime", "note_type"))):
        hadm, charted, text, stored, note_type = row
        visit = whole_number(hadm)
        if visit is None or note_type.strip().upper() == "AD":
            tables.tally.drop("notes: no admission" if visit is None else "notes: an addendum")
        else:
            yield visit, stored or charted or None, DISCHARGE_SUMMARY, text


def _titles(tables: TableFolder) -> dict[Code, str]:
    return {
        (systems[version.strip()], code.strip()): title
        for _, _, systems, table in _CODES
        for code, version, title in tables.rows(table, ("icd_code", "icd_version", "long_title"))
        if version.strip() in systems
    }


MIMIC4 = Database(
    source="mimic4", notes_table=_NOTES, fill=_fill, titles=_titles, follows=ended_before
)
