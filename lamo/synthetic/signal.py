"""What each source of information is worth: the best Jaccard with and without it.

Run `python -m lamo.synthetic.signal --patients 300 --seed 7`. The one who decides knows every
prior of the generator and sees the whole record but for one source, and so averages the true
probabilities over what that source could say. Approximations: home medications are averaged
over a few draws of what such a patient takes at home; what a note, an allergy or an earlier
stay would add is left out, as most records have nothing there; the members of a class get
their usual shares in the setting.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean, stdev

import click
import numpy as np

from lamo.synthetic.generator import Generator, KnownVisit
from lamo.synthetic.limit import best_choice, jaccard
from lamo.synthetic.prescribing import Blindness, Prescribing, Situation
from lamo.visits import Visit

HOMES = 6  # draws that stand for what may be taken at home

Chances = Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Worth:
    """The best that can be done without one source."""

    hidden: str
    jaccard: float
    loss: float  # against seeing everything, on the same visits
    margin: float  # half the 95 % interval of the loss
    share: float  # of all that can be known beyond one list for everybody


class Decider:
    """Knows the priors, and on each visit all but what is hidden."""

    def __init__(self, prescribing: Prescribing, draws: np.random.Generator) -> None:
        self._prescribing = prescribing
        self._draws = draws

    def views(self) -> dict[str, Callable[[KnownVisit], Chances]]:
        """Each source that can be hidden, and what is believed without it."""
        return {
            "choice within a class": self.without_choice,
            "home medications": self.without_home,
            "contraindications": self.without_contraindications,
            "allergies": self.without_allergies,
            "medications of the previous stay": self.without_before,
            "what only the note says": self.without_note,
            "all of these": self.without_all,
        }

    def without_choice(self, known: KnownVisit) -> Chances:
        """Knows that a statin is due, not which."""
        return self._believed([known.situation], Blindness(choice=True))

    def without_home(self, known: KnownVisit) -> Chances:
        """Does not know what is taken at home."""
        return self._believed(self._homes(known, known.situation))

    def without_contraindications(self, known: KnownVisit) -> Chances:
        """Does not know that a condition rules something out."""
        return self._believed([known.situation], Blindness(contraindications=True))

    def without_allergies(self, known: KnownVisit) -> Chances:
        """Does not know the allergies."""
        return self._believed([replace(known.situation, allergens=frozenset())])

    def without_before(self, known: KnownVisit) -> Chances:
        """Does not know what was given in the previous stay."""
        return self._believed([replace(known.situation, before=frozenset())])

    def without_note(self, known: KnownVisit) -> Chances:
        """Sees codes and lists alone."""
        return self._believed(self._coded(known))

    def without_all(self, known: KnownVisit) -> Chances:
        """Sees coded conditions, procedures, age, sex and setting, and classes for members."""
        bare = replace(self._coded(known)[0], allergens=frozenset(), before=frozenset())
        blind = Blindness(choice=True, contraindications=True)
        return self._believed(self._homes(known, bare), blind)

    def _believed(self, situations: Sequence[Situation], blind: Blindness | None = None) -> Chances:
        blind = blind or Blindness()
        found = [
            self._prescribing.by_ingredient(self._prescribing.probabilities(one, blind))
            for one in situations
        ]
        return {label: fmean(one[label] for one in found) for label in found[0]}

    def _homes(self, known: KnownVisit, seen: Situation) -> list[Situation]:
        """The situation with each of a few home lists that such a patient may have."""
        passing = {*known.truth.acute, *known.truth.procedures} - set(known.truth.chronic)
        at_home = replace(
            seen, setting=None, reasons=seen.reasons - passing, home=frozenset(), before=frozenset()
        )
        chances = self._prescribing.probabilities(at_home)
        lists = [self._prescribing.draw(chances, self._draws) for _ in range(HOMES)]
        return [replace(seen, home=home) for home in lists]

    def _coded(self, known: KnownVisit) -> list[Situation]:
        """What is left without the note: more than one situation when the home list is gone."""
        record, truth = known.visit.record, known.truth
        told = {one.label for one in record.diagnoses}
        told |= {one.label for one in record.previous.diagnoses} if record.previous else set()
        seen = replace(
            known.situation,
            reasons=known.situation.reasons - (set(truth.chronic) - told),
            allergens=known.situation.allergens if record.allergies else frozenset(),
        )
        return self._homes(known, seen) if truth.home and not record.current else [seen]


def known_visits(patients: int, seed: int) -> Iterator[KnownVisit]:
    """The visits of `synthesize` with the truth behind each."""
    generator = Generator(seed)
    for patient in range(patients):
        yield from generator.known_visits(patient)


def worth_of_each(visits: Sequence[KnownVisit], seed: int) -> tuple[float, float, list[Worth]]:
    """The limit, the best single list for everybody, and what is lost without each source.

    Args:
        visits: at least two.
        seed: of the draws of what may be taken at home.
    """
    decider = Decider(Prescribing(), np.random.default_rng(seed))
    drawn = [known.visit for known in visits]
    full = _scores(drawn, (visit.probabilities for visit in drawn))
    usual = {
        label: fmean(v.probabilities[label] for v in drawn) for label in drawn[0].probabilities
    }
    floor = fmean(_scores(drawn, (usual for _ in drawn)))
    found = []
    for hidden, view in decider.views().items():
        scores = _scores(drawn, map(view, visits))
        losses = [best - left for best, left in zip(full, scores, strict=True)]
        found.append(
            Worth(
                hidden=hidden,
                jaccard=fmean(scores),
                loss=fmean(losses),
                margin=1.96 * stdev(losses) / math.sqrt(len(losses)),
                share=fmean(losses) / (fmean(full) - floor),
            )
        )
    return fmean(full), floor, found


def table(limit: float, floor: float, found: Iterable[Worth]) -> str:
    """The worth of each source as Markdown."""
    rows = ["| hidden | best Jaccard | loss | share of the signal |", "|---|---|---|---|"]
    rows.append(f"| nothing | {limit:.3f} | | |")
    for one in found:
        loss = f"{one.loss:.3f} ± {one.margin:.3f}"
        rows.append(f"| {one.hidden} | {one.jaccard:.3f} | {loss} | {one.share:.1%} |")
    rows.append(f"| everything: one list for all | {floor:.3f} | {limit - floor:.3f} | 100.0% |")
    return "\n".join(rows)


@click.command()
@click.option("--patients", type=click.IntRange(min=2), default=300, show_default=True)
@click.option("--seed", type=int, default=7, show_default=True)
def main(patients: int, seed: int) -> None:
    """Print what each source of information is worth on synthetic patients."""
    visits = list(known_visits(patients, seed))
    click.echo(f"{patients} patients of seed {seed}, {len(visits)} visits")
    click.echo(table(*worth_of_each(visits, seed)))


def _scores(visits: Iterable[Visit], beliefs: Iterable[Chances]) -> list[float]:
    pairs = zip(visits, beliefs, strict=True)
    return [jaccard(best_choice(chances), visit.prescribed) for visit, chances in pairs]


if __name__ == "__main__":
    main()
