"""What would change the advice: facts are left out, and the model is asked again."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from cds_service.reviewer.shown.scores import ScoreShown, against
from cds_service.smart.live import Live
from cds_service.tools import Tools
from lamo.deadline import Deadline
from lamo.explanation import without
from lamo.prompts import Prompt
from lamo.scoring.base import ScorerUnavailable, VariantScorer

SCORE_MS = 2000.0
MOST = 12  # candidates that are scored again
CHOSEN = frozenset({"ordered", "proposed", "unsupported"})  # marks of what a card is about


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighed:
    """One candidate: at the decision, now, and without the facts that were left out."""

    then: ScoreShown
    now: float
    without: float
    recommend_at: float  # of the artifact that is loaded now
    support_at: float

    @property
    def moved(self) -> float:
        """How far leaving out moves the log-odds."""
        return self.without - self.now

    @property
    def says_now(self) -> str:
        """What its thresholds say of the record as it is."""
        return against(self.now, self.recommend_at, self.support_at)

    @property
    def says_without(self) -> str:
        """What they say without the facts."""
        return against(self.without, self.recommend_at, self.support_at)


def asked_about(scores: Sequence[ScoreShown], explained: Collection[str]) -> list[ScoreShown]:
    """The candidates that the cards are about, or that were explained: the best of them."""
    found = [one for one in scores if CHOSEN & set(one.marks) or one.label in explained]
    return found[:MOST]


def weigh(
    live: Live, left_out: Collection[str], asked: Sequence[ScoreShown], tools: Tools
) -> list[Weighed]:
    """Score candidates with and without facts.

    Args:
        live: the record as it is.
        left_out: keys of its facts.
        asked: candidates; those that the loaded model does not know are left out.
        tools: with the model.

    Raises:
        ScorerUnavailable: the model is down or late.
    """
    entries = tools.artifact.by_label
    known = [one for one in asked if one.label in entries]
    labels = [one.label for one in known]
    if not labels:
        return []
    variant = without(*live.shown, left_out, tools.prompts)
    now, changed = _scored(live.prompt, variant, labels, tools)
    return [
        Weighed(
            then=one,
            now=now[one.label],
            without=changed[one.label],
            recommend_at=entries[one.label].recommend_at,
            support_at=entries[one.label].support_at,
        )
        for one in known
    ]


def _scored(
    whole: Prompt, variant: Prompt, labels: Sequence[str], tools: Tools
) -> tuple[Mapping[str, float], Mapping[str, float]]:
    scorer, deadline = tools.scorer, Deadline.after_ms(SCORE_MS)
    now = scorer.score(whole, labels, deadline)
    if isinstance(scorer, VariantScorer):
        return now, scorer.score_variants(whole, [variant], labels, deadline)[0]
    if deadline.left_s() == 0:
        raise ScorerUnavailable("no time was left for the second question")
    return now, scorer.score(variant, labels, deadline)
