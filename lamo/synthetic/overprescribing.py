"""Ways to prescribe too much: each finds one medication for a chart, or none."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cached_property
from importlib.resources import files
from itertools import product
from random import Random
from typing import Literal

from fhir_mappings.formulary import FormularyEntry
from fhir_mappings.record import Medication
from lamo.synthetic.chart import Chart, Pharmacy
from lamo.synthetic.tables import Row, cells, read_table
from medication_safety.duplicates import shared_class

Kind = Literal[
    "unsupported",
    "duplicate",
    "interaction",
    "inappropriate-for-age",
    "continued-too-long",
    "cascade",
]
KINDS: tuple[Kind, ...] = (
    "unsupported",
    "duplicate",
    "interaction",
    "inappropriate-for-age",
    "continued-too-long",
    "cascade",
)
UNSUPPORTED_BELOW = 0.02  # true probability
OLD_FROM = 65  # years


@dataclass(frozen=True, slots=True, kw_only=True)
class Surplus:
    """One medication too many: ordered, unless it has been taken since a day in the past."""

    medication: Medication
    beside: tuple[str, ...]  # labels of what it repeats, meets or treats; may be empty
    why: str
    is_taken: bool = False


class Overprescribing:
    """Finds what would be too much; keep one, as reading its tables takes a moment."""

    def __init__(self, pharmacy: Pharmacy) -> None:
        self._pharmacy = pharmacy
        self._entries = pharmacy.formulary.entries
        self._for_age, self._stopping = read_table("older_adults"), read_table("stopping")
        self._cascades = read_table("cascades")

    @cached_property
    def _pairs(self) -> tuple[Row, ...]:
        source = files("lamo.training") / "data" / "ddi_onc_high_priority_pairs.csv"
        return tuple(csv.DictReader(source.read_text(encoding="utf-8").splitlines()))

    def find(self, kind: Kind, chart: Chart, rng: Random) -> Surplus | None:
        """One medication of that kind, drawn among those that fit; None when none does."""
        ways = {
            "unsupported": self._unsupported,
            "duplicate": self._duplicate,
            "interaction": self._interaction,
            "inappropriate-for-age": self._inappropriate,
            "continued-too-long": self._continued,
            "cascade": self._cascade,
        }
        found = list(ways[kind](chart, rng))
        return rng.choice(found) if found else None

    def _unsupported(self, chart: Chart, rng: Random) -> Iterator[Surplus]:
        """Nothing else may speak against it, so that it is of this kind alone."""
        against = self._interacting(chart).keys() | self._advised_against(chart).keys()
        for label, chance in chart.visit.probabilities.items():
            given_for = self._pharmacy.indicated(label)
            entry = self._pharmacy.formulary.by_label(label)
            if not 0 < chance < UNSUPPORTED_BELOW or not given_for or entry.rxcui in against:
                continue
            if entry.systemic and not given_for & chart.reasons and self._is_new(entry, chart):
                why = f"true probability {chance:.1g} and none of its indications on record"
                yield self._surplus(label, (), why, rng)

    def _duplicate(self, chart: Chart, rng: Random) -> Iterator[Surplus]:
        """As many of another name as of the same class, where both can be."""
        ways = [list(self._renamed(chart)), list(self._same_class(chart, rng))]
        yield from rng.choice([way for way in ways if way] or [[]])

    def _renamed(self, chart: Chart) -> Iterator[Surplus]:
        repeated = self._pharmacy.knowledge.duplicate.repeated_on_purpose
        for listed in chart.listed:
            entry = self._pharmacy.formulary.entry(listed.ingredients[0].rxcui)
            if len(listed.ingredients) > 1 or entry.drug_class in repeated or not entry.systemic:
                continue
            for brand in entry.brands:
                if brand.lower() not in listed.display.lower():
                    twin = Medication(display=brand, ingredients=listed.ingredients)
                    why = f"the same ingredient as {listed.display}"
                    yield Surplus(medication=twin, beside=(entry.label,), why=why)

    def _same_class(self, chart: Chart, rng: Random) -> Iterator[Surplus]:
        parts = [part for listed in chart.listed for part in listed.ingredients]
        for part, entry in product(parts, self._pharmacy.formulary.candidates):
            if entry.rxcui in chart.rxcuis or chart.is_ruled_out(entry.label):
                continue
            name = shared_class(part, entry.ingredient, self._pharmacy.knowledge)
            if name:
                yield self._surplus(entry.label, (part.label,), f"a second {name}", rng)

    def _interaction(self, chart: Chart, rng: Random) -> Iterator[Surplus]:
        """A medication that the model knows where there is one, or else any."""
        found = self._interacting(chart)
        entries = [self._pharmacy.formulary.entry(rxcui) for rxcui in found]
        common = [entry for entry in entries if entry.is_candidate]
        for entry in common or entries:
            if not chart.is_ruled_out(entry.label):
                partner, row = found[entry.rxcui]
                why = f"high-priority interaction {row['onc_id']} with {partner}"
                yield self._surplus(entry.label, (partner,), why, rng)

    def _inappropriate(self, chart: Chart, rng: Random) -> Iterator[Surplus]:
        for rxcui, row in self._advised_against(chart).items():
            entry = self._pharmacy.formulary.entry(rxcui)
            if self._is_new(entry, chart):
                yield self._surplus(entry.label, (), f"{row['rule']}: {row['why']}", rng)

    def _continued(self, chart: Chart, rng: Random) -> Iterator[Surplus]:
        for row in self._stopping:
            if chart.reasons.intersection(cells(row["unless"])):
                continue
            for label in cells(row["medications"]):
                if self._is_new(self._pharmacy.formulary.by_label(label), chart):
                    yield self._too_long(label, row, chart, rng)

    def _cascade(self, chart: Chart, rng: Random) -> Iterator[Surplus]:
        taken = {part.label for one in chart.record.current for part in one.ingredients}
        for row in self._cascades:
            for cause, treatment in product(cells(row["cause"]), cells(row["treatment"])):
                entry = self._pharmacy.formulary.by_label(treatment)
                has_reason = self._pharmacy.indicated(treatment) & chart.reasons
                if cause in taken and not has_reason and self._is_new(entry, chart):
                    why = f"treats {row['effect']}, a known effect of {cause} ({row['basis']})"
                    yield self._surplus(treatment, (cause,), why, rng)

    def _too_long(self, label: str, row: Row, chart: Chart, rng: Random) -> Surplus:
        days = int(row["days"]) * 2 + rng.randrange(300)
        started = chart.record.decided_at.date() - timedelta(days=days)
        why = f"{row['group']} for {days} days, of {row['days']} at most: {row['why']}"
        drawn = self._surplus(label, (), why, rng)
        medication = replace(drawn.medication, started=started, status="active")
        return replace(drawn, medication=medication, is_taken=True)

    def _surplus(self, label: str, beside: Sequence[str], why: str, rng: Random) -> Surplus:
        medication = self._pharmacy.product(label, rng)
        return Surplus(medication=medication, beside=tuple(beside), why=why)

    def _is_new(self, entry: FormularyEntry, chart: Chart) -> bool:
        """Neither it nor another of its class is on the list, and nothing forbids it."""
        is_there = self._pharmacy.repeats(entry.ingredient, chart.listed)
        return not is_there and not chart.is_ruled_out(entry.label)

    def _interacting(self, chart: Chart) -> dict[str, tuple[str, Row]]:
        """What is not on the list and interacts with something on it: RxNorm to partner, row."""
        known = {entry.rxcui: entry.label for entry in self._entries}
        found: dict[str, tuple[str, Row]] = {}
        for row in self._pairs:
            one, other = row["rxcui_a"], row["rxcui_b"]
            for listed, new in ((one, other), (other, one)):
                if listed in chart.rxcuis and new in known and new not in chart.rxcuis:
                    found.setdefault(new, (known[listed], row))
        return found

    def _advised_against(self, chart: Chart) -> dict[str, Row]:
        """What the patient is too old for, by RxNorm."""
        if (chart.record.age or 0) < OLD_FROM:
            return {}
        return {
            self._pharmacy.formulary.by_label(label).rxcui: row
            for row in self._for_age
            if not row["given"] or chart.reasons.intersection(cells(row["given"]))
            if not chart.reasons.intersection(cells(row["unless"]))
            for label in cells(row["medications"])
        }
