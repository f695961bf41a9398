"""Synthetic patients and their visits, the same for the same seed on any machine."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from random import Random

import numpy as np

from fhir_mappings.record import Hospitalization, Setting
from lamo.synthetic.allergies import AllergyTable, KnownAllergy
from lamo.synthetic.population import Person, Population, Procedures
from lamo.synthetic.prescribing import Prescribing, Situation
from lamo.synthetic.telling import Telling, Truth
from lamo.visits import Visit, save_visits

_VISITS = (1, 1, 1, 1, 1, 1, 2, 2, 2, 3)  # a patient's visits
_ELSEWHERE: dict[Setting, Setting] = {
    "outpatient": "inpatient",
    "inpatient": "outpatient",
    "icu": "inpatient",
}
_NO_HISTORY = 0.05  # share of visits at which nobody knows what is taken at home
_STAYS_AT_HOME = 0.93  # share of home regimens that go on until the next visit
_GOES_HOME = 0.45  # share of new regimens, usual at home, that go on after the visit
_USUAL_AT_HOME = 0.05  # chance at home above which a new regimen may go on


@dataclass(slots=True, kw_only=True)
class _Life:
    """What goes on from one visit of a patient to the next."""

    person: Person
    chronic: tuple[str, ...]
    allergies: tuple[KnownAllergy, ...]
    home: frozenset[str]
    now: datetime
    previous: Hospitalization | None = None
    before: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownVisit:
    """A visit, and what is true of it whether its record tells it or not."""

    visit: Visit
    truth: Truth
    situation: Situation  # that its prescriptions were drawn in


class Generator:
    """Draws patients; keep one, as reading its tables takes a moment."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._population = Population()
        self._procedures = Procedures()
        self._allergies = AllergyTable()

    @cached_property
    def prescribing(self) -> Prescribing:
        """The true chances of prescriptions."""
        return Prescribing()

    @cached_property
    def _telling(self) -> Telling:
        return Telling(self.prescribing)

    def visits(self, patient: int) -> Iterator[Visit]:
        """The visits of one patient, oldest first."""
        return (known.visit for known in self.known_visits(patient))

    def known_visits(self, patient: int) -> Iterator[KnownVisit]:
        """The same visits, each with the truth behind it."""
        rng = Random(f"{self.seed}/{patient}")
        draws = np.random.default_rng([self.seed, patient])
        life = self._life(rng, draws)
        for _ in range(rng.choice(_VISITS)):
            yield self._visit(patient, life, rng, draws)

    def _life(self, rng: Random, draws: np.random.Generator) -> _Life:
        person = self._population.person(rng)
        chronic = self._population.chronic(person, rng)
        allergies = self._allergies.draw(rng)
        at_home = _situation(None, person, chronic, allergies)
        home = self.prescribing.draw(self.prescribing.probabilities(at_home), draws)
        now = datetime(2018, 1, 1, 8, tzinfo=UTC) + timedelta(hours=rng.randrange(5 * 8766))
        return _Life(person=person, chronic=chronic, allergies=allergies, home=home, now=now)

    def _visit(
        self, patient: int, life: _Life, rng: Random, draws: np.random.Generator
    ) -> KnownVisit:
        usual = life.person.usual
        setting = usual if rng.random() < 0.85 else _ELSEWHERE[usual]
        acute = self._population.acute(life.person, setting, life.chronic, rng)
        procedures = self._procedures.draw(setting, (*life.chronic, *acute), rng)
        home = frozenset() if rng.random() < _NO_HISTORY else life.home
        reasons = (*life.chronic, *acute, *procedures)
        situation = _situation(setting, life.person, reasons, life.allergies, home, life.before)
        chances = self.prescribing.probabilities(situation)
        regimens = self.prescribing.draw(chances, draws)
        truth = Truth(
            patient=patient,
            now=life.now,
            person=life.person,
            setting=setting,
            chronic=life.chronic,
            acute=acute,
            procedures=procedures,
            allergies=life.allergies,
            home=tuple(sorted(home)),
            prescribed=tuple(sorted(regimens)),
            previous=life.previous,
        )
        visit = Visit(
            record=self._telling.record(truth, rng),
            prescribed=self.prescribing.given(regimens),
            probabilities=self.prescribing.by_ingredient(chances),
            patient=patient,
            setting=setting,
        )
        self._live_on(life, truth, rng)
        return KnownVisit(visit=visit, truth=truth, situation=situation)

    def _live_on(self, life: _Life, truth: Truth, rng: Random) -> None:
        at_home = _situation(None, life.person, life.chronic, life.allergies)
        chances = self.prescribing.probabilities(at_home)
        usual = dict(zip(self.prescribing.regimens, chances.tolist(), strict=True))
        kept = {name for name in sorted(life.home) if rng.random() < _STAYS_AT_HOME}
        new = {
            name
            for name in truth.prescribed
            if usual[name] > _USUAL_AT_HOME and rng.random() < _GOES_HOME
        }
        life.home = self.prescribing.one_of_a_choice(sorted(kept), sorted(new))
        if truth.setting != "outpatient":
            life.previous = self._telling.hospitalization(truth)
            life.before = frozenset(truth.prescribed)
        days = rng.randrange(30, 900)
        life.now += timedelta(days=days)
        older = life.person.age + days // 365
        life.person = Person(age=older, sex=life.person.sex, usual=life.person.usual)


def synthesize(patients: int, seed: int) -> Iterator[Visit]:
    """The visits of patients 0 to `patients` - 1; the same for the same seed."""
    generator = Generator(seed)
    for patient in range(patients):
        yield from generator.visits(patient)


def write_visits(
    path: Path,
    patients: int,
    seed: int,
    watched: Callable[[Sequence[int]], Iterable[int]] = iter,
) -> int:
    """Write the visits as JSON lines; returns how many there were.

    Args:
        path: of the file.
        patients: how many.
        seed: of the generator.
        watched: wraps the numbers of the patients, for a progress bar.
    """
    generator = Generator(seed)
    numbers = watched(range(patients))
    return save_visits(path, (one for patient in numbers for one in generator.visits(patient)))


def _situation(
    setting: Setting | None,
    person: Person,
    reasons: tuple[str, ...],
    allergies: tuple[KnownAllergy, ...],
    home: frozenset[str] = frozenset(),
    before: frozenset[str] = frozenset(),
) -> Situation:
    flags = {"Female" if person.sex == "female" else "Male"}
    flags |= {"Aged under 40"} if person.age < 40 else set()
    flags |= {"Aged 65 and over"} if person.age >= 65 else set()
    flags |= {"Aged 80 and over"} if person.age >= 80 else set()
    return Situation(
        setting=setting,
        reasons=frozenset(reasons) | flags,
        allergens=frozenset(label for allergy in allergies for label in allergy.blocks),
        home=home,
        before=before,
    )
