"""The scores of every candidate: what each is measured by, and what came of it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from cds_service.reviewer.shown.values import Json, mapping, mappings, number, text

FIRST = 30  # candidates that are shown at once, the best
MARKS = ("ordered", "current", "proposed", "unsupported")  # members of `chosen`


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreShown:
    """One candidate."""

    label: str
    rxcui: str
    log_odds: float | None  # None: not a finite number
    probability: float | None  # calibrated
    recommend_at: float | None  # log-odds
    support_at: float | None
    base_rate: float | None  # share of validation visits
    marks: Sequence[str]  # of MARKS

    @property
    def against(self) -> str:
        """What its thresholds say of the score."""
        return against(self.log_odds, self.recommend_at, self.support_at)

    @property
    def is_first_choice(self) -> bool:
        """Whether it is shown however low it stands: it is marked, or over its threshold."""
        return bool(set(self.marks) - {"current"}) or self.against == "recommended"


def against(log_odds: float | None, recommend_at: float | None, support_at: float | None) -> str:
    """In a word, what two thresholds say of a score."""
    if log_odds is None:
        return "no number"
    if recommend_at is not None and log_odds >= recommend_at:
        return "recommended"
    if support_at is not None and log_odds < support_at:
        return "unsupported"
    return "between"


def scores_shown(body: Json) -> list[ScoreShown]:
    """Every candidate, the highest log-odds first."""
    chosen = mapping(body.get("chosen"))
    marked = {mark: _codes(chosen.get(mark)) for mark in MARKS}
    found = [_score(row, marked) for row in mappings(body.get("scores"))]
    return sorted(found, key=lambda one: (one.log_odds is None, -(one.log_odds or 0.0), one.label))


def first_of(scores: Sequence[ScoreShown]) -> list[ScoreShown]:
    """The best of them, and whatever was ordered, chosen or is over its threshold."""
    return [one for place, one in enumerate(scores) if place < FIRST or one.is_first_choice]


def _codes(value: object) -> Collection[str]:
    return {text(one) for one in value} if isinstance(value, list) else frozenset()


def _score(row: Json, marked: Mapping[str, Collection[str]]) -> ScoreShown:
    rxcui = text(row.get("rxcui"))
    return ScoreShown(
        label=text(row.get("label")),
        rxcui=rxcui,
        log_odds=number(row.get("log_odds")),
        probability=number(row.get("probability")),
        recommend_at=number(row.get("recommend_at")),
        support_at=number(row.get("support_at")),
        base_rate=number(row.get("base_rate")),
        marks=[mark for mark, codes in marked.items() if rxcui and rxcui in codes],
    )
