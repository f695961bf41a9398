"""Kidney, liver and potassium against one medication: the newest laboratory values, units checked.

A value counts when it is dated, not older than its table says, in a unit that we know, and of a
possible size. Anything else is no finding; `unread_labs` says which value could not be compared.
The estimate holds for steady kidney function only, and doses are not read: findings ask.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.resources import files
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, Field, StringConstraints, ValidationError, model_validator

from fhir_mappings.formulary import Formulary
from fhir_mappings.record import Fact, Gap, Medication, Observation, PatientRecord, Sex
from medication_safety.findings import Finding, Severity
from medication_safety.forms import is_flush, is_local
from medication_safety.knowledge import KnowledgeError
from medication_safety.tables import Members, Name, Row
from medication_safety.wording import short

TABLE = "organ_function.json"
RANK: dict[Severity, int] = {"critical": 0, "warning": 1, "info": 2}
ADULT = 18  # CKD-EPI is for adults

Shape = TypeVar("Shape", bound=BaseModel)
Rule = TypeVar("Rule", bound="GroupRule")
Groups = Annotated[dict[Name, Members], Field(min_length=1)]
Source = Annotated[str, StringConstraints(min_length=1, max_length=46)]  # a card's source is short
Advice = Annotated[str, StringConstraints(min_length=1, max_length=34)]  # completes "Consider ..."
Words = Annotated[str, StringConstraints(min_length=1, max_length=140)]


class Analyte(Row):
    """One laboratory quantity: its codes, its units, and what size is possible."""

    name: Name
    unit: str  # in which limits are given; empty for a ratio
    loinc: Annotated[tuple[Name, ...], Field(min_length=1)]
    of_sex: dict[Name, Sex] = Field(default={})  # codes that hold for one sex only
    factors: Annotated[dict[str, float], Field(min_length=1)]  # from a unit, see `plain_unit`
    low: float  # below it, or above `high`, the unit or the value is wrong
    high: float
    days: Annotated[int, Field(gt=0)]  # older values do not count


class Limit(Row):
    """A value below or above which a rule speaks."""

    analyte: Name
    below: float | None = None
    above: float | None = None
    unless: Name | None = None  # a group: whoever takes one of it has such values on purpose

    @model_validator(mode="after")
    def _has_one_side(self) -> "Limit":
        if (self.below is None) == (self.above is None):
            raise ValueError("a limit has either below or above")
        return self


class GroupRule(Row):
    """What every rule on a group of medications says."""

    id: Name
    group: Name
    severity: Severity
    advice: Advice
    why: Words
    source: Source
    not_if: Words


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
        return cls.from_bytes(table_bytes(TABLE), formulary or Formulary.load())

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
            version=draft_version(data, formulary),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Lab:
    """A value that can be compared, in the unit of its analyte."""

    analyte: Analyte
    value: float
    bound: str  # "<" or ">" where only a bound was reported, else empty
    shown: str  # value and unit as the record gives them
    observation: Observation
    how: str = ""  # how it was computed, where it was not reported

    @property
    def words(self) -> str:
        """The value as a summary says it."""
        return f"{self.analyte.name} {self.bound}{self.shown}".rstrip()

    @property
    def fact(self) -> Fact:
        """The value as something that a card can rest on."""
        taken = self.observation.taken_at
        return Fact(
            text=self.words + self.how,
            reference=self.observation.reference,
            dated=taken.date() if taken else None,
        )

    def breaks(self, limit: Limit) -> bool:
        """Whether the value is surely beyond the limit: ">60" is not below 60, "<15" is."""
        if limit.below is not None:
            excess, other_way = limit.below - self.value, ">"
        else:
            excess, other_way = self.value - (limit.above or 0.0), "<"
        return self.bound != other_way and (excess >= 0 if self.bound else excess > 0)


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


def unread_labs(
    record: PatientRecord, medications: Iterable[Medication], table: OrganTable
) -> tuple[Gap, ...]:
    """The recent values that rules on these medications needed and that could not be compared."""
    rules = {rule for one in medications for _, rule in rules_of(one, table.rules)}
    keys = {limit.analyte for rule in rules for limit in rule.any_of}
    unread = [one for key in sorted(keys) for one in _unread(record, key, table)]
    return tuple(
        Gap(
            kind="lab-not-compared",
            where=observation.reference or "labs",
            meaning=f"{name} was not compared: its unit or size is not one that we know",
            shown=True,
        )
        for name, observation in unread
    )


def lab_of(record: PatientRecord, key: str, analytes: Mapping[str, Analyte]) -> Lab | None:
    """The newest value of an analyte; for "egfr", computed where creatinine is newer or alone."""
    reported = _read(record, analytes[key])
    if key != "egfr" or "creatinine" not in analytes:
        return reported
    creatinine = _read(record, analytes["creatinine"])
    if creatinine is None or (reported and _day(reported) >= _day(creatinine)):
        return reported
    return _estimated(record, creatinine, analytes[key]) or reported


def ckd_epi_2021(creatinine: float, age: int, sex: Sex) -> float:
    """The estimate in mL/min/1.73 m2 from creatinine in mg/dL (Inker 2021), without race."""
    kappa, alpha, factor = (0.7, -0.241, 1.012) if sex == "female" else (0.9, -0.302, 1.0)
    ratio = creatinine / kappa
    shape: float = min(ratio, 1.0) ** alpha * max(ratio, 1.0) ** -1.2
    return 142 * shape * 0.9938**age * factor


def newest(record: PatientRecord, analyte: Analyte) -> Observation | None:
    """The newest recent observation of an analyte with a value, whatever its unit."""
    found = [one for one in record.observations if _counts(one, record, analyte)]
    return max(found, key=_moment, default=None)


def plain_unit(unit: str | None) -> str:
    """A unit without case, spaces and brackets: "mL/min/{1.73_m2}" is "ml/min/1.73m2"."""
    plain = re.sub(r"[\s{}\[\]()_*^]", "", (unit or "").replace("\u03bc", "u").lower())
    return plain.replace("\u00b5", "u").replace("\u00b2", "2")


def rules_of(
    medication: Medication, rules: Mapping[str, tuple[Rule, ...]]
) -> Iterator[tuple[str, Rule]]:
    """(RxNorm code, rule) for each ingredient of a medication."""
    for ingredient in medication.ingredients:
        for rule in rules.get(ingredient.rxcui, ()):
            yield ingredient.rxcui, rule


def acts_in_body(medication: Medication, rxcui: str, any_route: frozenset[str]) -> bool:
    """Whether an ingredient acts beyond the place where this medication is put."""
    return rxcui in any_route or not _stays_put(medication.display)


@lru_cache(maxsize=4096)
def _stays_put(display: str) -> bool:
    """Read once for each wording: the same medication meets many others."""
    return is_local(display) or is_flush(display)


def table_bytes(name: str) -> bytes:
    """The bytes of a table of the package, or KnowledgeError."""
    try:
        return (files("medication_safety") / "data" / name).read_bytes()
    except OSError as error:
        raise KnowledgeError(name, "it cannot be read") from error


def parsed(shape: type[Shape], name: str, data: bytes) -> Shape:
    """A table in its shape, or KnowledgeError with the first place that does not fit."""
    try:
        return shape.model_validate_json(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(step) for step in first["loc"]) or "the file"
        raise KnowledgeError(name, f"{where}: {first['msg']}") from error


def codes_of(groups: Mapping[str, Members]) -> dict[str, frozenset[str]]:
    """Each group's RxNorm codes."""
    return {name: frozenset(one.rxcui for one in members) for name, members in groups.items()}


def by_ingredient(
    rules: Iterable[Rule], groups: Mapping[str, frozenset[str]]
) -> dict[str, tuple[Rule, ...]]:
    """RxNorm code to the rules on it, the strongest first."""
    found: dict[str, tuple[Rule, ...]] = {}
    for rule in sorted(rules, key=lambda rule: RANK[rule.severity]):
        for code in groups[rule.group]:
            found[code] = (*found.get(code, ()), rule)
    return found


def refuse_unknown(table: str, named: Iterable[str], known: Iterable[str]) -> None:
    """Refuse a table with a rule on something that the table does not hold."""
    if unknown := sorted(set(named) - set(known)):
        raise KnowledgeError(table, f"it names what it does not hold: {', '.join(unknown)}")


def draft_version(data: bytes, formulary: Formulary) -> str:
    """The version of a table: of its bytes and the formulary that gives its codes a meaning."""
    digest = hashlib.sha256(formulary.version.encode() + b"\0" + data).hexdigest()
    return f"draft {digest[:12]}"


def source_of(rule_source: str, table: str, version: str) -> str:
    """How a finding names what it rests on, within the 120 characters of a card's source."""
    return f"{rule_source} ({table} table, {version}, not reviewed by a pharmacist)"


def _counts(one: Observation, record: PatientRecord, analyte: Analyte) -> bool:
    if one.loinc not in analyte.loinc or one.value is None or one.taken_at is None:
        return False
    if analyte.of_sex.get(one.loinc, record.sex) != record.sex:
        return False
    age = (record.decided_at.date() - one.taken_at.date()).days
    return -1 <= age <= analyte.days  # a day ahead: another time zone


def _moment(one: Observation) -> float:
    return one.taken_at.timestamp() if one.taken_at else 0.0


def _read(record: PatientRecord, analyte: Analyte) -> Lab | None:
    one = newest(record, analyte)
    factor = analyte.factors.get(plain_unit(one.unit)) if one else None
    if one is None or one.value is None or factor is None:
        return None
    value = one.value * factor
    if not analyte.low <= value <= analyte.high:
        return None
    unit = analyte.unit if factor == 1 else one.unit
    return Lab(
        analyte=analyte,
        value=value,
        bound=next((sign for sign in "<>" if (one.coded or "").startswith(sign)), ""),
        shown=f"{one.value:g} {unit}",
        observation=one,
    )


def _estimated(record: PatientRecord, creatinine: Lab, analyte: Analyte) -> Lab | None:
    if record.sex is None or record.age is None or record.age < ADULT or creatinine.bound:
        return None
    value = round(ckd_epi_2021(creatinine.value, record.age, record.sex))
    return Lab(
        analyte=analyte,
        value=value,
        bound="",
        shown=f"{value} {analyte.unit}",
        observation=creatinine.observation,
        how=f" (CKD-EPI 2021 from creatinine {creatinine.shown})",
    )


def _day(lab: Lab) -> int:
    return int(_moment(lab.observation) // 86400)


def _unread(
    record: PatientRecord, key: str, table: OrganTable
) -> Iterator[tuple[str, Observation]]:
    """(name, observation) of what stands in the way of an analyte, when nothing can be read."""
    if lab_of(record, key, table.analytes) is not None:
        return
    for one in (key, "creatinine") if key == "egfr" else (key,):
        analyte = table.analytes[one]
        observation = newest(record, analyte)
        if observation is not None and _read(record, analyte) is None:
            yield analyte.name, observation


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
        source=source_of(rule.source, "organ function", table.version),
        not_if=rule.not_if,
    )
