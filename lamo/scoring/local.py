"""`Scorer` over weights in this process: our engine, or transformers and peft where needed."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Protocol, TypeVar

import structlog
import torch

from lamo.artifact import Artifact
from lamo.deadline import Deadline, DeadlinePassed
from lamo.prompts import Prompt
from lamo.scoring.base import ScorerUnavailable
from lamo.scoring.engine.weights import Unsupported
from lamo.scoring.grouped import GroupedEngine
from lamo.scoring.plan import DEFAULT_PLAN, LocalPlan
from lamo.scoring.tokens import CandidateTokens
from lamo.scoring.turns import Turns

log = structlog.get_logger()

T = TypeVar("T")


class Engine(Protocol):
    """What computes log-odds from tokens."""

    @property
    def most_tokens(self) -> int:
        """The longest prompt that the model takes, suffix included."""

    def score(
        self, prefix: Sequence[int], candidates: Sequence[str], deadline: Deadline
    ) -> dict[str, float]:
        """Log-odds by candidate, or DeadlinePassed."""

    def score_variants(
        self,
        whole: Sequence[int],
        variants: Sequence[Sequence[int]],
        candidates: Sequence[str],
        deadline: Deadline,
    ) -> list[dict[str, float]]:
        """The same of each prefix that begins as the whole one does."""


class LocalScorer:
    """Scores in this process. Safe to share between threads: calls take turns.

    On a processor, no thread is started before the first call, so that a process may load the model
    and fork: the weights are then in memory once, and a new process has them at once.
    """

    def __init__(self, artifact: Artifact, plan: LocalPlan = DEFAULT_PLAN) -> None:
        self.tokens = CandidateTokens(artifact)
        self._turns = Turns(plan.most_waiting, plan.threads_for(artifact.base_model_folder))
        with one_thread():
            self.engine = open_engine(artifact, self.tokens, plan)

    def score(
        self, prompt: Prompt, candidates: Sequence[str], deadline: Deadline
    ) -> Mapping[str, float]:
        """Return the log-odds of Yes against No by candidate label (see `Scorer`)."""
        return self.score_tokens(self.tokens.encode(prompt.text), candidates, deadline)

    def score_tokens(
        self, prefix: Sequence[int], candidates: Sequence[str], deadline: Deadline
    ) -> Mapping[str, float]:
        """Return the same behind a prompt that is in tokens already."""
        self._check_length(prefix)
        return self._turn(lambda: self.engine.score(prefix, candidates, deadline), deadline)

    def score_variants(
        self,
        whole: Prompt,
        variants: Sequence[Prompt],
        candidates: Sequence[str],
        deadline: Deadline,
    ) -> Sequence[Mapping[str, float]]:
        """Return the log-odds behind prompts that begin as another one (see `VariantScorer`)."""
        first, *others = [self._encoded(prompt) for prompt in (whole, *variants)]
        return self._turn(
            lambda: self.engine.score_variants(first, others, candidates, deadline), deadline
        )

    def _encoded(self, prompt: Prompt) -> list[int]:
        prefix = self.tokens.encode(prompt.text)
        self._check_length(prefix)
        return prefix

    def _check_length(self, prefix: Sequence[int]) -> None:
        if len(prefix) + self.tokens.longest > self.engine.most_tokens:
            raise ScorerUnavailable(
                f"the prompt has {len(prefix)} tokens, the model takes {self.engine.most_tokens}"
            )

    def _turn(self, ask: Callable[[], T], deadline: Deadline) -> T:
        def work() -> T:
            deadline.check("scoring")
            return ask()

        try:
            deadline.check("scoring")
            return self._turns.take(work, deadline)
        except DeadlinePassed as passed:
            raise ScorerUnavailable(str(passed)) from passed


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch multiply in this thread alone: helpers that it starts are lost in a fork."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def open_engine(artifact: Artifact, tokens: CandidateTokens, plan: LocalPlan) -> Engine:
    """Our engine where it computes such a model, else transformers and peft."""
    try:
        return GroupedEngine(artifact, tokens, plan)
    except Unsupported as reason:
        log.warning("scoring with stock transformers and peft, slower", reason=str(reason))
    from lamo.scoring.stock import StockEngine  # seconds to import, and rarely needed

    return StockEngine(artifact, tokens, plan)
