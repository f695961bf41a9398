"""Medications that are potentially inappropriate at 65 and over.

A warning only where a recorded condition makes it so; age and drug alone are worth an info. Rules
that need a dose, a form or a new start are silent where the record does not show it. How long a
medication is taken is the business of `courses.py`; pairs are the business of the interactions.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from fhir_mappings.record import Diagnosis, Fact, Medication, PatientRecord
from medication_safety.condition_groups import ConditionGroups, Recorded, RuleFile
from medication_safety.duplicates import is_same_order
from medication_safety.findings import Finding, Severity
from medication_safety.forms import is_extended_release, is_flush, is_local, route_of
from medication_safety.reading import parsed, refuse_unknown, shipped, source_of, version_of
from medication_safety.tables import Name, Row
from medication_safety.wording import short

FILE, TITLE, RULE = "older_adults.json", "Older-adult table", "older-adult"
OLDEST = 90  # the record says 90 for all above
Why = Annotated[str, StringConstraints(min_length=1, max_length=40, strip_whitespace=True)]
Drugs = Annotated[tuple[Name, ...], Field(min_length=1)]
Form = Literal["any", "not-parenteral", "oral", "immediate-release"]

_RECTAL = re.compile(r"\b(?:rectal|suppositor\w*|enema)\b", re.I)
_STRENGTH = re.compile(r"(\d*\.?\d+) ?(mg|mcg|ug|microgram)s?\b(?! ?/)", re.I)


class Rule(Row):
    """One medication group that is potentially inappropriate, and when."""

    id: Name
    family: Name  # of rules of which the strongest speaks for a medication
    level: Literal["warning", "info"]
    basis: Name
    drugs: Drugs
    why: Why
    not_if: Name
    conditions: tuple[Name, ...] = ()  # one of them active; empty: at this age anyhow
    without: tuple[Name, ...] = ()  # none of these conditions, active or past
    without_drugs: tuple[Name, ...] = ()  # none of these beside it
    form: Form = "any"
    any_route: bool = False  # True: it acts in the body from the eye or the skin as well
    over_mg: float | None = None  # only where the wording shows a strength above it
    new_start: bool = False  # only where it is being ordered and not yet taken

    @model_validator(mode="after")
    def _warns_of_a_condition(self) -> "Rule":
        if self.level == "warning" and not self.conditions:
            raise ValueError(f"{self.id} is a warning and names no condition that makes it so")
        return self


class Count(Row):
    """Several medications of some groups together."""

    id: Name
    basis: Name
    at_least: Annotated[int, Field(ge=2)]
    drugs: Drugs
    why: Name
    not_if: Name


class OlderAdultFile(RuleFile):
    """`older_adults.json`."""

    min_age: Annotated[int, Field(ge=1)]
    never_with: tuple[Name, ...]  # conditions in which no rule speaks
    rules: Annotated[tuple[Rule, ...], Field(min_length=1)]
    counts: tuple[Count, ...]


@dataclass(frozen=True, kw_only=True)
class OlderAdultTable:
    """The rules of one version, with their ingredients and condition groups."""

    file: OlderAdultFile
    drugs: Mapping[str, frozenset[str]]  # group to RxNorm codes
    conditions: ConditionGroups
    version: str

    @classmethod
    def load(cls) -> "OlderAdultTable":
        """Read the tables that ship with the package.

        Raises:
            KnowledgeError: a table is missing, cut short, or names a group that is not there.
        """
        return cls.from_bytes(shipped(FILE), ConditionGroups.load())

    @classmethod
    def from_bytes(cls, raw: bytes, conditions: ConditionGroups) -> "OlderAdultTable":
        """Check the bytes of the table; see `load`."""
        file = parsed(OlderAdultFile, FILE, raw)
        drugs = file.codes()
        used = {name for rule in file.rules for name in (*rule.drugs, *rule.without_drugs)}
        refuse_unknown(FILE, used | {n for one in file.counts for n in one.drugs}, drugs)
        named = {name for rule in file.rules for name in (*rule.conditions, *rule.without)}
        refuse_unknown(FILE, named | set(file.never_with), conditions.words)
        version = version_of(raw, conditions.version.encode())
        return cls(file=file, drugs=drugs, conditions=conditions, version=version)

    def codes(self, groups: Iterable[str]) -> frozenset[str]:
        """The RxNorm codes of some groups together."""
        return frozenset[str]().union(*(self.drugs[name] for name in groups))

    def holds(self, groups: Iterable[str], medication: Medication) -> bool:
        """Whether an ingredient of a medication is in one of the groups."""
        found = [one.rxcui for one in medication.ingredients]
        return any(code in self.drugs[name] for name in groups for code in found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One medication of one record, with what the rules ask about both."""

    medication: Medication
    others: tuple[Medication, ...]  # beside it, acting systemically
    active: Mapping[str, Diagnosis]  # by condition group
    ever: Mapping[str, Diagnosis]
    age: int
    is_icu: bool


def findings(
    record: PatientRecord,
    medication: Medication,
    others: Iterable[Medication],
    table: OlderAdultTable,
    recorded: Recorded | None = None,
) -> tuple[Finding, ...]:
    """What speaks against a medication at this age: one finding of a family, one of a count.

    Silent without an age, below 65, in palliative care and, but for rules of any route, for forms
    that act where they are put.
    """
    if record.age is None or record.age < table.file.min_age:
        return ()
    if not table.holds(table.drugs, medication):
        return ()
    known = recorded or table.conditions.recorded(record)
    case = _case(record, medication, others, record.age, known)
    if any(name in case.ever for name in table.file.never_with):
        return ()
    return (*_rule_findings(case, table), *_count_findings(case, table))


def acts_systemically(medication: Medication) -> bool:
    """Whether the wording shows no local, inhaled or rectal form and no flush."""
    return _reaches_blood(medication.wording)


@lru_cache(maxsize=4096)
def _reaches_blood(display: str) -> bool:
    return not (is_local(display) or is_flush(display) or _RECTAL.search(display))


def age_fact(age: int) -> Fact:
    """The age as something that a card can rest on."""
    return Fact(text=f"age {age}" if age < OLDEST else f"age {OLDEST} or over")


def strength_mg(display: str) -> float | None:
    """The largest strength that a wording names, in mg; None where it names none."""
    found = [
        float(number) / (1 if unit.lower() == "mg" else 1000)
        for number, unit in _STRENGTH.findall(display)
    ]
    return max(found, default=None)


def _case(
    record: PatientRecord,
    medication: Medication,
    others: Iterable[Medication],
    age: int,
    recorded: Recorded,
) -> Case:
    return Case(
        medication=medication,
        others=tuple(
            other
            for other in others
            if acts_systemically(other) and not is_same_order(medication, other)
        ),
        active=recorded.active,
        ever=recorded.ever,
        age=age,
        is_icu=record.setting == "icu",
    )


def _rule_findings(case: Case, table: OlderAdultTable) -> Iterator[Finding]:
    """One of each family; where a condition warns, what holds at any age is not said as well."""
    met = [rule for rule in table.file.rules if _is_met(rule, case, table)]
    strongest: Severity = "warning" if any(one.level == "warning" for one in met) else "info"
    said = sorted((one for one in met if one.level == strongest), key=lambda one: one.family)
    for _, rules in groupby(said, key=lambda one: one.family):
        yield _rule_finding(sorted(rules, key=lambda one: not one.conditions), case, table)


def _is_met(rule: Rule, case: Case, table: OlderAdultTable) -> bool:
    return (
        table.holds(rule.drugs, case.medication)
        and (rule.any_route or acts_systemically(case.medication))
        and (not rule.conditions or any(name in case.active for name in rule.conditions))
        and not any(name in case.ever for name in rule.without)
        and not _is_answered(rule, case, table)
        and _fits_wording(rule, case.medication.wording)
    )


def _is_answered(rule: Rule, case: Case, table: OlderAdultTable) -> bool:
    """Whether what is taken beside it takes the point away: protection, or an earlier start."""
    own = table.codes(rule.drugs)
    beside = _codes(case.others) | (_codes((case.medication,)) - own)
    if rule.new_start and (case.medication.status not in ("draft", "proposed") or beside & own):
        return True
    return bool(beside & table.codes(rule.without_drugs))


def _fits_wording(rule: Rule, display: str) -> bool:
    """Whether the wording shows the form and the strength that the rule is about."""
    if rule.over_mg is not None and (strength_mg(display) or 0) <= rule.over_mg:
        return False
    route = route_of(display)
    if rule.form == "not-parenteral":
        return route != "parenteral"
    if rule.form == "immediate-release":
        return route == "oral" and not is_extended_release(display)
    return rule.form == "any" or route == rule.form


def _rule_finding(rules: Sequence[Rule], case: Case, table: OlderAdultTable) -> Finding:
    first = rules[0]
    named = dict.fromkeys(name for rule in rules for name in rule.conditions if name in case.active)
    diagnoses = dict.fromkeys(case.active[name].fact for name in named)
    return Finding(
        rule=RULE,
        severity=first.level,
        medication=case.medication,
        summary=f"Consider an alternative to {short(case.medication.display)}: {first.why}",
        because=(age_fact(case.age), *diagnoses),
        source=source_of(TITLE, table.version, first.basis),
        not_if=first.not_if,
    )


def _count_findings(case: Case, table: OlderAdultTable) -> tuple[Finding, ...]:
    """The first count that is reached; none in intensive care, where sedation is meant."""
    if case.is_icu or not acts_systemically(case.medication):
        return ()
    found = (_count_finding(count, case, table) for count in table.file.counts)
    return tuple(one for one in found if one)[:1]


def _count_finding(count: Count, case: Case, table: OlderAdultTable) -> Finding | None:
    wanted = table.codes(count.drugs)
    counted = [one for one in (case.medication, *case.others) if _codes((one,)) & wanted]
    several = len(_codes(counted) & wanted)
    if case.medication not in counted or several < count.at_least:
        return None
    name = short(case.medication.display)
    return Finding(
        rule=RULE,
        severity="info",
        medication=case.medication,
        summary=f"Consider whether {name} is needed: {several} {count.why}",
        because=(age_fact(case.age), *(one.fact for one in counted)),
        source=source_of(TITLE, table.version, count.basis),
        not_if=count.not_if,
    )


def _codes(medications: Iterable[Medication]) -> frozenset[str]:
    return frozenset(one.rxcui for medication in medications for one in medication.ingredients)
