"""Scores of whole splits, by plain and by activated adapters."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from lamo.training.examples import Example
from lamo.training.forward import Question, answer_logits, batches_for


@torch.inference_mode()
def score_examples(
    model: Any, examples: Sequence[Example], question: Question, batch_visits: int = 16
) -> Tensor:
    """(visits, candidates) float32 log-odds of Yes against No, in the order of the examples."""
    model.eval()
    order = sorted(range(len(examples)), key=lambda i: len(examples[i].prefix))
    scores = torch.empty(len(examples), len(question.chosen))
    for start in range(0, len(order), batch_visits):
        rows = order[start : start + batch_visits]
        batches = batches_for(model, [examples[i] for i in rows], [question])
        (logits,) = answer_logits(model, batches, [question])
        scores[rows] = (logits[..., 0] - logits[..., 1]).float().cpu()
    return scores
