"""Kidney, liver and potassium against one medication: the newest laboratory values, units checked.

A value counts when it is dated, not older than its table says, in a unit that we know, and of a
possible size. Anything else is no finding and hides no older value that counts; `unread_labs` says
which value could not be compared.
The estimate holds for steady kidney function only, and doses are not read: findings ask.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Literal

from pydantic import Field

from fhir_mappings.formulary import Formulary
from fhir_mappings.record import Gap, Medication, PatientRecord
from medication_safety.findings import Finding
from medication_safety.group_rules import (
    GroupRule,
    Groups,
    acts_in_body,
    by_ingredient,
    codes_of,
    rules_of,
)
from medication_safety.labs import Analyte, Lab, Limit, lab_of, readable, why_unread
from medication_safety.reading import parsed, refuse_unknown, shipped, source_of, version_of
from medication_safety.tables import Name, Row
from medication_safety.wording import short

TABLE = "organ_function.json"


class OrganRule(GroupRule):
    """A group of medications that a laboratory value speaks against."""

    rule: Literal["renal", "hepatic", "potassium"]
    severity: Literal["warning", "info"]
    any_of: Annotated[tuple[Limit, ...], Field(min_length=1)]


class OrganRules(Row):
    """`organ_function.json`."""

    status: Name
    analytes: Annotated[dict[Name, Analyte], Field(min_length=1)]
    groups: Groups
    rules: Annotated[tuple[OrganRule, ...], Field(min_length=1)]


@dataclass(frozen=True, kw_only=True)
class OrganTable:
    """The table, by ingredient."""

    analytes: Mapping[str, Analyte]
    groups: Mapping[str, frozenset[str]]  # group name to RxNorm codes
    rules: Mapping[str, tuple[OrganRule, ...]]  # RxNorm code to its rules, the strongest first
    version: str  # "draft 1a2b3c4d5e6f"

    @classmethod
    def load(cls, formulary: Formulary | None = None) -> "OrganTable":
        """Read the table that the package ships.

        Raises:
            KnowledgeError: it is missing, cut short, or names a group or analyte it does not have.
        """
        return cls.from_bytes(shipped(TABLE), formulary or Formulary.load())

    @classmethod
    def from_bytes(cls, data: bytes, formulary: Formulary) -> "OrganTable":
        """Check the bytes of the table; see `load`."""
        table = parsed(OrganRules, TABLE, data)
        groups = codes_of(table.groups)
        limits = [limit for rule in table.rules for limit in rule.any_of]
        named = {rule.group for rule in table.rules} | {one.unless for one in limits if one.unless}
        refuse_unknown(TABLE, named, groups)
        refuse_unknown(TABLE, {limit.analyte for limit in limits}, table.analytes)
        return cls(
            analytes=table.analytes,
            groups=groups,
            rules=by_ingredient(table.rules, groups),
            version=version_of(formulary.version.encode(), data),
        )


def organ_findings(
    record: PatientRecord, medication: Medication, others: Iterable[Medication], table: OrganTable
) -> tuple[Finding, ...]:
    """Find what kidney, liver and potassium say against one medication: one of each at most."""
    held = {one.rxcui for other in others for one in other.ingredients}
    held |= {one.rxcui for one in record.on_list()}
    found: dict[str, Finding] = {}
    for code, rule in rules_of(medication, table.rules):
        labs = () if rule.rule in found else tuple(_broken(record, rule, held, table))
        if labs and acts_in_body(medication, code, frozenset()):
            found[rule.rule] = _finding(medication, rule, labs, table)
    return tuple(found.values())


def unread_labs(record: PatientRecord, table: OrganTable) -> tuple[Gap, ...]:
    """The recent values that rules needed and that could not be compared, and why.

    Shown for the orders; for what is taken already they are recorded.
    """
    found: dict[str, Gap] = {}
    for medications, shown in ((record.ordered, True), (record.current, False)):
        rules = {rule for one in medications for _, rule in rules_of(one, table.rules)}
        keys = {limit.analyte for rule in rules for limit in rule.any_of}
        for key in sorted(keys):
            for gap in _unread(record, key, table, shown=shown):
                found.setdefault(gap.meaning, gap)
    return tuple(found.values())


def _unread(record: PatientRecord, key: str, table: OrganTable, *, shown: bool) -> Iterator[Gap]:
    """What of an analyte cannot be read, where nothing of it can or what can be read is older."""
    compared = lab_of(record, key, table.analytes)
    for one in (key, "creatinine") if key == "egfr" else (key,):
        analyte = table.analytes[one]
        unread = why_unread(record, analyte, compared or readable(record, analyte))
        if unread is not None:
            observation, reason = unread
            older = " newer than the value used" if compared else ""
            yield Gap(
                kind="lab-not-compared",
                where=observation.reference or "labs",
                meaning=f"{analyte.name}{older} was not compared: {reason}",
                shown=shown,
            )


def _broken(
    record: PatientRecord, rule: OrganRule, held: set[str], table: OrganTable
) -> Iterator[Lab]:
    """The values that are beyond a limit of the rule."""
    for limit in rule.any_of:
        if limit.unless and not held.isdisjoint(table.groups[limit.unless]):
            continue
        lab = lab_of(record, limit.analyte, table.analytes)
        if lab is not None and lab.breaks(limit):
            yield lab


def _finding(
    medication: Medication, rule: OrganRule, labs: tuple[Lab, ...], table: OrganTable
) -> Finding:
    first, *rest = (lab.fact for lab in labs)
    return Finding(
        rule=rule.rule,
        severity=rule.severity,
        medication=medication,
        summary=f"Consider {rule.advice} {short(medication.display)}: {labs[0].words}",
        because=(replace(first, text=f"{first.text}; {rule.why}"), *rest),
        source=source_of("Organ function table", table.version, rule.source),
        not_if=rule.not_if,
    )
