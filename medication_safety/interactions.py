"""Two medications that harm together: the ONC high-priority list, and what labels warn of.

Judged for one medication against those it would stand beside; a wash-out after an earlier one is
not read. Rules that need a risk (QT with QT) are silent without one in the record. Of two that
are both taken, or both drafts, the one that is more easily given up is spoken of.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from fhir_mappings.formulary import Formulary
from fhir_mappings.record import Fact, Ingredient, Medication, PatientRecord
from medication_safety.duplicates import is_same_order, still_taken
from medication_safety.findings import Finding, Severity
from medication_safety.forms import route_of
from medication_safety.group_rules import RANK, Groups, Source, Words, acts_in_body, codes_of
from medication_safety.labs import Analyte, Limit, lab_of
from medication_safety.reading import parsed, refuse_unknown, shipped, source_of, version_of
from medication_safety.recorded_conditions import Conditions
from medication_safety.tables import Name, Row

TABLE = "interactions.json"
NAME_LIMIT = 20  # of an ingredient: two of them and the effect stay under 110 characters

Effect = Annotated[str, StringConstraints(min_length=1, max_length=34)]


class QtRisk(Row):
    """What makes two QT-prolonging medications worth a word."""

    analytes: dict[Name, Analyte]
    limits: tuple[Limit, ...]
    long_qt: Conditions
    heart_failure: Conditions  # counts from this age on
    age: Annotated[int, Field(gt=0)]


class PairRule(Row):
    """Two groups whose members harm together."""

    id: Name
    one: Name
    other: Name
    stop: Literal["one", "other"] | None = None  # which is more easily given up, where one is
    severity: Severity
    effect: Effect
    source: Source
    not_if: Words
    needs: Literal["qt-risk"] | None = None
    oral_only: bool = False  # True: they meet in the gut


class InteractionRules(Row):
    """`interactions.json`."""

    status: Name
    risk: QtRisk
    any_route: tuple[Name, ...]  # groups that act in the body from skin, nose or mouth as well
    groups: Groups
    rules: Annotated[tuple[PairRule, ...], Field(min_length=1)]


@dataclass(frozen=True, kw_only=True)
class InteractionTable:
    """The table, by pair of ingredients."""

    pairs: Mapping[tuple[str, str], tuple[PairRule, ...]]  # both ways round, the strongest first
    members: frozenset[str]  # RxNorm codes of all pairs
    any_route: frozenset[str]  # RxNorm codes
    risk: QtRisk
    groups: Mapping[str, frozenset[str]]
    version: str  # "draft 1a2b3c4d5e6f"

    @classmethod
    def load(cls, formulary: Formulary | None = None) -> "InteractionTable":
        """Read the table that the package ships.

        Raises:
            KnowledgeError: it is missing, cut short, or names a group that it does not have.
        """
        return cls.from_bytes(shipped(TABLE), formulary or Formulary.load())

    @classmethod
    def from_bytes(cls, data: bytes, formulary: Formulary) -> "InteractionTable":
        """Check the bytes of the table; see `load`."""
        table = parsed(InteractionRules, TABLE, data)
        groups = codes_of(table.groups)
        named = {name for rule in table.rules for name in (rule.one, rule.other)}
        refuse_unknown(TABLE, named | set(table.any_route), groups)
        refuse_unknown(TABLE, {one.analyte for one in table.risk.limits}, table.risk.analytes)
        pairs = _pairs(table.rules, groups)
        return cls(
            pairs=pairs,
            members=frozenset(code for pair in pairs for code in pair),
            any_route=frozenset().union(*(groups[name] for name in table.any_route)),
            risk=table.risk,
            groups=groups,
            version=version_of(formulary.version.encode(), data),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two ingredients of two medications, and the rule that they fall under."""

    rule: PairRule
    own: Ingredient
    theirs: Ingredient

    @property
    def turned(self) -> "Pair":
        """The same, seen from the other medication."""
        return replace(self, own=self.theirs, theirs=self.own)


def interaction_findings(
    record: PatientRecord,
    medication: Medication,
    others: Iterable[Medication],
    table: InteractionTable,
) -> tuple[Finding, ...]:
    """Find what one medication does with each other one: at most one finding for each."""
    if not any(one.rxcui in table.members for one in medication.ingredients):
        return ()
    beside = still_taken(others, record.decided_at.date())
    return tuple(
        finding
        for other in beside
        if not is_same_order(medication, other)
        for finding in _between(record, medication, other, table)
    )


def qt_risks(record: PatientRecord, risk: QtRisk) -> tuple[Fact, ...]:
    """What in the record makes a long QT interval likelier; empty when nothing does."""
    labs = ((limit, lab_of(record, limit.analyte, risk.analytes)) for limit in risk.limits)
    found = [lab.fact for limit, lab in labs if lab is not None and lab.breaks(limit)]
    found += [one.fact for one in record.diagnoses if risk.long_qt.hold(one)]
    if record.age is not None and record.age >= risk.age:
        failing = [one.fact for one in record.diagnoses if risk.heart_failure.hold(one)]
        found += [*failing, Fact(text=f"age {record.age}")] if failing else []
    return tuple(found)


def _between(
    record: PatientRecord, medication: Medication, other: Medication, table: InteractionTable
) -> Iterator[Finding]:
    """The strongest finding between two medications, if there is any."""
    if not any(theirs.rxcui in table.members for theirs in other.ingredients):
        return
    pairs = sorted(_matches(medication, other, table), key=lambda pair: RANK[pair.rule.severity])
    for pair in pairs:
        risks = qt_risks(record, table.risk) if pair.rule.needs else ()
        if risks or not pair.rule.needs:
            if _is_about_the_other(pair, table) and _stand_alike(record, medication, other):
                medication, other, pair = other, medication, pair.turned
            yield _finding(medication, other, pair, risks, table)
            return


def _is_about_the_other(pair: Pair, table: InteractionTable) -> bool:
    """Whether it is the other of the two that is more easily given up: the NSAID, no warfarin."""
    rule = pair.rule
    if rule.stop is None:
        return False
    return pair.own.rxcui not in table.groups[rule.one if rule.stop == "one" else rule.other]


def _stand_alike(record: PatientRecord, one: Medication, other: Medication) -> bool:
    """Whether either could be given up: an order beside what is taken can only be left itself."""
    return any(one in held and other in held for held in (record.current, record.ordered))


def _matches(medication: Medication, other: Medication, table: InteractionTable) -> Iterator[Pair]:
    both = ((own, theirs) for own in medication.ingredients for theirs in other.ingredients)
    for own, theirs in both:
        rules = table.pairs.get((own.rxcui, theirs.rxcui), ())
        if not rules or _are_one_product(medication, other, own, theirs):
            continue
        for rule in rules:
            if _can_meet(medication, own, rule, table) and _can_meet(other, theirs, rule, table):
                yield Pair(rule=rule, own=own, theirs=theirs)


def _are_one_product(
    one: Medication, other: Medication, own: Ingredient, theirs: Ingredient
) -> bool:
    """Whether the two come in one combination product: it is meant."""
    return theirs in one.ingredients or own in other.ingredients


def _can_meet(
    medication: Medication, one: Ingredient, rule: PairRule, table: InteractionTable
) -> bool:
    """Whether the ingredient gets to where the other is, by the route of its medication."""
    if rule.oral_only and route_of(medication.wording) == "parenteral":
        return False
    return acts_in_body(medication, one.rxcui, table.any_route)


def _pairs(
    rules: Iterable[PairRule], groups: Mapping[str, frozenset[str]]
) -> dict[tuple[str, str], tuple[PairRule, ...]]:
    found: dict[tuple[str, str], tuple[PairRule, ...]] = {}
    for rule in sorted(rules, key=lambda rule: RANK[rule.severity]):
        pairs = {(a, b) for a in groups[rule.one] for b in groups[rule.other] if a != b}
        for pair in pairs | {(b, a) for a, b in pairs}:
            found[pair] = (*found.get(pair, ()), rule)
    return found


def _finding(
    medication: Medication,
    other: Medication,
    pair: Pair,
    risks: tuple[Fact, ...],
    table: InteractionTable,
) -> Finding:
    verb = "checking" if pair.rule.severity == "info" else "an alternative to"
    names = f"{_cut(pair.own.label)} with {_cut(pair.theirs.label)}"
    return Finding(
        rule="interaction",
        severity=pair.rule.severity,
        medication=medication,
        summary=f"Consider {verb} {names}: {pair.rule.effect}",
        because=(medication.fact, other.fact, *risks),
        source=source_of("Interaction table", table.version, pair.rule.source),
        not_if=pair.rule.not_if,
    )


def _cut(label: str) -> str:
    return label if len(label) <= NAME_LIMIT else label[: NAME_LIMIT - 1].rstrip() + "…"
