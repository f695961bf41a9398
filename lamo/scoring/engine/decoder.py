"""The layers of the decoder: read a prefix, and answer candidates behind it.

A prefix is read for several groups at once. Until their adapters have made a difference the groups
are one row, so the first layer's matrices are multiplied once for all; with activated adapters
that is so to the end of the base prefix. Of the last layer only keys and values are needed.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import linear, silu

from lamo.scoring.engine.attention import KeysValues, attend_behind, attend_causally
from lamo.scoring.engine.weights import Layer, Linear, Shape, Weights
from lamo.scoring.packing import PackedSuffixes

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


class Decoder:
    """Computes with weights; holds no state, so that threads may share it."""

    def __init__(self, weights: Weights) -> None:
        self.weights = weights
        shape = weights.shape
        positions = torch.arange(shape.max_position_embeddings, dtype=torch.float32)
        angles = torch.outer(positions, shape.inverse_frequencies)
        self._cos = angles.cos().to(weights.embeddings)  # (positions, head_dim / 2)
        self._sin = angles.sin().to(weights.embeddings)

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
        rows = _Rows([(group, slice(None)) for group in groups], stacked=True)
        positions = torch.arange(len(ids), device=ids.device)
        x = self.weights.embeddings[ids][None]  # (1, tokens, hidden)
        kept: list[KeysValues] = []
        for number, layer in enumerate(self.weights.layers):
            inner = self._norm(x, layer.input_norm)
            new = self._keys_values(layer, inner, rows, positions)
            kept.append(new)
            if number < last:
                query = self._query(layer, inner, rows, positions)
                x = self._through(layer, x, attend_causally(query, new), rows)
        return [_part(kept, row) for row in range(max(1, len(groups)))]

    def read_on(self, ids: Tensor, groups: Sequence[int], past: Sequence[Part]) -> list[Part]:
        """Read a short stretch that follows what was read, with the adapter of each group."""
        order = torch.arange(len(ids))
        packed = PackedSuffixes(ids[None], order, order[:, None] >= order[None], order[-1:])
        questions = [Question(group, past, packed) for group in groups]
        _, kept = self._behind(questions)
        return [
            Part(tuple((key[:, :, part], value[:, :, part]) for key, value in kept))
            for part in _slices(questions)
        ]

    def answer(self, questions: Sequence[Question]) -> list[Tensor]:
        """(candidates,) float32 log-odds of Yes against No, for each question."""
        hidden, _ = self._behind(questions)
        log_odds = (self._norm(hidden, self.weights.norm) @ self.weights.answer)[0].float()
        return list(log_odds.split([len(question.packed.last) for question in questions]))

    def _behind(self, questions: Sequence[Question]) -> tuple[Tensor, list[KeysValues]]:
        """All tokens of all questions in one row; the last layer goes on with answers only."""
        last = len(self.weights.layers) - 1
        parts = _slices(questions)
        rows = _Rows([(q.group, part) for q, part in zip(questions, parts, strict=True)])
        ids = torch.cat([q.packed.ids[0] for q in questions]).to(self.device)
        starts = [sum(part.tokens for part in q.past) for q in questions]
        positions = torch.cat(
            [q.packed.offsets + start for q, start in zip(questions, starts, strict=True)]
        ).to(self.device)
        x, kept = self.weights.embeddings[ids][None], []
        asking = [_Asking(part, q.packed.own) for q, part in zip(questions, parts, strict=True)]
        for number, layer in enumerate(self.weights.layers):
            inner = self._norm(x, layer.input_norm)
            new = self._keys_values(layer, inner, rows, positions)
            kept.append(new)
            if number == last:
                chosen = _ends(questions, parts).to(self.device)
                x, inner, positions = x[:, chosen], inner[:, chosen], positions[chosen]
                rows, asking = rows.of_answers(questions), _answering(questions)
            query = self._query(layer, inner, rows, positions)
            before = [[past.layers[number] for past in question.past] for question in questions]
            mixed = [
                one.attend(query, past, (new[0][:, :, part], new[1][:, :, part]))
                for one, past, part in zip(asking, before, parts, strict=True)
            ]
            x = self._through(layer, x, torch.cat(mixed, dim=2), rows)
        return x, kept

    def _keys_values(
        self, layer: Layer, inner: Tensor, rows: "_Rows", positions: Tensor
    ) -> KeysValues:
        heads = self.weights.shape.num_key_value_heads
        key = _heads(rows.apply(layer.linear["k_proj"], inner), heads)
        value = _heads(rows.apply(layer.linear["v_proj"], inner), heads)
        return self._turned(key, positions), value

    def _query(self, layer: Layer, inner: Tensor, rows: "_Rows", positions: Tensor) -> Tensor:
        heads = self.weights.shape.num_attention_heads
        return self._turned(_heads(rows.apply(layer.linear["q_proj"], inner), heads), positions)

    def _through(self, layer: Layer, x: Tensor, mixed: Tensor, rows: "_Rows") -> Tensor:
        """The rest of a layer after its attention: (batch, tokens, hidden)."""
        x = x + rows.apply(layer.linear["o_proj"], mixed.transpose(1, 2).flatten(2))
        inner = self._norm(x, layer.post_attention_norm)
        gate = silu(rows.apply(layer.linear["gate_proj"], inner), inplace=True)
        gate *= rows.apply(layer.linear["up_proj"], inner)
        return x + rows.apply(layer.linear["down_proj"], gate)

    def _norm(self, x: Tensor, weight: Tensor) -> Tensor:
        return _rms_norm(x, weight, self.weights.shape)

    def _turned(self, x: Tensor, positions: Tensor) -> Tensor:
        """Rotary embedding (Su and others 2021), halves as in Llama's code."""
        cos, sin = self._cos[positions], self._sin[positions]
        left, right = x.chunk(2, dim=-1)
        turned = x * torch.cat([cos, cos], dim=-1)
        turned_left, turned_right = turned.chunk(2, dim=-1)
        turned_left.addcmul_(right, sin, value=-1)
        turned_right.addcmul_(left, sin)
        return turned


@dataclass(frozen=True, slots=True)
class _Asking:
    """The tokens of a question that look around: all of them, in the last layer its answers."""

    part: slice  # of the queries
    own: Tensor  # (asking, tokens of the question) bool

    def attend(self, query: Tensor, past: Sequence[KeysValues], new: KeysValues) -> Tensor:
        return attend_behind(query[:, :, self.part], past, new, self.own.to(query.device))


class _Rows:
    """Which tokens which adapter acts on: stacked (a row of the batch each), or side by side."""

    def __init__(self, groups: Sequence[tuple[int, slice]], stacked: bool = False) -> None:
        self._groups, self._stacked = groups if stacked else _joined(groups), stacked

    def of_answers(self, questions: Sequence[Question]) -> "_Rows":
        """The same when only the answer tokens are left."""
        sizes = [len(question.packed.last) for question in questions]
        parts = _following(sizes)
        return _Rows([(q.group, part) for q, part in zip(questions, parts, strict=True)])

    def apply(self, module: Linear, x: Tensor) -> Tensor:
        """(batch, tokens, in) -> (batch, tokens, out), adapters included."""
        y = linear(x, module.weight, module.bias)
        lora = module.lora
        if lora is None or not self._groups:
            return y
        if self._stacked:
            chosen = [group for group, _ in self._groups]
            a, b = lora.a[chosen].transpose(1, 2), lora.b[chosen].transpose(1, 2)
            return y + (x @ a) @ b
        for group, part in self._groups:
            if group == BASE:
                continue
            y[:, part] += linear(linear(x[:, part], lora.a[group]), lora.b[group])
        return y


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


def _answering(questions: Sequence[Question]) -> list[_Asking]:
    own = [question.packed.own[question.packed.last] for question in questions]
    parts = _following([len(seen) for seen in own])
    return [_Asking(part, seen) for part, seen in zip(parts, own, strict=True)]


def _ends(questions: Sequence[Question], parts: Sequence[slice]) -> Tensor:
    """Where the answers are given, in the row of all questions."""
    ends = [part.start + q.packed.last for q, part in zip(questions, parts, strict=True)]
    return torch.cat(ends)


def _slices(questions: Sequence[Question]) -> list[slice]:
    return _following([question.packed.ids.shape[1] for question in questions])


def _following(sizes: Sequence[int]) -> list[slice]:
    ends = torch.tensor(sizes).cumsum(0).tolist()
    return [slice(end - size, end) for size, end in zip(sizes, ends, strict=True)]
