"""Medications continued beyond their usual course, where the dates on record tell it.

The course runs from the earliest start on record of what is taken: of the medication itself, or of
what an order renews. Without a start date nothing is said. A planned end is not read: it is often
only that of the prescription. Stopping may need care of its own: see `taper.py`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from fhir_mappings.record import Fact, Medication, PatientRecord
from medication_safety.condition_groups import ConditionGroups, Recorded, RuleFile
from medication_safety.duplicates import is_same_order
from medication_safety.findings import Finding
from medication_safety.forms import route_of
from medication_safety.older_adults import acts_systemically
from medication_safety.reading import parsed, refuse_unknown, shipped, source_of, version_of
from medication_safety.tables import Name, Row
from medication_safety.wording import short

FILE, TITLE, RULE = "courses.json", "Usual-course table", "usual-course"
Usual = Annotated[str, StringConstraints(min_length=1, max_length=12, strip_whitespace=True)]


class Course(Row):
    """How long some medications are usually taken, and what makes them last longer."""

    id: Name
    drugs: Annotated[tuple[Name, ...], Field(min_length=1)]
    days: Annotated[int, Field(ge=1)]  # the usual course; said when it is exceeded
    usual: Usual  # the same in words
    level: Literal["warning", "info"]  # a warning where the label sets the limit
    basis: Name
    without: tuple[Name, ...]  # none of these conditions, active or past
    without_drugs: tuple[Name, ...]  # none of these beside it
    parenteral: bool  # whether what is injected counts too
    not_if: Name


class CourseFile(RuleFile):
    """`courses.json`."""

    never_with: tuple[Name, ...]  # conditions in which no course is too long
    courses: Annotated[tuple[Course, ...], Field(min_length=1)]


@dataclass(frozen=True, kw_only=True)
class CourseTable:
    """The courses of one version, with their ingredients and condition groups."""

    file: CourseFile
    drugs: Mapping[str, frozenset[str]]  # group to RxNorm codes
    conditions: ConditionGroups
    version: str

    @classmethod
    def load(cls) -> "CourseTable":
        """Read the tables that ship with the package.

        Raises:
            KnowledgeError: a table is missing, cut short, or names a group that is not there.
        """
        return cls.from_bytes(shipped(FILE), ConditionGroups.load())

    @classmethod
    def from_bytes(cls, raw: bytes, conditions: ConditionGroups) -> "CourseTable":
        """Check the bytes of the table; see `load`."""
        file = parsed(CourseFile, FILE, raw)
        drugs, rows = file.codes(), file.courses
        used = {name for row in rows for name in (*row.drugs, *row.without_drugs)}
        refuse_unknown(FILE, used, drugs)
        named = {name for row in rows for name in row.without}
        refuse_unknown(FILE, named | set(file.never_with), conditions.words)
        version = version_of(raw, conditions.version.encode())
        return cls(file=file, drugs=drugs, conditions=conditions, version=version)

    def holds(self, groups: Iterable[str], medication: Medication) -> bool:
        """Whether an ingredient of a medication is in one of the groups."""
        found = [one.rxcui for one in medication.ingredients]
        return any(code in self.drugs[name] for name in groups for code in found)


def findings(
    record: PatientRecord,
    medication: Medication,
    others: Iterable[Medication],
    table: CourseTable,
    recorded: Recorded | None = None,
) -> tuple[Finding, ...]:
    """Find whether a medication is continued beyond its usual course: one finding, or none."""
    rows = [row for row in table.file.courses if table.holds(row.drugs, medication)]
    if not rows or not acts_systemically(medication):
        return ()
    beside = tuple(other for other in others if not is_same_order(medication, other))
    today = record.decided_at.date()
    since = _since(medication, beside, today)
    if since is None or since.started is None:
        return ()
    days = (today - since.started).days
    ever = {*(recorded or table.conditions.recorded(record)).ever}
    found = (
        _finding(row, record, medication, since, table)
        for row in rows
        if days > row.days and not _is_excused(row, medication, beside, ever, table)
    )
    return tuple(found)[:1]


def _since(medication: Medication, beside: Iterable[Medication], today: date) -> Medication | None:
    """The earliest of the same ingredient that is still taken and has a start on record."""
    same = [one for one in beside if set(one.ingredients) & set(medication.ingredients)]
    held = [
        one
        for one in (medication, *same)
        if one.status not in ("draft", "proposed")
        and one.started is not None
        and (one.ended is None or one.ended >= today)
    ]
    return min(held, key=lambda one: one.started or today, default=None)


def _is_excused(
    row: Course,
    medication: Medication,
    beside: Iterable[Medication],
    recorded: set[str],
    table: CourseTable,
) -> bool:
    return (
        bool(recorded & {*row.without, *table.file.never_with})
        or any(table.holds(row.without_drugs, other) for other in beside)
        or (not row.parenteral and route_of(medication.wording) == "parenteral")
    )


def _finding(
    row: Course,
    record: PatientRecord,
    medication: Medication,
    since: Medication,
    table: CourseTable,
) -> Finding:
    days = (record.decided_at.date() - (since.started or date.max)).days
    name = short(medication.display)
    fact = Fact(
        text=f"{since.display}, on record for {days} days",
        reference=since.reference,
        dated=since.started,
    )
    return Finding(
        rule=RULE,
        severity=row.level,
        medication=medication,
        summary=f"Consider reviewing {name}: on record for {days} days; usual: {row.usual}",
        because=(fact,),
        source=source_of(TITLE, table.version, row.basis),
        not_if=row.not_if,
    )
