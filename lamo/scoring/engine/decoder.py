"""The layers of the decoder: read a prefix, and answer candidates behind it.

A prefix is read for several groups at once. Until their adapters have made a difference the groups
are one row, so the first layer's matrices are multiplied once for all; with activated adapters
that is so to the end of the base prefix. Of the last layer only keys and values are needed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import linear, silu

from lamo.scoring.engine.attention import (
    KeysValues,
    attend_behind,
    attend_causally,
    seen_behind,
)
from lamo.scoring.engine.weights import Layer, Linear, Shape, Weights
from lamo.scoring.packing import PackedSuffixes

Angles = tuple[Tensor, Tensor]  # cosines and sines by position, each (tokens, head_dim)
BASE = -1  # stands for the base model alone where a group's index would


@dataclass(frozen=True, slots=True)
class Part:
    """Keys and values of a stretch of tokens, by layer, of one group or of the base model."""

    layers: tuple[KeysValues, ...]  # each (1, key-value heads, tokens, head_dim)

    @property
    def tokens(self) -> int:
        """How many tokens were read."""
        return self.layers[0][0].shape[2]

    @property
    def bytes(self) -> int:
        """What it holds in memory."""
        return sum(part.nbytes for pair in self.layers for part in pair)


@dataclass(frozen=True, slots=True)
class Question:
    """The candidates of one group, and what was read before them."""

    group: int  # or BASE
    past: Sequence[Part]  # in order; the positions of the suffixes follow on them
    packed: PackedSuffixes

    @property
    def before(self) -> int:
        """How many tokens were read before."""
        return sum(part.tokens for part in self.past)


class Decoder:
    """Computes with weights; holds no state, so that threads may share it."""

    def __init__(self, weights: Weights) -> None:
        self.weights = weights
        shape = weights.shape
        positions = torch.arange(shape.max_position_embeddings, dtype=torch.float32)
        angles = torch.outer(positions, shape.inverse_frequencies)
        cos, sin = angles.cos(), angles.sin()
        self._cos = torch.cat([cos, cos], dim=1).to(weights.embeddings)  # (positions, head_dim)
        self._sin = torch.cat([-sin, sin], dim=1).to(weights.embeddings)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.weights.embeddings.device

    @property
    def most_tokens(self) -> int:
        """The longest prompt, suffix included."""
        return self.weights.shape.max_position_embeddings

    def read(self, ids: Tensor, groups: Sequence[int]) -> list[Part]:
        """Read a prefix with the adapters of each group; without groups, by the base model alone.

        Args:
            ids: (tokens,) int64.
            groups: indices of adapters.

        Returns:
            One part per group, or the one of the base model.
        """
        last = len(self.weights.layers) - 1
        rows = _Stacked(groups, self.device)
        angles = self._angles(slice(len(ids)))
        x = self.weights.embeddings[ids][None]  # (1, tokens, hidden)
        kept: list[KeysValues] = []
        for number, layer in enumerate(self.weights.layers):
            inner = self._norm(x, layer.input_norm)
            new = self._keys_values(layer, inner, rows, angles)
            kept.append(new)
            if number < last:
                query = self._query(layer, inner, rows, angles)
                x = self._through(layer, x, attend_causally(query, new), rows)
        return [_part(kept, row) for row in range(max(1, len(groups)))]

    def read_on(self, ids: Tensor, past: Sequence[Part]) -> Part:
        """Read a short stretch that follows what was read, by the base model alone."""
        order = torch.arange(len(ids), device=ids.device)
        packed = PackedSuffixes(ids[None], order, order[:, None] >= order[None], order[-1:])
        _, kept = self._behind([Question(BASE, past, packed)])
        return Part(tuple(kept))

    def answer(self, questions: Sequence[Question]) -> list[Tensor]:
        """(candidates,) float32 log-odds of Yes against No, for each question."""
        hidden, _ = self._behind(questions)
        log_odds = (self._norm(hidden, self.weights.norm) @ self.weights.answer)[0].float()
        return list(log_odds.split([len(question.packed.last) for question in questions]))

    def _behind(self, questions: Sequence[Question]) -> tuple[Tensor, list[KeysValues]]:
        """All tokens of all questions in one row; the last layer goes on with answers only."""
        last = len(self.weights.layers) - 1
        # All of this is where the weights are before the first product: a copy to an accelerator
        # waits for everything that it was told to do before.
        asking, answering = self._asking(questions), self._asking(questions, answers_only=True)
        chosen = _ends(questions).to(self.device)
        ids = torch.cat([q.packed.ids[0] for q in questions]).to(self.device)
        x, kept = self.weights.embeddings[ids][None], []
        for number, layer in enumerate(self.weights.layers):
            inner = self._norm(x, layer.input_norm)
            new = self._keys_values(layer, inner, asking.rows, asking.angles)
            kept.append(new)
            looking = asking
            if number == last:
                x, inner, looking = x[:, chosen], inner[:, chosen], answering
            query = self._query(layer, inner, looking.rows, looking.angles)
            before = [[past.layers[number] for past in question.past] for question in questions]
            among = [(new[0][:, :, part], new[1][:, :, part]) for part in asking.parts]
            mixed = map(attend_behind, looking.of(query), before, among, looking.seen)
            x = self._through(layer, x, torch.cat(list(mixed), dim=2), looking.rows)
        return x, kept

    def _asking(self, questions: Sequence[Question], answers_only: bool = False) -> "_Asking":
        """What the tokens of all questions look at, or those alone where an answer is given."""
        chosen = [q.packed.last if answers_only else slice(None) for q in questions]
        own = [q.packed.own[some] for q, some in zip(questions, chosen, strict=True)]
        offsets = [q.packed.offsets[some] for q, some in zip(questions, chosen, strict=True)]
        parts = _following([len(seen) for seen in own])
        shape, like = self.weights.shape, self.weights.embeddings
        sharing = shape.num_attention_heads // shape.num_key_value_heads
        pairs = list(zip(questions, own, strict=True))
        return _Asking(
            rows=_Rows([(q.group, part) for q, part in zip(questions, parts, strict=True)]),
            angles=self._angles(
                torch.cat([at + q.before for q, at in zip(questions, offsets, strict=True)])
            ),
            parts=parts,
            seen=[seen_behind(seen, q.before, sharing, like) for q, seen in pairs],
        )

    def _keys_values(
        self, layer: Layer, inner: Tensor, rows: "_Rows", angles: Angles
    ) -> KeysValues:
        heads = self.weights.shape.num_key_value_heads
        key = _heads(rows.apply(layer.linear["k_proj"], inner), heads)
        value = _heads(rows.apply(layer.linear["v_proj"], inner), heads)
        return _turned(key, angles), value

    def _query(self, layer: Layer, inner: Tensor, rows: "_Rows", angles: Angles) -> Tensor:
        heads = self.weights.shape.num_attention_heads
        return _turned(_heads(rows.apply(layer.linear["q_proj"], inner), heads), angles)

    def _through(self, layer: Layer, x: Tensor, mixed: Tensor, rows: "_Rows") -> Tensor:
        """The rest of a layer after its attention: (batch, tokens, hidden)."""
        x = x + rows.apply(layer.linear["o_proj"], mixed.transpose(1, 2).flatten(2))
        inner = self._norm(x, layer.post_attention_norm)
        gate = silu(rows.apply(layer.linear["gate_proj"], inner), inplace=True)
        gate *= rows.apply(layer.linear["up_proj"], inner)
        return x + rows.apply(layer.linear["down_proj"], gate)

    def _norm(self, x: Tensor, weight: Tensor) -> Tensor:
        return _rms_norm(x, weight, self.weights.shape)

    def _angles(self, positions: Tensor | slice) -> Angles:
        if isinstance(positions, Tensor):
            positions = positions.to(self.device)
        return self._cos[positions], self._sin[positions]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asking:
    """The tokens of some questions that look around: all of them, or their answers."""

    rows: "_Rows"
    angles: Angles
    parts: Sequence[slice]  # of the tokens, by question
    seen: Sequence[Tensor]  # by question, as `seen_behind` makes it

    def of(self, query: Tensor) -> Iterator[Tensor]:
        """(1, heads, asking, head_dim) by question."""
        return (query[:, :, part] for part in self.parts)


class _Rows:
    """Which tokens which adapter acts on, side by side in one row."""

    def __init__(self, groups: Sequence[tuple[int, slice]]) -> None:
        self._groups = [(group, part) for group, part in _joined(groups) if group != BASE]

    def apply(self, module: Linear, x: Tensor) -> Tensor:
        """(1, tokens, in) -> (1, tokens, out), adapters included."""
        y = linear(x, module.weight, module.bias)
        if module.lora is not None:
            for group, part in self._groups:
                low = linear(x[0, part], module.lora.a[group])
                y[0, part].addmm_(low, module.lora.b[group].t())
        return y


class _Stacked(_Rows):
    """A row of the batch for each adapter; until they have made a difference, one for all."""

    def __init__(self, groups: Sequence[int], device: torch.device) -> None:
        self._chosen = torch.tensor(groups, device=device) if groups else None

    def apply(self, module: Linear, x: Tensor) -> Tensor:
        """(1 or adapters, tokens, in) -> (adapters, tokens, out); (1, ...) without adapters."""
        y = linear(x, module.weight, module.bias)
        if module.lora is None or self._chosen is None:
            return y
        a, b = module.lora.a[self._chosen], module.lora.b[self._chosen]
        return y + (x @ a.transpose(1, 2)) @ b.transpose(1, 2)


def _joined(groups: Sequence[tuple[int, slice]]) -> list[tuple[int, slice]]:
    """Neighbours of one group as one stretch."""
    found: list[tuple[int, slice]] = []
    for group, part in groups:
        if found and found[-1][0] == group:
            found[-1] = (group, slice(found[-1][1].start, part.stop))
        else:
            found.append((group, part))
    return found


def _rms_norm(x: Tensor, weight: Tensor, shape: Shape) -> Tensor:
    return torch.nn.functional.rms_norm(x, (shape.hidden_size,), weight, shape.rms_norm_eps)


def _heads(x: Tensor, heads: int) -> Tensor:
    """(batch, tokens, heads * head_dim) -> (batch, heads, tokens, head_dim)."""
    batch, tokens, width = x.shape
    return x.view(batch, tokens, heads, width // heads).transpose(1, 2)


def _part(kept: Sequence[KeysValues], row: int) -> Part:
    """One row of a batch; a row that all share stays one."""
    return Part(
        tuple((_row(key, row).contiguous(), _row(value, row).contiguous()) for key, value in kept)
    )


def _row(x: Tensor, row: int) -> Tensor:
    return x if x.shape[0] == 1 else x[row : row + 1]


def _turned(x: Tensor, angles: Angles) -> Tensor:
    """Rotary embedding (Su and others 2021), halves as in Llama's code."""
    cos, sin = angles
    left, right = x.chunk(2, dim=-1)
    turned = x * cos
    turned_left, turned_right = turned.chunk(2, dim=-1)
    sin_left, sin_right = sin.chunk(2, dim=-1)
    turned_left.addcmul_(right, sin_left)
    turned_right.addcmul_(left, sin_right)
    return turned


def _ends(questions: Sequence[Question]) -> Tensor:
    """Where the answers are given, in the row of all questions."""
    parts = _slices(questions)
    ends = [part.start + q.packed.last for q, part in zip(questions, parts, strict=True)]
    return torch.cat(ends)


def _slices(questions: Sequence[Question]) -> list[slice]:
    return _following([question.packed.ids.shape[1] for question in questions])


def _following(sizes: Sequence[int]) -> list[slice]:
    ends = torch.tensor(sizes).cumsum(0).tolist()
    return [slice(end - size, end) for size, end in zip(sizes, ends, strict=True)]
