"""Prompts that begin as one that was read: only what follows the difference is read again.

A token knows what stands before it only. Where a fact is left out of a prompt, keys and values of
everything before it are those of the whole prompt; the rest of the prompt is packed into one row
with the suffixes that follow it, and several such rows go through the model at once.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch

from lamo.scoring.engine.decoder import Decoder
from lamo.scoring.engine.questions import BASE, Part, Question
from lamo.scoring.packing import PackedSuffixes, behind

TOKENS_AT_ONCE = 4096  # of questions in one pass


@dataclass(frozen=True, slots=True)
class End:
    """The end of a prompt, and what was read before it."""

    past: Mapping[int, Sequence[Part]]  # by group, or that of BASE for all
    tokens: Sequence[int]

    def question(self, group: int, packed: PackedSuffixes) -> Question:
        """The candidates of a group behind this prompt."""
        past = self.past[group if group in self.past else BASE]
        return Question(group, past, behind(self.tokens, packed))


@dataclass(frozen=True, slots=True)
class Beginning:
    """A prompt that was read, for others that begin as it does."""

    decoder: Decoder
    tokens: Sequence[int]
    parts: Mapping[int, Part]  # by group; with activated adapters of the base model alone

    def end_of(self, variant: Sequence[int], invoked_at: int | None) -> End:
        """What of another prompt has to be read with the candidates.

        Args:
            variant: the tokens of that prompt.
            invoked_at: where activated adapters begin to act in it; None: plain LoRA.
        """
        shared = shared_tokens(self.tokens, variant[:invoked_at])
        past = {reader: [beginning(part, shared)] for reader, part in self.parts.items()}
        if invoked_at is None:
            return End(past, variant[shared:])
        if shared < invoked_at:  # read here, once for all groups
            ids = torch.tensor(variant[shared:invoked_at], device=self.decoder.device)
            past[BASE].append(self.decoder.read_on(ids, past[BASE]))
        return End(past, variant[invoked_at:])


def shared_tokens(one: Sequence[int], other: Sequence[int]) -> int:
    """How many tokens two prompts begin with together."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))


def beginning(part: Part, tokens: int) -> Part:
    """The first tokens of what was read; nothing is copied."""
    return Part(tuple((key[:, :, :tokens], value[:, :, :tokens]) for key, value in part.layers))


def at_once(questions: Iterable[Question], most: int = TOKENS_AT_ONCE) -> Iterator[list[Question]]:
    """Questions in order, so many that one pass holds about so many tokens."""
    some: list[Question] = []
    tokens = 0
    for question in questions:
        length = question.packed.ids.shape[1]
        if some and tokens + length > most:
            yield some
            some, tokens = [], 0
        some.append(question)
        tokens += length
    if some:
        yield some
