"""When to stop: validation Jaccard per medication, averaged over the group (LAMO's rule).

The best weights seen are kept and restored at the end. A medication that was neither prescribed
nor chosen in the validation visits has no Jaccard and is left out of the mean, so that one rare
medication cannot turn the score into "not a number" and with it the stopping off.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor

from lamo.training.examples import Example
from lamo.training.forward import Question, parameters_of
from lamo.training.scoring import score_examples


@dataclass(frozen=True, slots=True, kw_only=True)
class StopRule:
    """When to look at the validation visits, and when to give up."""

    every: int = 32  # optimizer steps between two looks
    patience: int = 20  # looks without a better score
    least_steps: int = 640  # before which training never stops
    beat_all_yes: bool = True  # nor before the best score is better than that of always Yes


@dataclass(slots=True)
class Best:
    """The best score of one question so far, and the weights that gave it."""

    jaccard: float = -1.0
    step: int = 0
    looks_since: int = 0
    weights: list[Tensor] = field(default_factory=list, repr=False)


class Watcher:
    """Looks at the validation visits, remembers the best weights, says when to stop."""

    def __init__(
        self,
        model: Any,
        questions: Sequence[Question],
        rule: StopRule,
        validation: Sequence[Example],
        accelerator: Accelerator,
    ) -> None:
        self.best = {question.adapter: Best() for question in questions}
        self._model, self._questions, self._rule = model, questions, rule
        self._validation, self._accelerator = validation, accelerator
        self._floor = {q.adapter: self._jaccard(self._tallies(q, all_yes=True)) for q in questions}

    def is_due(self, step: int, *, is_last: bool) -> bool:
        """Whether this step ends with a look."""
        return bool(self._validation) and (is_last or step % self._rule.every == 0)

    def look(self, step: int) -> dict[str, float]:
        """Score the validation visits and keep what is best; returns the scores by adapter."""
        scores = {q.adapter: self._jaccard(self._tallies(q)) for q in self._questions}
        for adapter, score in scores.items():
            best = self.best[adapter]
            best.looks_since += 1
            if score > best.jaccard:
                weights = [p.detach().cpu().clone() for p in parameters_of(self._model, adapter)]
                self.best[adapter] = Best(score, step, 0, weights)
        self._model.train()
        return scores

    def is_over(self, step: int) -> bool:
        """Whether every question has stopped getting better."""
        if not self._validation or step <= self._rule.least_steps:
            return False
        return all(self._is_done(adapter) for adapter in self.best)

    @torch.no_grad()
    def restore(self) -> None:
        """Put the best weights back."""
        for adapter, best in self.best.items():
            for parameter, kept in zip(
                parameters_of(self._model, adapter), best.weights, strict=bool(best.weights)
            ):
                parameter.copy_(kept)

    def _is_done(self, adapter: str) -> bool:
        best = self.best[adapter]
        is_better = not self._rule.beat_all_yes or best.jaccard > self._floor[adapter]
        return is_better and best.looks_since >= self._rule.patience

    def _tallies(self, question: Question, *, all_yes: bool = False) -> Tensor:
        """(2, candidates): hits and unions over the visits of all processes."""
        world, rank = self._accelerator.num_processes, self._accelerator.process_index
        mine = self._validation[rank::world]
        prescribed = torch.zeros(0, len(question.chosen), dtype=torch.bool)
        if mine:
            prescribed = torch.stack([example.prescribed[question.chosen] for example in mine])
        chosen = torch.ones_like(prescribed)
        if mine and not all_yes:
            chosen = score_examples(self._model, mine, question) > 0
        tallies = torch.stack([(chosen & prescribed).sum(dim=0), (chosen | prescribed).sum(dim=0)])
        total: Tensor = self._accelerator.reduce(tallies.to(self._accelerator.device), "sum")
        return total.cpu()

    @staticmethod
    def _jaccard(tallies: Tensor) -> float:
        return jaccard_per_medication(tallies[0], tallies[1])


def jaccard_per_medication(hits: Tensor, union: Tensor) -> float:
    """Mean over the medications of hits / union, without those of an empty union; 0 for none."""
    defined = union > 0
    return (hits[defined] / union[defined]).mean().item() if defined.any() else 0.0
