"""The one training loop, for base model and adapters alike, on one process or many.

Every process draws the same visits for a step and takes its share of them; gradients are averaged
by accelerate, so `torchrun` and `accelerate launch` change the time of a step and not its result.
"""

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from statistics import fmean
from typing import Any

import structlog
import torch
from accelerate import Accelerator, InitProcessGroupKwargs
from torch import Tensor

from lamo.training.examples import Example, batches_of
from lamo.training.forward import (
    Objective,
    PackedLoss,
    Question,
    Whole,
    activate_all,
    parameters_of,
)
from lamo.training.optimizers import Rates, make_optimizers, make_schedulers
from lamo.training.scoring import score_examples
from lamo.training.stopping import StopRule, Watcher

__all__ = [
    "FitPlan",
    "FitReport",
    "Objective",
    "Question",
    "Rates",
    "StopRule",
    "fit",
    "score_examples",
]

log = structlog.get_logger()

MAX_GRADIENT_NORM = 1.0
OTHERS_WAIT = timedelta(hours=12)  # for the one process that prepares data or writes


@dataclass(frozen=True, slots=True, kw_only=True)
class FitPlan:
    """How long, how fast and for what to train."""

    visits: int  # visits seen in all; more than there are means further epochs
    batch_visits: int  # of one optimizer step, over all processes
    rates: Rates
    objective: Objective = field(default_factory=Objective)
    seed: int = 2023
    micro_visits: int = 0  # in one forward pass of one process; 0: its whole share of the step
    stop: StopRule = field(default_factory=StopRule)


@dataclass(frozen=True, slots=True, kw_only=True)
class FitReport:
    """What a training run did."""

    losses: tuple[float, ...]  # of every step
    looks: tuple[tuple[int, dict[str, float]], ...]  # (step, validation Jaccard by adapter)
    best: dict[str, tuple[int, float]]  # adapter -> (step, validation Jaccard); empty: not watched
    seconds: float


def open_accelerator() -> Accelerator:
    """The accelerator of this process; one for a whole run, whoever asks."""
    return Accelerator(
        cpu=not torch.accelerator.is_available(),  # not told so, processes on CPUs do not join up
        kwargs_handlers=[InitProcessGroupKwargs(timeout=OTHERS_WAIT)],
    )


def fit(
    model: Any,
    examples: Sequence[Example],
    questions: Sequence[Question],
    plan: FitPlan,
    validation: Sequence[Example] = (),
) -> FitReport:
    """Train what the questions name, in place; ends with the best weights on `validation`.

    The loss is the cross-entropy of the answer word (Yes or No) at the answer position only; the
    period and the end of sequence after it are always the same and are left out.

    Args:
        model: a causal LM, or a PEFT model of one.
        examples: the training visits.
        questions: one, or one per activated adapter: those share the prefix of a visit, and each
            ends with the weights that it would have alone.
        plan: how long and how fast.
        validation: visits for early stopping; without any, training goes on to the end.
    """
    accelerator = open_accelerator()
    torch.manual_seed(plan.seed + accelerator.process_index)  # dropout differs by process
    started = time.monotonic()
    activate_all(model, questions)
    runner = _Runner(model, questions, plan, accelerator)
    watcher = Watcher(model, questions, plan.stop, validation, accelerator)
    model.train()
    losses, looks = [], []
    steps = math.ceil(plan.visits / plan.batch_visits)
    for step, visits in zip(range(1, steps + 1), _forever(examples, plan), strict=False):
        losses.append(runner.step(visits))
        if watcher.is_due(step, is_last=step == steps):
            looks.append((step, watcher.look(step)))
            activate_all(model, questions)
        if accelerator.is_main_process and (step % 50 == 0 or step == steps):
            log.info("fit", step=step, of=steps, loss=round(fmean(losses[-50:]), 4))
        if watcher.is_over(step):
            break
    watcher.restore()
    model.eval()
    accelerator.free_memory()
    best = {name: (best.step, best.jaccard) for name, best in watcher.best.items() if best.step}
    seconds = time.monotonic() - started
    return FitReport(losses=tuple(losses), looks=tuple(looks), best=best, seconds=seconds)


class _Runner:
    """Optimizer, schedule and the cut of a step into shares and micro-batches."""

    def __init__(
        self, model: Any, questions: Sequence[Question], plan: FitPlan, accelerator: Accelerator
    ) -> None:
        steps = math.ceil(plan.visits / plan.batch_visits)
        self._trained = [parameters_of(model, question.adapter) for question in questions]
        everything = [parameter for group in self._trained for parameter in group]
        optimizers = make_optimizers(model, everything, plan.rates)
        self._schedulers = make_schedulers(optimizers, plan.rates, steps)
        self._module, *self._optimizers = accelerator.prepare(
            PackedLoss(model, questions, plan.objective), *optimizers
        )
        self._accelerator, self._plan = accelerator, plan

    def step(self, visits: Sequence[Example]) -> float:
        """One optimizer step; returns its mean loss over all processes."""
        whole = Whole(len(visits), self._plan.objective.text_tokens(visits))
        micro_batches = self._micro_batches(visits)
        losses = [self._backward(part, whole, micro_batches) for part in micro_batches]
        for group in self._trained:
            self._accelerator.clip_grad_norm_(group, MAX_GRADIENT_NORM)
        for optimizer, scheduler in zip(self._optimizers, self._schedulers, strict=True):
            optimizer.step()
            scheduler.step()
            optimizer.zero_grad()
        return float(self._accelerator.reduce(torch.stack(losses).sum(), "sum"))

    def _backward(
        self, part: list[Example], whole: Whole, micro_batches: list[list[Example]]
    ) -> Tensor:
        """Gradients are exchanged with the last micro-batch of a step only."""
        if part is micro_batches[-1]:
            return self._gradients(part, whole)
        with self._accelerator.no_sync(self._module):
            return self._gradients(part, whole)

    def _gradients(self, part: list[Example], whole: Whole) -> Tensor:
        loss: Tensor = self._module(part, whole)
        # the average over processes becomes the sum of their shares
        self._accelerator.backward(loss * self._accelerator.num_processes)
        return loss.detach()

    def _micro_batches(self, visits: Sequence[Example]) -> list[list[Example]]:
        world, rank = self._accelerator.num_processes, self._accelerator.process_index
        if len(visits) < world:
            raise ValueError(
                f"a step of {len(visits)} visits cannot be shared by {world} processes: "
                "raise batch_visits, or start fewer processes"
            )
        mine = list(visits[rank::world])
        size = self._plan.micro_visits or len(mine)
        return [mine[start : start + size] for start in range(0, len(mine), size)]


def _forever(examples: Sequence[Example], plan: FitPlan) -> Iterator[list[Example]]:
    """Batches without end; the last, smaller one of an epoch is left out if there are others."""
    generator = torch.Generator().manual_seed(plan.seed)
    while True:
        for batch in batches_of(examples, plan.batch_visits, generator):
            if len(batch) == plan.batch_visits or len(examples) < plan.batch_visits:
                yield batch
