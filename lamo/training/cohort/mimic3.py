"""MIMIC-III: the database of LAMO. Its dates are shifted per patient."""

from collections.abc import Iterator

from lamo.training.cohort.hospital import Database
from lamo.training.cohort.joined import ADMISSION_NOTE, DISCHARGE_SUMMARY, moment
from lamo.training.cohort.mimic import cap_age, note_rows, order_rows, sex_of, whole_number
from lamo.training.cohort.rules import CohortRules
from lamo.training.cohort.stays import always_follows
from lamo.training.cohort.store import StayStore
from lamo.training.cohort.tables import TableFolder
from lamo.training.cohort.titles import DIAGNOSIS_SYSTEMS, PROCEDURE_SYSTEMS, Code

_NOTES = "noteevents"
_CODES = (
    ("d", "diagnoses_icd", DIAGNOSIS_SYSTEMS["9"], "d_icd_diagnoses"),
    ("p", "procedures_icd", PROCEDURE_SYSTEMS["9"], "d_icd_procedures"),
)


def _fill(tables: TableFolder, store: StayStore, rules: CohortRules) -> None:
    store.add("visit", _visits(tables))
    store.add("order", order_rows(tables, store, rules, "startdate"))
    for kind, table, system, _ in _CODES:
        store.add("code", _codes(tables, store, (kind, table, system)))
    if rules.notes != "none":
        store.add("note", _notes(tables, rules.knowledge == "first-order"))


def _visits(tables: TableFolder) -> Iterator[tuple[object, ...]]:
    people = {
        subject: (sex_of(gender), moment(dob))
        for subject, gender, dob in tables.rows("patients", ("subject_id", "gender", "dob"))
    }
    columns = ("subject_id", "hadm_id", "admittime", "dischtime")
    for subject, hadm, admitted, discharged in tables.rows("admissions", columns):
        visit, patient, at = whole_number(hadm), whole_number(subject), moment(admitted)
        if visit is None or patient is None or at is None:
            tables.tally.drop("admissions: no id or no time")
            continue
        sex, born = people.get(subject, (None, None))
        age = cap_age(at.year - born.year) if born else None  # difference of years, as LAMO
        yield visit, patient, admitted, discharged or None, age, sex, "inpatient", None, None


def _codes(
    tables: TableFolder, store: StayStore, kind_of: tuple[str, str, str]
) -> Iterator[tuple[object, ...]]:
    """Codes are given after discharge and have no time of their own."""
    kind, table, system = kind_of
    for hadm, sequence, code in tables.rows(table, ("hadm_id", "seq_num", "icd9_code")):
        visit = whole_number(hadm)
        if visit is None or not code.strip():
            tables.tally.drop("codes: no admission or no code")
            continue
        number = store.codes.number((system, code.strip()))
        yield visit, kind, number, whole_number(sequence), None


def _notes(tables: TableFolder, with_early: bool) -> Iterator[tuple[object, ...]]:
    """Discharge summaries (their addenda are none), and physicians' notes on admission if asked."""
    columns = ("hadm_id", "chartdate", "category", "description", "text")
    for row in note_rows(tables, _NOTES, (columns, ("charttime", "storetime", "iserror"))):
        hadm, day, category, description, text, charted, stored, error = row
        kind = _kind(category.strip().lower(), description.strip().lower(), with_early)
        visit = whole_number(hadm)
        if kind is None or visit is None:
            reason = "of another kind" if visit is not None else "no admission"
            tables.tally.drop(f"notes: {reason}")
        elif error.strip().startswith("1"):
            tables.tally.drop("notes: marked as an error")
        else:
            yield visit, stored or charted or f"{day[:10]} 23:59:59", kind, text


def _kind(category: str, description: str, with_early: bool) -> str | None:
    if category == "discharge summary":
        return DISCHARGE_SUMMARY if description == "report" else None
    is_admission = "admission" in description or "h&p" in description
    return ADMISSION_NOTE if with_early and category == "physician" and is_admission else None


def _titles(tables: TableFolder) -> dict[Code, str]:
    return {
        (system, code.strip()): title
        for _, _, system, table in _CODES
        for code, title in tables.rows(table, ("icd9_code", "long_title"))
    }


MIMIC3 = Database(
    source="mimic3", notes_table=_NOTES, fill=_fill, titles=_titles, follows=always_follows
)
