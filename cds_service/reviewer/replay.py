"""Scoring a stored prompt again, with the model that is loaded now."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cds_service.reviewer.shown.scores import ScoreShown, against, scores_shown
from cds_service.reviewer.shown.values import Json, mapping, text
from lamo.artifact import Artifact
from lamo.deadline import Deadline
from lamo.prompts import Prompt
from lamo.scoring.base import Scorer, ScorerUnavailable, VariantScorer

REPLAY_MS = 5000.0  # for all of it
SAME = 0.01  # log-odds: stored scores are rounded to 0.0001, and sums may be added up otherwise


class NotReplayed(Exception):  # noqa: N818 - a situation
    """A decision cannot be scored again; says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rescored:
    """One candidate, then and now."""

    then: ScoreShown
    log_odds: float
    recommend_at: float  # of the artifact that is loaded now
    support_at: float

    @property
    def moved(self) -> float:
        """Now minus then, in log-odds; infinite where there was no number."""
        return float("inf") if self.then.log_odds is None else self.log_odds - self.then.log_odds

    @property
    def against(self) -> str:
        """What the thresholds of now say of the score of now."""
        return against(self.log_odds, self.recommend_at, self.support_at)

    @property
    def is_changed(self) -> bool:
        """Whether its thresholds say another thing than then."""
        return self.against != self.then.against

    @property
    def has_other_thresholds(self) -> bool:
        """Whether it is measured by others than then."""
        now = round(self.recommend_at, 4), round(self.support_at, 4)
        return now != (self.then.recommend_at, self.then.support_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """Every candidate then and now, and what differs between the two models."""

    differing: Sequence[tuple[str, str, str]]  # part, then, now
    is_same_model: bool  # weights, tokenizer and prompt version: the scores must be the same
    is_same_prompt: bool  # the stored text is the one whose hash stands in the event
    rows: Sequence[Rescored]  # what moved furthest first
    left_out: Sequence[str]  # candidates that the loaded model does not know

    @property
    def largest(self) -> float:
        """The largest difference in log-odds."""
        return max((abs(one.moved) for one in self.rows), default=0.0)

    @property
    def changed(self) -> Sequence[Rescored]:
        """Those of which thresholds say another thing than then."""
        return [one for one in self.rows if one.is_changed]

    @property
    def other_thresholds(self) -> int:
        """How many are measured by other thresholds."""
        return sum(one.has_other_thresholds for one in self.rows)

    @property
    def is_reproduced(self) -> bool:
        """Whether the scores are those of then."""
        return self.largest <= SAME


class Replayer:
    """Scores prompts again, one at a time in a process, in turns that hook calls can get between.

    What was scored before may be remembered by the engine, which would prove nothing: where it can
    score variants it is asked for one that is the prompt itself, and works out the answers anew.
    """

    def __init__(self, scorer: Scorer, artifact: Artifact) -> None:
        """Take the engine and the artifact that hook calls have."""
        self._scorer, self._artifact = scorer, artifact
        self._one = threading.Lock()

    def replay(self, body: Json) -> Replayed:
        """Score a decision's candidates again.

        Args:
            body: of the decision, opened.

        Raises:
            NotReplayed: it has no prompt or no scores, the model reads other prompts or could not
                score in time, or another replay is at work.
        """
        prompt, then = self._asked(body)
        known = [one for one in then if one.label in self._artifact.by_label]
        if not self._one.acquire(blocking=False):
            raise NotReplayed("another decision is being scored again: try in a few seconds")
        try:
            now = self._scored(prompt, [one.label for one in known])
        except ScorerUnavailable as reason:
            raise NotReplayed(f"the model could not score now: {reason}") from reason
        finally:
            self._one.release()
        rows = [self._rescored(one, now[one.label]) for one in known]
        loaded = self._artifact.identity()
        recorded = mapping(body.get("model"))
        return Replayed(
            differing=_differing(recorded, loaded),
            is_same_model=recorded.get("sha256") == loaded["sha256"],
            is_same_prompt=prompt.sha256 == body.get("prompt_sha256"),
            rows=sorted(rows, key=lambda one: -abs(one.moved)),
            left_out=[one.label for one in then if one.label not in self._artifact.by_label],
        )

    def _asked(self, body: Json) -> tuple[Prompt, list[ScoreShown]]:
        stored, scores = body.get("prompt"), scores_shown(body)
        if not isinstance(stored, str) or not scores:
            raise NotReplayed("no prompt, or no score, is kept of this decision")
        version = text(body.get("prompt_version"))
        if version != self._artifact.prompt_version:
            raise NotReplayed(
                f"its prompt is of version {version}, the loaded model reads "
                f"{self._artifact.prompt_version}: it would be asked another question"
            )
        return Prompt(stored, version), scores

    def _scored(self, prompt: Prompt, labels: Sequence[str]) -> Mapping[str, float]:
        """One turn at the model for each group."""
        deadline = Deadline.after_ms(REPLAY_MS)
        groups: dict[str, list[str]] = {}
        for label in labels:
            groups.setdefault(self._artifact.by_label[label].group, []).append(label)
        found: dict[str, float] = {}
        for some in groups.values():
            if isinstance(self._scorer, VariantScorer):
                found |= self._scorer.score_variants(prompt, [prompt], some, deadline)[0]
            else:
                found |= self._scorer.score(prompt, some, deadline)
        return found

    def _rescored(self, then: ScoreShown, log_odds: float) -> Rescored:
        entry = self._artifact.by_label[then.label]
        return Rescored(
            then=then,
            log_odds=log_odds,
            recommend_at=entry.recommend_at,
            support_at=entry.support_at,
        )


def _differing(recorded: Json, loaded: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """The parts of two identities that differ: name, then, now."""
    old, new = _flat(recorded), _flat(loaded)
    names = [*new, *(name for name in old if name.startswith("adapter ") and name not in new)]
    return [
        (name, old.get(name, "none"), new.get(name, "none"))
        for name in names
        if old.get(name) != new.get(name)
    ]


def _flat(identity: Json) -> dict[str, str]:
    plain = {name: text(value) for name, value in identity.items() if name != "adapters"}
    adapters = mapping(identity.get("adapters")).items()
    return plain | {f"adapter {name}": text(value) for name, value in adapters}
