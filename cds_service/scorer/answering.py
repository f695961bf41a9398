"""From tokens back to candidates, and from log-odds to what goes over the wire."""

import math
from collections.abc import Mapping, Sequence
from typing import Protocol

from cds_service.scorer.question import Question, Unanswerable
from lamo.artifact import Artifact
from lamo.deadline import Deadline
from lamo.scoring.remote.scorer import adapter_names
from lamo.scoring.tokens import CandidateTokens


class TokenScorer(Protocol):
    """The part of `LocalScorer` that is needed here."""

    tokens: CandidateTokens

    def score_tokens(
        self, prefix: Sequence[int], candidates: Sequence[str], deadline: Deadline
    ) -> Mapping[str, float]:
        """Log-odds by candidate; ScorerUnavailable when they cannot be made in time."""


class Answering:
    """Answers for the candidates of one artifact, and for no other text."""

    def __init__(self, artifact: Artifact, scorer: TokenScorer) -> None:
        self._scorer = scorer
        self._answers = [artifact.answer_token_ids[word] for word in ("Yes", "No")]
        names = adapter_names(artifact)
        self._labels: dict[str, dict[tuple[int, ...], str]] = {n: {} for n in names.values()}
        for entry in artifact.vocabulary:
            suffix = tuple(scorer.tokens.suffix(entry.label))
            self._labels[names[entry.group]][suffix] = entry.label

    @property
    def adapters(self) -> list[str]:
        """The names under which groups are asked for; each holds the hash of its weights."""
        return sorted(self._labels)

    def chances(self, question: Question, deadline: Deadline) -> list[float]:
        """P(Yes) / (P(Yes) + P(No)) for each item, in their order.

        Raises:
            Unanswerable: another artifact is asked for.
            ScorerUnavailable: not in time.
        """
        labels = self._asked(question)
        scores = self._scorer.score_tokens(question.query, labels, deadline)
        return [_share(scores[label]) for label in labels]

    def _asked(self, question: Question) -> list[str]:
        known = self._labels.get(question.model)
        if known is None:
            raise Unanswerable(404, "no such model here: /v1/models lists those of this artifact")
        labels = [known.get(tuple(item)) for item in question.items]
        found = [label for label in labels if label is not None]
        if len(found) < len(labels) or question.label_token_ids != self._answers:
            raise Unanswerable(
                400,
                "found items or answers that are not this group's: set LAMO_ARTIFACT to the same "
                "artifact on both sides",
            )
        return found


def _share(log_odds: float) -> float:
    """The logistic function, for any size of its argument."""
    small = math.exp(-abs(log_odds))
    return 1 / (1 + small) if log_odds >= 0 else small / (1 + small)
