"""One scoring of random tokens by any decoder, part by part, for benchmarks of the engine."""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from lamo.scoring.engine.decoder import Decoder
from lamo.scoring.engine.questions import Part, Question
from lamo.scoring.grouped import READ_AT_ONCE
from lamo.scoring.packing import behind, pack_suffixes

HEADING = (11, 12)  # tokens from which activated adapters read


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What is asked of whom."""

    prefix: int = 800  # tokens
    candidates: int = 200
    groups: int = 8
    suffix: int = 1  # tokens of a candidate


class Scoring:
    """Reads and answers as the engine does, without its cache."""

    def __init__(self, decoder: Decoder, case: Case) -> None:
        """Make the tokens, where the decoder is.

        Args:
            decoder: with an adapter for each group.
            case: what is asked.
        """
        self.decoder = decoder
        vocabulary = len(decoder.weights.embeddings)
        generator = torch.Generator().manual_seed(0)
        ids = torch.randint(10, vocabulary, (case.prefix,), generator=generator)
        self._ids = ids.to(decoder.device)
        self._groups = list(range(case.groups))
        shares = [len(range(group, case.candidates, case.groups)) for group in self._groups]
        packed = [pack_suffixes([[11] * case.suffix] * share) for share in shares if share]
        self._packed = [one.to(decoder.device) for one in packed]
        self._activated = [behind(HEADING, one) for one in self._packed]

    def read(self, design: str) -> list[Sequence[Part]]:
        """What each group knows of the prefix; "activated": all know the same."""
        if design == "activated":
            return [self.decoder.read(self._ids[: -len(HEADING)], [])] * len(self._groups)
        parts: list[Sequence[Part]] = []
        for first in range(0, len(self._groups), READ_AT_ONCE):
            some = self._groups[first : first + READ_AT_ONCE]
            parts += [[part] for part in self.decoder.read(self._ids, some)]
        return parts

    def answer(self, design: str, pasts: list[Sequence[Part]]) -> list[float]:
        """Log-odds of the candidates of all groups."""
        packed = self._activated if design == "activated" else self._packed
        questions = [Question(at, pasts[at], one) for at, one in enumerate(packed)]
        return torch.cat(self.decoder.answer(questions)).tolist()


def milliseconds(do: Callable[[], object], rounds: int, warm_ups: int = 1) -> float:
    """The median time of some rounds, after a few that are not counted."""
    for _ in range(warm_ups):
        do()
    spent = []
    for _ in range(rounds):
        started = time.perf_counter()
        do()
        spent.append((time.perf_counter() - started) * 1000)
    return statistics.median(spent)
