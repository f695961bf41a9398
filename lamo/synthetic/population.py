"""People, their chronic conditions, and what brings them in."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from fhir_mappings.record import Setting, Sex
from lamo.synthetic.tables import Row, cells, log_odds, read_table

# log-odds added to the prevalence of each chronic condition by the setting of the visit
_BURDEN: dict[Setting, float] = {"outpatient": -0.25, "inpatient": 0.55, "icu": 0.65}
_FAVOURED = 0.45  # log-odds for the sex that a condition is commoner in
_ACUTE_COUNT: dict[Setting, tuple[int, ...]] = {
    "outpatient": (1, 1, 1, 1, 2, 2),
    "inpatient": (1, 1, 2, 2, 2, 3, 3),
    "icu": (2, 2, 3, 3, 3),
}
_MEN_ONLY = frozenset({"Benign prostatic hyperplasia", "Prostate cancer"})
_SEXES: dict[str, Sex] = {"f": "female", "m": "male"}
# where two of these meet, the later one stands
_STAGES = (
    "Chronic kidney disease stage 1-2",
    "Chronic kidney disease stage 3",
    "Chronic kidney disease stage 4",
    "End stage renal disease",
)
_EXCLUDES = (
    ("Type 1 diabetes mellitus", "Type 2 diabetes mellitus"),
    ("Type 2 diabetes mellitus", "Prediabetes"),
    ("Severe obesity", "Obesity"),
    ("Hypothyroidism", "Hyperthyroidism"),
    ("Anemia of chronic kidney disease", "Anemia"),
    ("Schizophrenia", "Bipolar disorder"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """One made-up person. Age is in whole years and may pass 90."""

    age: int
    sex: Sex
    usual: Setting  # where most visits of this person are


class Population:
    """Draws people, their conditions and the conditions of a visit."""

    def __init__(self) -> None:
        self._chronic = read_table("chronic")
        self._acute = read_table("acute")
        self._causes: dict[str, list[tuple[str, float]]] = {}
        for link in read_table("links"):
            causes = self._causes.setdefault(link["effect"], [])
            causes.append((link["cause"], float(link["probability"])))
        self._raised = {row["label"]: cells(row["raised_by"]) for row in self._acute}

    def person(self, rng: Random) -> Person:
        """A person: about half seen as outpatients, 42 % admitted, 8 % in intensive care."""
        place = rng.random()
        usual: Setting = "outpatient" if place < 0.5 else "inpatient" if place < 0.92 else "icu"
        centre, spread = (52, 19) if usual == "outpatient" else (67, 16)
        age = min(max(round(rng.gauss(centre, spread)), 18), 97)
        return Person(age=age, sex="female" if rng.random() < 0.51 else "male", usual=usual)

    def chronic(self, person: Person, rng: Random) -> tuple[str, ...]:
        """The chronic conditions: own prevalence, joined with their causes by noisy-OR."""
        found: dict[str, None] = {}
        for row in self._chronic:
            label = row["label"]
            missed = 1 - self._own_prevalence(row, person)
            for cause, strength in self._causes.get(label, ()):
                missed *= 1 - strength if cause in found else 1
            if missed < 1 and rng.random() >= missed and person.age >= int(row["from_age"]):
                found[label] = None
        return tuple(label for label in found if not _ruled_out(label, found))

    def acute(
        self, person: Person, setting: Setting, chronic: Sequence[str], rng: Random
    ) -> tuple[str, ...]:
        """What the visit is for: one to three conditions, some of which need a chronic one."""
        labels = [row["label"] for row in self._acute]
        weights = [self._weight(row, person, setting, chronic) for row in self._acute]
        count = rng.choice(_ACUTE_COUNT[setting])
        drawn = dict.fromkeys(rng.choices(labels, weights, k=count))
        if person.age > 50 or person.sex == "male":
            drawn.pop("Pregnancy", None)
        return tuple(drawn)

    def _own_prevalence(self, row: Row, person: Person) -> float:
        if row["label"] in _MEN_ONLY and person.sex == "female":
            return 0.0
        logit = log_odds(float(row["prevalence"])) + _BURDEN[person.usual]
        logit += float(row["per_decade"]) * (min(person.age, 90) - 60) / 10
        if row["sex"] and row["label"] not in _MEN_ONLY:
            logit += _FAVOURED if _SEXES[row["sex"]] == person.sex else -_FAVOURED
        return 1 / (1 + math.exp(-logit))

    def _weight(self, row: Row, person: Person, setting: Setting, chronic: Sequence[str]) -> float:
        if row["requires"] and row["requires"] not in chronic:
            return 0.0
        weight = float(row[setting])
        if any(cause in chronic for cause in self._raised[row["label"]]):
            weight *= float(row["factor"])
        if row["sex"]:
            weight *= 1.5 if _SEXES[row["sex"]] == person.sex else 0.5
        decades = (person.age - 60) / 10
        return weight * min(math.exp(float(row["per_decade"]) * decades), 6.0)


def _ruled_out(label: str, found: dict[str, None]) -> bool:
    if label in _STAGES and any(later in found for later in _STAGES[_STAGES.index(label) + 1 :]):
        return True
    return any(label == weaker and stronger in found for stronger, weaker in _EXCLUDES)


class Procedures:
    """Draws the procedures of a visit, each given its conditions and earlier procedures."""

    def __init__(self) -> None:
        self._rows = [
            (row["label"], {key: float(row[key]) for key in _ACUTE_COUNT}, _given(row["given"]))
            for row in read_table("procedures")
        ]

    def draw(self, setting: Setting, conditions: Sequence[str], rng: Random) -> tuple[str, ...]:
        """The procedures of a visit, by noisy-OR of the setting's base and what is given."""
        present = set(conditions)
        found: list[str] = []
        for label, base, given in self._rows:
            missed = 1 - base[setting]
            for cause, strength in given:
                if cause in present:
                    missed *= 1 - (strength if setting != "outpatient" else strength / 4)
            if rng.random() >= missed:
                found.append(label)
                present.add(label)
        return tuple(found)


def _given(text: str) -> tuple[tuple[str, float], ...]:
    pairs = (part.rsplit(" ", 1) for part in cells(text))
    return tuple((label, float(strength)) for label, strength in pairs)
