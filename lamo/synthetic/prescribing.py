"""What is prescribed: one logit per choice, a softmax within it, hard zeros.

A choice is what clinicians decide at once: a statin or none, and which one. Its options are
regimens, each one or several ingredients given together. A choice's logit is its base in the
setting, plus the strongest of its reasons, plus a part of the others, plus what speaks against
it. Reasons are conditions, procedures, age and sex, and above all what the patient takes at home.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from fhir_mappings.record import Setting
from lamo.synthetic.tables import SETTINGS, Flags, Floats, cells, log_odds, read_table, sigmoid

AGE_AND_SEX = ("Aged under 40", "Aged 65 and over", "Aged 80 and over", "Female", "Male")
# The tables say what clinicians do on average; one hospital is more of one mind than that.
DECIDEDNESS = {"home": 1.0, "outpatient": 1.9, "inpatient": 1.9, "icu": 1.9}
FURTHER_REASONS = 0.15  # share of a reason's logit that counts beside a stronger one
_CARRY_SHIFT = {"home": 0.0, "outpatient": 0.3, "inpatient": 0.1, "icu": -0.8}
_SAME_AS_HOME = 4.0  # preference for the member of a class that the patient takes at home
_SAME_AS_BEFORE = 1.2  # and for the one that was given in the previous stay
_GIVEN_BEFORE = 0.8  # logit of a choice that was made in the previous stay


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """Everything that a prescription depends on."""

    setting: Setting | None  # None: the time before the visit, at home
    reasons: frozenset[str]  # conditions, procedures, and of AGE_AND_SEX
    allergens: frozenset[str] = frozenset()  # ingredients that an allergy rules out
    home: frozenset[str] = frozenset()  # regimens
    before: frozenset[str] = frozenset()  # regimens of the previous stay


@dataclass(frozen=True, slots=True, kw_only=True)
class Blindness:
    """What somebody who knows the rest cannot see, for measuring what it is worth."""

    choice: bool = False  # why one member of a class is preferred to another
    contraindications: bool = False  # that a condition rules a medication out


SEEING = Blindness()


class Prescribing:
    """The true probability of every prescription, and draws from it."""

    def __init__(self) -> None:
        rows = sorted(read_table("medications"), key=lambda row: row["choice"])
        self.regimens = tuple(row["regimen"] for row in rows)
        self.ingredients = {row["regimen"]: cells(row["ingredients"]) for row in rows}
        choices = tuple(dict.fromkeys(row["choice"] for row in rows))
        self._choice_of = np.array([choices.index(row["choice"]) for row in rows])
        self._first_of = np.searchsorted(self._choice_of, np.arange(len(choices)))
        self._share = np.array([[float(row[s]) + 1e-7 for row in rows] for s in SETTINGS])
        carry = np.array([log_odds(float(row["carry"])) for row in rows])
        self._base = np.array(
            [
                [log_odds(total) for total in np.add.reduceat(share, self._first_of)]
                for share in self._share
            ]
        )
        self._carry = np.array([carry + _CARRY_SHIFT[s] for s in SETTINGS])
        self._index_reasons(choices)
        self._index_ingredients()

    def probabilities(self, situation: Situation, blind: Blindness = SEEING) -> Floats:
        """(regimens,): the chance of each, at most one of a choice."""
        mode = SETTINGS.index(situation.setting or "home")
        blocked = self._blocked(situation, blind)
        home = self._mark(situation.home) & ~blocked
        before = self._mark(situation.before) & ~blocked
        # sorted: sums of floats must not hang on the order of a set
        active = sorted(self._reason[name] for name in situation.reasons & self._reason.keys())
        need = sigmoid(DECIDEDNESS[SETTINGS[mode]] * self._need(mode, active, home, before))
        pull = self._preference[active].sum(axis=0)
        pull = pull + _SAME_AS_HOME * home + _SAME_AS_BEFORE * before
        pull = np.zeros_like(pull) if blind.choice else pull
        odds = self._share[mode] * np.exp(pull) * ~blocked
        totals = np.add.reduceat(odds, self._first_of)
        share = odds / np.where(totals > 0, totals, 1.0)[self._choice_of]
        chances: Floats = need[self._choice_of] * share
        return chances

    def draw(self, chances: Floats, rng: np.random.Generator) -> frozenset[str]:
        """One draw: the regimens that are prescribed."""
        upper = np.cumsum(chances)
        start = (upper - chances)[self._first_of]
        upper = upper - start[self._choice_of]
        aim = rng.random(len(self._first_of))[self._choice_of]
        hits = np.flatnonzero((upper - chances <= aim) & (aim < upper))
        return frozenset(self.regimens[hit] for hit in hits)

    def by_ingredient(self, chances: Floats) -> dict[str, float]:
        """The marginal chance of each ingredient; one may stand in several regimens."""
        by_pair = np.bincount(self._pair, chances[self._regimen_of], self._n_pairs)
        left = np.bincount(self._ingredient_of_pair, np.log1p(-np.minimum(by_pair, 1 - 1e-12)))
        return {
            label: abs(round(float(value), 6))
            for label, value in zip(self.labels, np.expm1(left), strict=True)
        }

    def given(self, regimens: Iterable[str]) -> frozenset[str]:
        """The ingredients of the regimens."""
        return frozenset(part for regimen in regimens for part in self.ingredients[regimen])

    def one_of_a_choice(self, first: Sequence[str], then: Sequence[str]) -> frozenset[str]:
        """The regimens of both lists, at most one of a choice; the earlier one stands."""
        taken: dict[int, str] = {}
        for name in (*first, *then):
            taken.setdefault(int(self._choice_of[self.regimens.index(name)]), name)
        return frozenset(taken.values())

    def _need(self, mode: int, active: Sequence[int], home: Flags, before: Flags) -> Floats:
        base = self._base[mode]
        carried = np.maximum.reduceat(np.where(home, self._carry[mode], -99), self._first_of)
        again = np.logical_or.reduceat(before, self._first_of) * _GIVEN_BEFORE
        reasons = np.vstack([self._effect[mode][active], carried - base, again])
        spoken = np.maximum(reasons[:-2], 0)
        pro = np.vstack([spoken, np.maximum(reasons[-2:], 0)])
        strongest = pro.max(axis=0)
        against = np.minimum(reasons[:-2], 0).sum(axis=0)
        need: Floats = base + strongest + FURTHER_REASONS * (pro.sum(axis=0) - strongest) + against
        return need

    def _blocked(self, situation: Situation, blind: Blindness) -> Flags:
        ruled_out = set(situation.allergens)
        for reason in () if blind.contraindications else situation.reasons:
            ruled_out |= self._forbidden_by.get(reason, frozenset())
        hits = [any(i in ruled_out for i in self.ingredients[name]) for name in self.regimens]
        return np.array(hits)

    def _mark(self, names: frozenset[str]) -> Flags:
        return np.array([name in names for name in self.regimens])

    def _index_reasons(self, choices: Sequence[str]) -> None:
        effects, preferences = read_table("effects"), read_table("preferences")
        given = {row["given"] for row in (*effects, *preferences)} | set(AGE_AND_SEX)
        self._reason = {name: index for index, name in enumerate(sorted(given))}
        self._effect = np.zeros((len(SETTINGS), len(given), len(choices)))
        for row in effects:
            choice = choices.index(row["choice"])
            for mode, setting in enumerate(SETTINGS):
                cell = row["hospital" if mode > 1 else setting]
                if cell:
                    weight = log_odds(float(cell)) - self._base[mode, choice]
                    self._effect[mode, self._reason[row["given"]], choice] = weight
        self._preference = np.zeros((len(given), len(self.regimens)))
        for row in preferences:
            member = self.regimens.index(row["regimen"])
            self._preference[self._reason[row["given"]], member] = float(row["weight"])
        self._forbidden_by: dict[str, frozenset[str]] = {}
        for row in read_table("contraindications"):
            earlier = self._forbidden_by.get(row["given"], frozenset())
            self._forbidden_by[row["given"]] = earlier | {row["medication"]}

    def _index_ingredients(self) -> None:
        self.labels = tuple(sorted({i for parts in self.ingredients.values() for i in parts}))
        pairs: dict[tuple[int, str], int] = {}
        regimen_of, pair = [], []
        for index, name in enumerate(self.regimens):
            for part in self.ingredients[name]:
                key = (int(self._choice_of[index]), part)
                regimen_of.append(index)
                pair.append(pairs.setdefault(key, len(pairs)))
        self._regimen_of, self._pair = np.array(regimen_of), np.array(pair)
        self._n_pairs = len(pairs)
        self._ingredient_of_pair = np.array([self.labels.index(part) for _, part in pairs])
