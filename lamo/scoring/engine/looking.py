"""How the tokens of several questions look around: prepared before the first layer.

A processor goes from question to question. An accelerator is told of one attention for all
questions that have as much before them: telling it of each takes longer than what it computes in
vain where shorter questions are filled up.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from lamo.scoring.engine.attention import ROW, KeysValues, attend_behind, seen_behind
from lamo.scoring.engine.questions import Part, Question, following, tokens_of


class Looking(Protocol):
    """Attention of some tokens of each question to what is before and to its own."""

    def attend(self, query: Tensor, number: int, new: KeysValues) -> Tensor:
        """At a layer: (1, heads, asking, head_dim), as the queries.

        Args:
            query: of the asking tokens of all questions in one row.
            number: of the layer.
            new: keys and values of all tokens of all questions.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """Who asks, and what of its own each sees."""

    questions: Sequence[Question]
    own: Sequence[Tensor]  # (asking, tokens) bool, by question
    sharing: int  # heads that share the keys of one
    like: Tensor  # of the device and the number format of the queries

    def seen(self, own: Tensor, before: int) -> Tensor:
        """A mask as `seen_behind` makes it."""
        return seen_behind(own, before, self.sharing, self.like)

    def asking(self) -> list[slice]:
        """Where the asking tokens of each question lie in the row of all of them."""
        return following([len(one) for one in self.own])


class OneByOne:
    """Question after question; nothing is copied but what was read before."""

    def __init__(self, sight: Sight) -> None:
        self._past = [question.past for question in sight.questions]
        self._asking, self._tokens = sight.asking(), tokens_of(sight.questions)
        pairs = zip(sight.questions, sight.own, strict=True)
        self._seen = [sight.seen(own, question.before) for question, own in pairs]

    def attend(self, query: Tensor, number: int, new: KeysValues) -> Tensor:
        """See `Looking`."""
        key, value = new
        queries = (query[:, :, part] for part in self._asking)
        before = ([part.layers[number] for part in past] for past in self._past)
        among = ((key[:, :, part], value[:, :, part]) for part in self._tokens)
        return torch.cat(list(map(attend_behind, queries, before, among, self._seen)), dim=2)


class Together:
    """All questions that have as much before them as one batch, filled up to the longest."""

    def __init__(self, sight: Sight) -> None:
        alike: dict[tuple[int, ...], list[int]] = {}
        for place, question in enumerate(sight.questions):
            alike.setdefault(tuple(part.tokens for part in question.past), []).append(place)
        asking, device = sight.asking(), sight.like.device
        self._batches: list[_Batch] = []
        order, filled = torch.empty(asking[-1].stop, dtype=torch.int64), 0
        for places in alike.values():
            batch = _batch(sight, places)
            width = batch.asking.shape[1]
            for row, place in enumerate(places):
                count = len(sight.own[place])
                order[asking[place]] = filled + row * width + torch.arange(count)
            filled += len(places) * width
            self._batches.append(batch)
        self._order = order.to(device)

    def attend(self, query: Tensor, number: int, new: KeysValues) -> Tensor:
        """See `Looking`."""
        mixed = [batch.attend(query, number, new) for batch in self._batches]
        return torch.cat(mixed, dim=1)[None, :, self._order]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Batch:
    """Questions with as much before them; what fills one up points at the first token of all."""

    past: Sequence[Sequence[Part]]  # by place: the parts of all questions there
    asking: Tensor  # (questions, longest) places in the row of asking tokens
    tokens: Tensor  # (questions, longest) places in the row of all tokens
    seen: Tensor

    def attend(self, query: Tensor, number: int, new: KeysValues) -> Tensor:
        """(heads, questions * longest, head_dim)."""
        key, value = (part[0][:, self.tokens].transpose(0, 1) for part in new)
        asking = query[0][:, self.asking].transpose(0, 1)  # (questions, heads, longest, head_dim)
        before = [self._beside(parts, number) for parts in self.past]
        mixed = attend_behind(asking, before, (key, value), self.seen)
        return mixed.transpose(0, 1).flatten(1, 2)

    def _beside(self, parts: Sequence[Part], number: int) -> KeysValues:
        first, *others = (part.layers[number] for part in parts)
        if all(other is first for other in others):
            key, value = (one.expand(len(parts), -1, -1, -1) for one in first)
            return key, value
        key, value = (torch.cat(ones) for ones in zip(first, *others, strict=True))
        return key, value


def _batch(sight: Sight, places: Sequence[int]) -> _Batch:
    asking, tokens = sight.asking(), tokens_of(sight.questions)
    before = sight.questions[places[0]].before
    width = max(len(sight.own[place]) for place in places)
    longest = max(sight.own[place].shape[1] for place in places)
    longest += -(before + longest) % ROW
    own = sight.own[0].new_zeros(len(places), width, longest)
    for row, place in enumerate(places):
        one = sight.own[place]
        own[row, : one.shape[0], : one.shape[1]] = one
    pasts = [sight.questions[place].past for place in places]
    return _Batch(
        past=list(zip(*pasts, strict=True)),
        asking=_filled([asking[place] for place in places], width).to(sight.like.device),
        tokens=_filled([tokens[place] for place in places], longest).to(sight.like.device),
        seen=sight.seen(own, before)[:, None],
    )


def _filled(parts: Sequence[slice], width: int) -> Tensor:
    places = torch.zeros(len(parts), width, dtype=torch.int64)
    for row, part in enumerate(parts):
        places[row, : part.stop - part.start] = torch.arange(part.start, part.stop)
    return places
