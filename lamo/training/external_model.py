"""A finished artifact on the visits of another cohort: scored as it is, and trained further.

Prompts, tokens, adapters and answers are those of serving; only the training loop is added.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from transformers import AutoTokenizer

from lamo.artifact import Artifact
from lamo.notes.digest import NoteTools
from lamo.scoring.stock import load_model
from lamo.training.calibration import Calibration
from lamo.training.evaluation.features import prescribed_of
from lamo.training.examples import Example, prompt_text
from lamo.training.fit import FitPlan, FitReport, Objective, Rates, fit
from lamo.training.forward import Question
from lamo.training.scoring import score_examples
from lamo.training.stages.questions import Wording
from lamo.visits import Visit

BATCH_VISITS = 4  # of one optimizer step: a small cohort gives few steps otherwise
WARMUP_STEPS = 5


@dataclass(frozen=True, slots=True)
class Tokenised:
    """The visits whose prompts fit the model, and how many did not."""

    visits: list[Visit]
    examples: list[Example]  # a row each
    too_long: int

    @property
    def prescribed(self) -> Tensor:
        """(visits, candidates) bool."""
        return torch.stack([example.prescribed for example in self.examples])

    @property
    def patients(self) -> list[str]:
        """The patient of each row."""
        return [str(visit.patient) for visit in self.visits]


class ExternalModel:
    """The artifact's base model and adapters, with everything that asks them."""

    def __init__(self, artifact: Artifact) -> None:
        self.labels = tuple(entry.label for entry in artifact.vocabulary)
        self._plan = artifact.prompt_plan
        folder = str(artifact.base_model_folder)
        self._tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        self._wording = replace(
            Wording.of(self._tokenizer, self.labels, artifact.layout),
            yes_id=artifact.answer_token_ids["Yes"],
            no_id=artifact.answer_token_ids["No"],
        )
        self._model = load_model(artifact)
        members = {
            group.name: [e.label for e in artifact.vocabulary if e.group == group.name]
            for group in artifact.groups
        }
        self.members = {name: labels for name, labels in members.items() if labels}
        longest = max(map(len, self._wording.suffixes.values()))
        self._most_tokens = int(self._model.config.max_position_embeddings) - longest

    @property
    def groups(self) -> Tensor:
        """(candidates,) int64: the group of each."""
        place = {label: i for i, labels in enumerate(self.members.values()) for label in labels}
        return torch.tensor([place[label] for label in self.labels])

    def tokenise(self, visits: Sequence[Visit], notes: NoteTools) -> Tokenised:
        """Render and tokenise as serving does; prompts that the model cannot take are left out."""
        ids = [
            self._tokenizer(prompt_text(visit, notes, self._plan))["input_ids"] for visit in visits
        ]
        places = [place for place, tokens in enumerate(ids) if len(tokens) <= self._most_tokens]
        kept = [visits[place] for place in places]
        rows = zip(places, prescribed_of(kept, self.labels), strict=True)
        examples = [Example(torch.tensor(ids[place]), row, place) for place, row in rows]
        return Tokenised(kept, examples, len(visits) - len(kept))

    def score(self, examples: Sequence[Example]) -> Tensor:
        """(visits, candidates) log-odds, each candidate by the adapter of its group."""
        log_odds = torch.empty(len(examples), len(self.labels))
        for question in self._questions():
            log_odds[:, question.chosen] = score_examples(self._model, examples, question)
        return log_odds

    def train(self, examples: Sequence[Example], plan: FitPlan) -> dict[str, FitReport]:
        """Train every adapter from where it stands, in place; the base model does not change."""
        return {q.adapter: fit(self._model, examples, [q], plan) for q in self._questions()}

    def _questions(self) -> list[Question]:
        return [self._wording.question(labels, name) for name, labels in self.members.items()]


def small_steps(visits: int, passes: int, learning_rate: float, seed: int) -> FitPlan:
    """So many passes over so many visits, from a warm start, without early stopping.

    The validation visits of a small cohort are too few to choose a step by.
    """
    return FitPlan(
        visits=visits * passes,
        batch_visits=BATCH_VISITS,
        rates=Rates(
            learning_rate=learning_rate,
            warmup_steps=WARMUP_STEPS,
            schedule="inverse-sqrt",
            weight_decay=0.0,
        ),
        objective=Objective(over="answers"),  # a base may know no other words at the answer
        seed=seed,
    )


def own_calibration(artifact: Artifact) -> Calibration:
    """The calibration and thresholds that the artifact came with, as tensors."""
    numbers = {
        name: torch.tensor([getattr(entry, name) for entry in artifact.vocabulary])
        for name in ("slope", "bias", "recommend_at", "support_at", "base_rate", "balance")
    }
    return Calibration(**numbers, curves=tuple(entry.curve for entry in artifact.vocabulary))
