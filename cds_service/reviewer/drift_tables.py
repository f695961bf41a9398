"""Two periods side by side: each distribution with its PSI and the counts beneath. Pure."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from cds_service.audit.read_model.call_counts import MISSING, latency_bound
from cds_service.audit.read_model.drift_reading import Day
from cds_service.reviewer.statistics import Stability, joined, quantile, stability

Counts = Mapping[str, int]
Measures = Mapping[str, Counts]
OTHERS = "all others"
RARE = 0.01  # of all counts: medications and rules below it are one bin
COARSE = 3  # bins of latency that are one for the PSI: a factor of two
NAMED: Mapping[str, str] = {
    "outcome": "Outcome of the call",
    "cards": "Cards in a call",
    "rule": "Rules of the cards shown",
    "medication": "Medications of the cards shown",
    "suppressed why": "Why something found was not shown",
    "suppressed rule": "Rules of what was not shown",
    "suppressed medication": "Medications of what was not shown",
    "gap": "Kinds of gaps; a call without any counts as none",
    "service": "Services called",
}
FAMILIES: Mapping[str, str] = {
    "input": "How {} arrived",
    "resources": "Resources of {}",
    "latency": "Milliseconds, {}",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """One bin in both periods."""

    name: str
    before: int
    after: int
    share_before: float
    share_after: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One distribution in both periods."""

    label: str
    before: int
    after: int
    stability: Stability
    bins: Sequence[Bin]


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """Milliseconds of a stage in both periods, read from bins: at most 26 % off."""

    stage: str
    calls: int  # of the current period
    before: tuple[float | None, float | None]  # median, 95th percentile
    after: tuple[float | None, float | None]


def summed(days: Iterable[Day]) -> dict[str, Counter[str]]:
    """All days in one, with the services that were called."""
    total: dict[str, Counter[str]] = {}
    for day in days:
        calls = sum(day.counts.get("calls", {}).values())
        total.setdefault("service", Counter())[day.service_id or "none of ours"] += calls
        for measure, bins in day.counts.items():
            total.setdefault(measure, Counter()).update(bins)
    return total


def compared(before: Measures, after: Measures, name_of: Callable[[str], str]) -> list[Compared]:
    """Every distribution that either period has anything of.

    Args:
        before, after: of the reference and the current period.
        name_of: of a medication, by its RxNorm code.
    """
    found = []
    for measure in _ordered({**before, **after}):
        both = _binned(measure, before.get(measure, {}), after.get(measure, {}))
        found.append(_compared(measure, both[0], both[1], name_of))
    return found


def latencies(before: Measures, after: Measures) -> list[Latency]:
    """Every stage, the whole call first."""
    stages = [name for name in _ordered({**before, **after}) if name.startswith("latency:")]
    return [
        Latency(
            stage=stage.removeprefix("latency:"),
            calls=sum(after.get(stage, {}).values()),
            before=quantiles(before.get(stage, {})),
            after=quantiles(after.get(stage, {})),
        )
        for stage in stages
    ]


def quantiles(counts: Counts) -> tuple[float | None, float | None]:
    """The median and the 95th percentile."""
    return quantile(counts, 0.5), quantile(counts, 0.95)


def missing_share(counts: Counts) -> float | None:
    """Which share of calls lacked an input; None without calls."""
    total = sum(counts.values())
    lacking = sum(count for state, count in counts.items() if state in MISSING)
    return lacking / total if total else None


def label_of(measure: str) -> str:
    """How a page calls a measure."""
    family, _, name = measure.partition(":")
    return FAMILIES[family].format(name) if name else NAMED[measure]


def _ordered(measures: Iterable[str]) -> list[str]:
    """The order of the page: what comes of calls, then what comes in, then how long it takes."""
    places = {name: place for place, name in enumerate((*NAMED, *FAMILIES))}
    known = [name for name in measures if name.partition(":")[0] in places]
    return sorted(
        known,
        key=lambda name: (places[name.partition(":")[0]], name != "latency:total", name),
    )


def _binned(measure: str, before: Counts, after: Counts) -> Sequence[Counts]:
    if measure.startswith("latency:"):
        return _coarse(before), _coarse(after)
    if measure.endswith(("rule", "medication")):
        return joined([before, after], RARE, OTHERS)
    return before, after


def _coarse(counts: Counts) -> Counts:
    wide: Counter[str] = Counter()
    for name, count in counts.items():
        wide[str(-(-int(name) // COARSE) * COARSE)] += count
    return wide


def _compared(
    measure: str, before: Counts, after: Counts, name_of: Callable[[str], str]
) -> Compared:
    n, m = sum(before.values()), sum(after.values())
    bins = sorted({**before, **after}, key=lambda name: _place(measure, name, before, after))
    return Compared(
        label=label_of(measure),
        before=n,
        after=m,
        stability=stability(before, after),
        bins=[
            Bin(
                name=_bin_name(measure, name, name_of),
                before=before.get(name, 0),
                after=after.get(name, 0),
                share_before=before.get(name, 0) / n if n else 0.0,
                share_after=after.get(name, 0) / m if m else 0.0,
            )
            for name in bins
        ],
    )


def _place(measure: str, name: str, before: Counts, after: Counts) -> tuple[float, str]:
    """Bins of numbers in their order, others by how often they are."""
    if measure == "cards" or measure.partition(":")[0] in ("resources", "latency"):
        return float(name.rstrip("+").partition("-")[0] or name), ""
    return -(before.get(name, 0) + after.get(name, 0)), name


def _bin_name(measure: str, name: str, name_of: Callable[[str], str]) -> str:
    if measure.startswith("latency:"):
        low, high = (latency_bound(place) for place in (int(name) - COARSE, int(name)))
        return f"{low:,.3g} to {high:,.3g} ms"
    return name_of(name) if measure.endswith("medication") and name != OTHERS else name
