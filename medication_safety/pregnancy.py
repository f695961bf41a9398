"""Medications in a recorded pregnancy or during recorded breastfeeding.

Nothing follows from sex or age alone, and nothing is found for males; that one who is recorded as
male is recorded as pregnant is told (`unjudged_pregnancy`). A pregnancy counts while its
record is recent and nothing later says that it is over: a delivery, a loss, a status, a due date.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Annotated, Literal

from pydantic import Field

from fhir_mappings.formulary import Formulary
from fhir_mappings.record import Fact, Gap, Medication, Observation, PatientRecord
from medication_safety.findings import Finding, Severity
from medication_safety.group_rules import (
    GroupRule,
    Groups,
    acts_in_body,
    by_ingredient,
    codes_of,
    rules_of,
)
from medication_safety.reading import parsed, refuse_unknown, shipped, source_of, version_of
from medication_safety.recorded_conditions import Conditions
from medication_safety.tables import Name, Row
from medication_safety.wording import short

TABLE = "pregnancy.json"
TERM = 280  # days from the last period to the due date
LATEST = 14  # days past the due date
LONGEST = TERM + LATEST
_BEGINS = re.compile(  # "pregnant - 12 weeks", but not "pregnant: no" or "pregnant?"
    r"((?:not )?pregnant)\b"
    r"(?!\s*\?|\W*(?:no|not|none|never|neg|negative|denie[sd]|unknown|unlikely|unsure)\b)"
)
# a status without a LOINC code: its whole name, so that "ever pregnant" is none
_STATUS = re.compile(
    r"(?:current(?:ly)? |patient |is |are you )*pregnan(?:t|cy)(?: status)?\W*", re.IGNORECASE
)
YOUNGEST = 10  # years: a younger child is fed, and feeds nobody
_BREASTFEEDING = re.compile(r"\b(?:breast[ -]?(?:feeding|fed)|lactating|lactation)\b", re.I)


class PregnancyRule(GroupRule):
    """A group of medications that pregnancy or breastfeeding speaks against."""

    rule: Literal["pregnancy", "lactation"]
    from_week: int | None = None  # speaks from this week on
    unknown_week: Literal["warning", "info"] | None = None  # severity where the week is unknown


class States(Row):
    """How pregnancy and breastfeeding are recorded."""

    status_loinc: tuple[Name, ...]
    due_loinc: tuple[Name, ...]  # a date: when delivery is expected
    period_loinc: tuple[Name, ...]  # a date: when the last period began
    yes: tuple[Name, ...]  # lower case, the whole coded value
    no: tuple[Name, ...]
    pregnant: Conditions
    over: Conditions
    over_procedures: tuple[Name, ...]  # lower case, anywhere in the display
    lactating: Conditions
    lactating_yes: tuple[Name, ...]
    lactating_no: tuple[Name, ...]
    lactation_days: Annotated[int, Field(gt=0)]  # older records of it do not count


class PregnancyRules(Row):
    """`pregnancy.json`."""

    status: Name
    states: States
    any_route: tuple[Name, ...]  # groups that act in the body from skin or lung as well
    groups: Groups
    rules: Annotated[tuple[PregnancyRule, ...], Field(min_length=1)]


@dataclass(frozen=True, kw_only=True)
class PregnancyTable:
    """The table, by ingredient."""

    states: States
    any_route: frozenset[str]  # RxNorm codes
    groups: Mapping[str, frozenset[str]]
    rules: Mapping[str, tuple[PregnancyRule, ...]]  # RxNorm code to its rules, strongest first
    version: str  # "draft 1a2b3c4d5e6f"

    @classmethod
    def load(cls, formulary: Formulary | None = None) -> "PregnancyTable":
        """Read the table that the package ships.

        Raises:
            KnowledgeError: it is missing, cut short, or names a group that it does not have.
        """
        return cls.from_bytes(shipped(TABLE), formulary or Formulary.load())

    @classmethod
    def from_bytes(cls, data: bytes, formulary: Formulary) -> "PregnancyTable":
        """Check the bytes of the table; see `load`."""
        table = parsed(PregnancyRules, TABLE, data)
        groups = codes_of(table.groups)
        refuse_unknown(TABLE, {rule.group for rule in table.rules} | {*table.any_route}, groups)
        return cls(
            states=table.states,
            any_route=frozenset().union(*(groups[name] for name in table.any_route)),
            groups=groups,
            rules=by_ingredient(table.rules, groups),
            version=version_of(formulary.version.encode(), data),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """A pregnancy, or breastfeeding, as the record has it."""

    facts: tuple[Fact, ...]
    week: int | None = None  # completed weeks of pregnancy, where a due date or period tells


def pregnancy_findings(
    record: PatientRecord,
    medication: Medication,
    others: Iterable[Medication],
    table: PregnancyTable,
) -> tuple[Finding, ...]:
    """Find what pregnancy and breastfeeding say against one medication: one of each at most.

    `others` is there so that all rules are called alike; nothing here depends on it.
    """
    rules = list(rules_of(medication, table.rules))
    if not rules or record.sex == "male":
        return ()
    states = {"pregnancy": pregnancy_of(record, table), "lactation": lactation_of(record, table)}
    found: dict[str, Finding] = {}
    for code, rule in rules:
        state = states[rule.rule]
        severity = _severity(rule, state)
        if state and severity and acts_in_body(medication, code, table.any_route):
            found.setdefault(rule.rule, _finding(medication, rule, severity, state, table))
    return tuple(found.values())


def unjudged_pregnancy(record: PatientRecord, table: PregnancyTable) -> tuple[Gap, ...]:
    """A pregnancy of a patient recorded as male, where a rule on an order would have asked for it.

    One of the two is wrong, or the recorded sex is not what the rules need: a person has to look.
    """
    rules = (rule for order in record.ordered for _, rule in rules_of(order, table.rules))
    if record.sex != "male" or not any(rule.rule == "pregnancy" for rule in rules):
        return ()
    state = pregnancy_of(replace(record, sex=None), table)
    meaning = "a pregnancy and the sex male are recorded: no order was checked for pregnancy"
    return tuple(
        Gap(
            kind="pregnancy-contradicted",
            where=fact.reference or "pregnancy",
            meaning=meaning,
            shown=True,
        )
        for fact in (state.facts[:1] if state else ())
    )


def pregnancy_of(record: PatientRecord, table: PregnancyTable) -> State | None:
    """The pregnancy that the record shows for the day of the decision; None without one."""
    if record.sex == "male":
        return None
    today, states = record.decided_at.date(), table.states
    ends = _ends(record, states)
    facts = tuple(
        fact
        for fact in dict.fromkeys(_signs(record, states))
        if _is_recent(fact.dated, today, LONGEST) and not _is_over(fact.dated, ends)
    )
    return State(facts=facts, week=_week(record, states)) if facts else None


def lactation_of(record: PatientRecord, table: PregnancyTable) -> State | None:
    """The breastfeeding that the record shows for the day of the decision; None without it."""
    if record.sex == "male" or (record.age is not None and record.age < YOUNGEST):
        return None
    states, today = table.states, record.decided_at.date()
    told = [one for one in record.observations if _BREASTFEEDING.search(one.display)]
    days = states.lactation_days
    ends = [
        _day(one) or today for one in told if _says(one, states.lactating_no, states.lactating_yes)
    ]
    facts = [_fact(one) for one in told if _says(one, states.lactating_yes, states.lactating_no)]
    facts += [one.fact for one in record.diagnoses if states.lactating.hold(one)]
    kept = tuple(
        fact
        for fact in dict.fromkeys(facts)
        if _is_recent(fact.dated, today, days) and not _is_over(fact.dated, ends)
    )
    return State(facts=kept) if kept else None


def _signs(record: PatientRecord, states: States) -> Iterator[Fact]:
    """What says that the patient is pregnant, recent or not."""
    today = record.decided_at.date()
    for one in record.observations:
        if _is_status(one, states) and _says(one, states.yes, states.no):
            yield _fact(one)
        elif one.loinc in states.due_loinc and _is_due(_date_in(one), today):
            yield _fact(one)
    for diagnosis in record.diagnoses:
        if states.pregnant.hold(diagnosis) and not states.over.hold(diagnosis):
            yield diagnosis.fact


def _ends(record: PatientRecord, states: States) -> list[date]:
    """The days on which the record says that a pregnancy was over."""
    today, ends = record.decided_at.date(), []
    for one in record.observations:
        if _is_status(one, states) and _says(one, states.no, states.yes):
            ends.append(_day(one) or today)
        due = _date_in(one) if one.loinc in states.due_loinc else None
        if due and due + timedelta(days=LATEST) < today:
            ends.append(due + timedelta(days=LATEST))
    told = (*record.diagnoses, *record.past_diagnoses)
    ends += [one.dated for one in told if one.dated and states.over.hold(one)]
    ends += [
        one.dated
        for one in record.procedures
        if one.dated and any(word in one.display.lower() for word in states.over_procedures)
    ]
    return [day for day in ends + _resolved(record, states) if _is_recent(day, today, LONGEST)]


def _resolved(record: PatientRecord, states: States) -> list[date]:
    """The latest ends of pregnancies that are recorded as past.

    Only their beginning is known. With an active one, or a due date to come, they say nothing.
    """
    today = record.decided_at.date()
    active = any(states.pregnant.hold(one) for one in record.diagnoses)
    due = any(
        one.loinc in states.due_loinc and _is_due(_date_in(one), today)
        for one in record.observations
    )
    past = [one.dated for one in record.past_diagnoses if one.dated and states.pregnant.hold(one)]
    return [] if active or due else [min(day + timedelta(days=LONGEST), today) for day in past]


def _is_status(one: Observation, states: States) -> bool:
    by_name = one.loinc is None and _STATUS.fullmatch(one.display) is not None
    return by_name or one.loinc in states.status_loinc


def _is_over(dated: date | None, ends: list[date]) -> bool:
    """Whether an end came on the day of a sign or later; an undated sign is the oldest."""
    return bool(ends) and (dated is None or max(ends) >= dated)


def _is_recent(dated: date | None, today: date, days: int) -> bool:
    return dated is None or -1 <= (today - dated).days <= days


def _is_due(day: date | None, today: date) -> bool:
    return day is not None and 0 <= (day - today).days <= LONGEST


def _week(record: PatientRecord, states: States) -> int | None:
    """Completed weeks, from the due date or else the last period."""
    today = record.decided_at.date()
    due = [_date_in(one) for one in record.observations if one.loinc in states.due_loinc]
    began = [_date_in(one) for one in record.observations if one.loinc in states.period_loinc]
    days = [TERM - (day - today).days for day in due if day and _is_due(day, today)]
    days += [(today - day).days for day in began if day]
    return next((number // 7 for number in days if 0 <= number <= LONGEST), None)


def _severity(rule: PregnancyRule, state: State | None) -> Severity | None:
    """How strongly the rule speaks in this state; None where it does not."""
    if state is None or rule.from_week is None:
        return rule.severity if state else None
    if state.week is None:
        return rule.unknown_week
    return rule.severity if state.week >= rule.from_week else None


def _says(one: Observation, words: tuple[str, ...], contrary: tuple[str, ...]) -> bool:
    """Whether the value is one of these words or codes; where a code is known, it decides."""
    codes = {code.strip().lower() for code in one.codes}
    if codes & {*words, *contrary}:
        return not codes.isdisjoint(words)
    text = (one.coded or "").strip().lower()
    begun = _BEGINS.match(text)
    return text in words or (begun is not None and begun[1] in words)


def _date_in(one: Observation) -> date | None:
    """The date that an observation has as its value."""
    found = re.match(r"\d{4}-\d{2}-\d{2}", (one.coded or "").strip())
    try:
        return date.fromisoformat(found[0]) if found else None
    except ValueError:
        return None


def _day(one: Observation) -> date | None:
    return one.taken_at.date() if one.taken_at else None


def _fact(one: Observation) -> Fact:
    return Fact(text=f"{one.display}: {one.coded}", reference=one.reference, dated=_day(one))


def _finding(
    medication: Medication,
    rule: PregnancyRule,
    severity: Severity,
    state: State,
    table: PregnancyTable,
) -> Finding:
    first, *rest = state.facts
    place = "pregnancy" if rule.rule == "pregnancy" else "breastfeeding"
    week = f" (week {state.week})" if state.week is not None else ""
    return Finding(
        rule=rule.rule,
        severity=severity,
        medication=medication,
        summary=f"Consider {rule.advice} {short(medication.display)}: {place} on record{week}",
        because=(replace(first, text=f"{first.text}; {rule.why}"), *rest),
        source=source_of("Pregnancy table", table.version, rule.source),
        not_if=rule.not_if,
    )
