"""Laboratory values that rules compare: the newest ones, their units checked.

A value counts when it is dated, not older than its table says, in a unit that we know, and of a
possible size. The estimate of kidney function holds for steady function only.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field, model_validator

from fhir_mappings.record import Fact, Observation, PatientRecord, Sex
from medication_safety.tables import Name, Row

ADULT = 18  # CKD-EPI is for adults


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
    called: tuple[Name, ...] = ()  # what it is named without such a code
    never: tuple[Name, ...] = ()  # words that make it something else: another fluid, a ratio

    def is_named(self, display: str) -> bool:
        """Whether these words are a name of it."""
        words = f" {' '.join(re.findall(r'[a-z0-9]+', display.lower()))} "
        is_other = any(word in words for word in self.never)
        return not is_other and any(f" {name} " in words for name in self.called)


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
        """The value as a summary says it: a bound in words, as summaries hold no "<"."""
        bound = {"<": "under ", ">": "over "}.get(self.bound, "")
        return f"{self.analyte.name} {bound}{self.shown}".rstrip()

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


def lab_of(record: PatientRecord, key: str, analytes: Mapping[str, Analyte]) -> Lab | None:
    """The newest value of an analyte; for "egfr", computed where creatinine is newer or alone."""
    reported = readable(record, analytes[key])
    if key != "egfr" or "creatinine" not in analytes:
        return reported
    creatinine = readable(record, analytes["creatinine"])
    if creatinine is None or (reported and _day(reported) >= _day(creatinine)):
        return reported
    return _estimated(record, creatinine, analytes[key]) or reported


def ckd_epi_2021(creatinine: float, age: int, sex: Sex) -> float:
    """The estimate in mL/min/1.73 m2 from creatinine in mg/dL (Inker 2021), without race."""
    kappa, alpha, factor = (0.7, -0.241, 1.012) if sex == "female" else (0.9, -0.302, 1.0)
    ratio = creatinine / kappa
    shape: float = min(ratio, 1.0) ** alpha * max(ratio, 1.0) ** -1.2
    return 142 * shape * 0.9938**age * factor


def plain_unit(unit: str | None) -> str:
    """A unit without case, spaces and brackets: "mL/min/{1.73_m2}" is "ml/min/1.73m2"."""
    plain = re.sub(r"[\s{}\[\]()_*^]", "", (unit or "").replace("\u03bc", "u").lower())
    return plain.replace("\u00b5", "u").replace("\u00b2", "2")


def readable(record: PatientRecord, analyte: Analyte) -> Lab | None:
    """The newest value of an analyte that can be compared; a newer one that cannot hides none."""
    labs = (_as_lab(one, record, analyte) for one in record.observations)
    return max(filter(None, labs), key=lambda lab: _moment(lab.observation), default=None)


def _as_lab(one: Observation, record: PatientRecord, analyte: Analyte) -> Lab | None:
    factor = analyte.factors.get(plain_unit(one.unit))
    if not _counts(one, record, analyte) or one.value is None or factor is None:
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


def why_unread(
    record: PatientRecord, analyte: Analyte, used: Lab | None = None
) -> tuple[Observation, str] | None:
    """The newest observation of an analyte that no rule can use, and why; None without one.

    Beside a value that is used only a newer one matters. One that is too old never does.
    """
    since = _moment(used.observation) if used else -1.0
    newer = (one for one in record.observations if _moment(one) > since)
    reasons = ((one, _fault(one, record, analyte)) for one in newer)
    return next(((one, reason) for one, reason in reasons if reason), None)


def _fault(one: Observation, record: PatientRecord, analyte: Analyte) -> str | None:
    """What is wrong with an observation of the analyte; None for another, and for an old one."""
    if _as_lab(one, record, analyte) is not None:
        return None
    is_coded = _is_of(one, record, analyte)
    if not (is_coded or _is_named(one, analyte)) or _days_ago(one, record) > analyte.days:
        return None
    if not is_coded:
        code = f"LOINC {one.loinc} is not a code that we know" if one.loinc else "no LOINC code"
        return code if one.value is not None else None
    if one.value is None:
        return "it has no number"
    if one.taken_at is None:
        return "it has no date"
    is_ahead = _days_ago(one, record) < -1
    return "its date is to come" if is_ahead else "its unit or size is not one that we know"


def _is_of(one: Observation, record: PatientRecord, analyte: Analyte) -> bool:
    """Whether it has a code of the analyte that holds for the patient's sex."""
    loinc = one.loinc
    return loinc in analyte.loinc and analyte.of_sex.get(loinc, record.sex) == record.sex


def _is_named(one: Observation, analyte: Analyte) -> bool:
    """Whether only its words say that it is of the analyte: no code, or one that is not ours."""
    return one.loinc not in analyte.loinc and analyte.is_named(one.display)


def _days_ago(one: Observation, record: PatientRecord) -> int:
    """How many days before the decision it was taken; 0 for an undated one."""
    return (record.decided_at.date() - one.taken_at.date()).days if one.taken_at else 0


def _counts(one: Observation, record: PatientRecord, analyte: Analyte) -> bool:
    if one.value is None or one.taken_at is None or not _is_of(one, record, analyte):
        return False
    return -1 <= _days_ago(one, record) <= analyte.days  # a day ahead: another time zone


def _moment(one: Observation) -> float:
    return one.taken_at.timestamp() if one.taken_at else 0.0


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
