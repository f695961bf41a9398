"""Prescribing cascades: an order that treats what another current medication may have caused.

A cascade is only supposed where no other reason is on record and where the dates allow it: the
first medication was not started after the second. Two that are ordered together are none.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from fhir_mappings.record import Diagnosis, Fact, Ingredient, Medication, PatientRecord
from medication_safety.condition_groups import ConditionGroups, Recorded, RuleFile
from medication_safety.duplicates import is_same_order
from medication_safety.findings import Finding
from medication_safety.older_adults import acts_systemically
from medication_safety.reading import parsed, refuse_unknown, shipped, source_of, version_of
from medication_safety.tables import Name, Row

FILE, TITLE, RULE = "cascades.json", "Cascade table", "cascade"
NAME_LIMIT = 27  # so that two names and an effect stay under 110 characters
NEW = ("draft", "proposed")
Effect = Annotated[str, StringConstraints(min_length=1, max_length=24, strip_whitespace=True)]
Groups = Annotated[tuple[Name, ...], Field(min_length=1)]


class Cascade(Row):
    """A medication, what it may cause, and what is then given for it."""

    id: Name
    first: Groups
    effect: Effect
    second: Groups
    level: Literal["warning", "info"]
    basis: Name
    reasons: tuple[Name, ...]  # conditions, active or past, for which the second is given anyhow
    earlier_reasons: tuple[Name, ...]  # the same, where not recorded after the first was started
    not_if: Name


class CascadeFile(RuleFile):
    """`cascades.json`."""

    cascades: Annotated[tuple[Cascade, ...], Field(min_length=1)]


@dataclass(frozen=True, kw_only=True)
class CascadeTable:
    """The cascades of one version, with their ingredients and condition groups."""

    cascades: tuple[Cascade, ...]
    drugs: Mapping[str, frozenset[str]]  # group to RxNorm codes
    conditions: ConditionGroups
    version: str

    @classmethod
    def load(cls) -> "CascadeTable":
        """Read the tables that ship with the package.

        Raises:
            KnowledgeError: a table is missing, cut short, or names a group that is not there.
        """
        return cls.from_bytes(shipped(FILE), ConditionGroups.load())

    @classmethod
    def from_bytes(cls, raw: bytes, conditions: ConditionGroups) -> "CascadeTable":
        """Check the bytes of the table; see `load`."""
        file = parsed(CascadeFile, FILE, raw)
        drugs, rows = file.codes(), file.cascades
        refuse_unknown(FILE, {name for row in rows for name in (*row.first, *row.second)}, drugs)
        reasons = {name for row in rows for name in (*row.reasons, *row.earlier_reasons)}
        refuse_unknown(FILE, reasons, conditions.words)
        version = version_of(raw, conditions.version.encode())
        return cls(cascades=rows, drugs=drugs, conditions=conditions, version=version)

    def member(self, groups: Iterable[str], medication: Medication) -> Ingredient | None:
        """The first ingredient of a medication that is in one of the groups."""
        names = tuple(groups)
        members = (
            one for one in medication.ingredients for n in names if one.rxcui in self.drugs[n]
        )
        return next(members, None)


def findings(
    record: PatientRecord,
    medication: Medication,
    others: Iterable[Medication],
    table: CascadeTable,
    recorded: Recorded | None = None,
) -> tuple[Finding, ...]:
    """Find what a medication may be treating: at most one finding, the strongest."""
    rows = [row for row in table.cascades if table.member(row.second, medication)]
    if not rows or not acts_systemically(medication):
        return ()
    beside = [
        other
        for other in others
        if acts_systemically(other) and not is_same_order(medication, other)
    ]
    ever = (recorded or table.conditions.recorded(record)).ever
    found = [
        _finding(row, medication, causes, table)
        for row in rows
        if (causes := _causes(row, medication, beside, ever, table))
    ]
    return tuple(sorted(found, key=lambda one: one.severity != "warning")[:1])


def _causes(
    row: Cascade,
    medication: Medication,
    beside: Sequence[Medication],
    recorded: Mapping[str, Diagnosis],
    table: CascadeTable,
) -> tuple[Medication, ...]:
    """The medications that may have caused what the second treats; none with another reason."""
    if any(name in recorded for name in row.reasons):
        return ()
    return tuple(
        other
        for other in beside
        if table.member(row.first, other)
        and _dates_allow(other, medication, beside)
        and not any(_was_before(recorded.get(name), other) for name in row.earlier_reasons)
    )


def _dates_allow(first: Medication, second: Medication, beside: Iterable[Medication]) -> bool:
    """Whether the first was not started after the second, as far as the record tells.

    An order without an earlier one of its ingredient starts now, after all that is taken. For
    what is already taken, both dates must be known.
    """
    if first.status in NEW:
        return False
    same = [other for other in beside if set(other.ingredients) & set(second.ingredients)]
    held = [one for one in (second, *same) if one.status not in NEW]
    if not held:
        return second.started is None or first.started is None or first.started <= second.started
    dates = [one.started for one in held]
    known = [day for day in dates if day is not None]
    return first.started is not None and len(known) == len(dates) and first.started <= min(known)


def _was_before(diagnosis: Diagnosis | None, first: Medication) -> bool:
    """Whether a condition is on record, and not only since the first medication was started."""
    if diagnosis is None:
        return False
    return (diagnosis.dated or date.min) < (first.started or date.max)


def _finding(
    row: Cascade, medication: Medication, causes: Sequence[Medication], table: CascadeTable
) -> Finding:
    second, first = table.member(row.second, medication), table.member(row.first, causes[0])
    return Finding(
        rule=RULE,
        severity=row.level,
        medication=medication,
        summary=f"Consider whether {_name(second)} treats {row.effect} from {_name(first)}",
        because=tuple(_fact(row, one) for one in causes),
        source=source_of(TITLE, table.version, row.basis),
        not_if=row.not_if,
    )


def _fact(row: Cascade, cause: Medication) -> Fact:
    text = f"{cause.display} (may cause {row.effect})"
    return Fact(text=text, reference=cause.reference, dated=cause.started)


def _name(ingredient: Ingredient | None) -> str:
    label = ingredient.label if ingredient else "it"
    return label if len(label) <= NAME_LIMIT else label[: NAME_LIMIT - 1].rstrip() + "…"
