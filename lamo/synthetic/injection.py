"""Overprescription put into visits on purpose, so that it is known what a check should find.

A layer on top of the generator: the visit itself, its draws and its probabilities stay as they
are. The truth names what was put in; what a real prescriber, or the draw of the generator,
would also have done better without is not in it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from random import Random

from fhir_mappings.record import Medication, PatientRecord
from lamo.synthetic.chart import Chart, Pharmacy, with_order
from lamo.synthetic.generator import synthesize
from lamo.synthetic.overprescribing import KINDS, Kind, Overprescribing, Surplus
from lamo.visits import Visit

SHARE = 0.2  # of the visits of a cohort


@dataclass(frozen=True, slots=True, kw_only=True)
class Injection:
    """One medication too many."""

    kind: Kind
    medications: tuple[str, ...]  # labels: the one too many, then what it repeats, meets or treats
    why: str
    reference: str | None  # of the draft order; None when it stands among the current ones


@dataclass(frozen=True, slots=True, kw_only=True)
class InjectedVisit:
    """A visit with its orders as drafts, and what of them was put in."""

    visit: Visit  # as it was drawn
    clean: PatientRecord  # with the visit's own prescriptions as drafts
    record: PatientRecord  # the same, and what was put in
    truth: tuple[Injection, ...] = ()  # empty: nothing was put in, `record` is `clean`

    @property
    def twin(self) -> "InjectedVisit":
        """The same visit with nothing put in."""
        return replace(self, record=self.clean, truth=())


def inject(visit: Visit, seed: int, kinds: Sequence[Kind] = KINDS) -> InjectedVisit:
    """The visit with one medication too many, of the first of the kinds, shuffled, that fits it.

    With kinds of which none fits the visit, nothing is put in and the truth is empty.
    """
    pharmacy, overprescribing = _tools()
    rng = _rng(visit, seed)
    chart = pharmacy.open_chart(visit, rng)
    for kind in rng.sample(kinds, len(kinds)):
        surplus = overprescribing.find(kind, chart, rng)
        if surplus is not None:
            return _injected(chart, kind, surplus)
    return InjectedVisit(visit=visit, clean=chart.record, record=chart.record)


def leave(visit: Visit, seed: int) -> InjectedVisit:
    """The visit with its own prescriptions as drafts, and nothing put in."""
    record = _tools()[0].open_chart(visit, _rng(visit, seed)).record
    return InjectedVisit(visit=visit, clean=record, record=record)


def synthesize_injected(patients: int, seed: int) -> Iterator[InjectedVisit]:
    """The visits of `synthesize`, a fifth of them with one medication too many."""
    for visit in synthesize(patients, seed):
        is_chosen = _rng(visit, seed, "share").random() < SHARE
        yield inject(visit, seed) if is_chosen else leave(visit, seed)


def _injected(chart: Chart, kind: Kind, surplus: Surplus) -> InjectedVisit:
    if surplus.is_taken:
        record = _with_taken(chart.record, surplus.medication)
        reference = None
    else:
        record = with_order(chart.record, surplus.medication)
        reference = record.ordered[-1].reference
    own = tuple(part.label for part in surplus.medication.ingredients)
    labels = tuple(dict.fromkeys((*own, *surplus.beside)))
    truth = Injection(kind=kind, medications=labels, why=surplus.why, reference=reference)
    return InjectedVisit(visit=chart.visit, clean=chart.record, record=record, truth=(truth,))


def _with_taken(record: PatientRecord, medication: Medication) -> PatientRecord:
    return replace(record, current=(*record.current, medication))


def _rng(visit: Visit, seed: int, purpose: str = "injection") -> Random:
    return Random(f"{purpose}/{seed}/{visit.patient}/{visit.record.decided_at.isoformat()}")


@cache
def _tools() -> tuple[Pharmacy, Overprescribing]:
    pharmacy = Pharmacy()
    return pharmacy, Overprescribing(pharmacy)
