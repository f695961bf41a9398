"""What every scoring engine offers. The engines import torch; this file does not."""

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

from lamo.deadline import Deadline
from lamo.prompts import Prompt


class ScorerUnavailable(Exception):  # noqa: N818 - a situation, named as such
    """The engine could not score: it is down, overloaded or out of time. A gap says so."""


class Scorer(Protocol):
    """Scores candidates for one patient."""

    def score(
        self, prompt: Prompt, candidates: Sequence[str], deadline: Deadline
    ) -> Mapping[str, float]:
        """Return the log-odds of Yes against No at the answer, by candidate label.

        Args:
            prompt: everything before the candidate's name, as `render_prompt` made it.
            candidates: labels of the artifact's vocabulary.
            deadline: past it the work is dropped.

        Raises:
            ScorerUnavailable: no scores could be made in time; says why.
        """
        ...


@runtime_checkable
class VariantScorer(Protocol):
    """A scorer that is quicker with prompts which begin as one that it has read."""

    def score_variants(
        self,
        whole: Prompt,
        variants: Sequence[Prompt],
        candidates: Sequence[str],
        deadline: Deadline,
    ) -> Sequence[Mapping[str, float]]:
        """Return what `score` would say of each variant, in their order.

        Args:
            whole: a prompt, best one that was scored just now.
            variants: prompts that share their beginning with it; the longer, the quicker.
            candidates: labels of the artifact's vocabulary.
            deadline: past it the work is dropped.

        Raises:
            ScorerUnavailable: as `score`; then no variant has a score.
        """
        ...
