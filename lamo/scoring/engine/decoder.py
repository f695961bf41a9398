"""The layers of the decoder: read a prefix, and answer candidates behind it.

A prefix is read for several groups at once. Until their adapters have made a difference the groups
are one row, so the first layer's matrices are multiplied once for all; with activated adapters
that is so to the end of the base prefix. Of the last layer only keys and values are needed.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import silu

from lamo.scoring.engine.adapters import Adapters, Masked, SideBySide, Stacked
from lamo.scoring.engine.attention import KeysValues, attend_causally
from lamo.scoring.engine.looking import Looking, OneByOne, Sight, Together
from lamo.scoring.engine.questions import BASE, Part, Question, answers_of
from lamo.scoring.engine.weights import Layer, Shape, Weights
from lamo.scoring.packing import PackedSuffixes

Angles = tuple[Tensor, Tensor]  # cosines and sines by position, each (tokens, head_dim)


class Decoder:
    """Computes with weights; holds no state, so that threads may share it."""

    def __init__(self, weights: Weights, at_once: bool | None = None) -> None:
        """Prepare.

        Args:
            weights: on any device.
            at_once: whether questions are computed together rather than one by one; None: as is
                quicker on the device.
        """
        self.weights = weights
        self._at_once = self.device.type != "cpu" if at_once is None else at_once
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
        adapters = Stacked(groups, self.device)
        angles = self._angles(slice(len(ids)))
        x = self.weights.embeddings[ids][None]  # (1, tokens, hidden)
        kept: list[KeysValues] = []
        for number, layer in enumerate(self.weights.layers):
            inner = self._norm(x, layer.input_norm)
            new = self._keys_values(layer, inner, adapters, angles)
            kept.append(new)
            if number < last:
                query = self._query(layer, inner, adapters, angles)
                x = self._through(layer, x, attend_causally(query, new), adapters)
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
        chosen = answers_of(questions).to(self.device)
        ids = torch.cat([q.packed.ids[0] for q in questions]).to(self.device)
        x, kept = self.weights.embeddings[ids][None], []
        for number, layer in enumerate(self.weights.layers):
            inner = self._norm(x, layer.input_norm)
            new = self._keys_values(layer, inner, asking.adapters, asking.angles)
            kept.append(new)
            if number == last:
                x, inner, asking = x[:, chosen], inner[:, chosen], answering
            query = self._query(layer, inner, asking.adapters, asking.angles)
            mixed = asking.looking.attend(query, number, new)
            x = self._through(layer, x, mixed, asking.adapters)
        return x, kept

    def _asking(self, questions: Sequence[Question], answers_only: bool = False) -> "_Asking":
        """What the tokens of all questions look at, or those alone where an answer is given."""
        chosen = [q.packed.last if answers_only else slice(None) for q in questions]
        both = list(zip(questions, chosen, strict=True))
        shape = self.weights.shape
        sight = Sight(
            questions=questions,
            own=[q.packed.own[some] for q, some in both],
            sharing=shape.num_attention_heads // shape.num_key_value_heads,
            like=self.weights.embeddings,
        )
        groups = list(zip((q.group for q in questions), sight.asking(), strict=True))
        positions = torch.cat([q.before + q.packed.offsets[some] for q, some in both])
        return _Asking(
            adapters=self._adapters(groups),
            looking=Together(sight) if self._at_once else OneByOne(sight),
            angles=self._angles(positions.to(self.device)),
        )

    def _adapters(self, groups: Sequence[tuple[int, slice]]) -> Adapters:
        if self._at_once:
            return Masked(groups, self.weights.adapters, self.device)
        return SideBySide(groups)

    def _keys_values(
        self, layer: Layer, inner: Tensor, adapters: Adapters, angles: Angles
    ) -> KeysValues:
        heads = self.weights.shape.num_key_value_heads
        key = _heads(adapters.apply(layer.linear["k_proj"], inner), heads)
        value = _heads(adapters.apply(layer.linear["v_proj"], inner), heads)
        return _turned(key, angles), value

    def _query(self, layer: Layer, inner: Tensor, adapters: Adapters, angles: Angles) -> Tensor:
        heads = self.weights.shape.num_attention_heads
        return _turned(_heads(adapters.apply(layer.linear["q_proj"], inner), heads), angles)

    def _through(self, layer: Layer, x: Tensor, mixed: Tensor, adapters: Adapters) -> Tensor:
        """The rest of a layer after its attention: (batch, tokens, hidden)."""
        x = x + adapters.apply(layer.linear["o_proj"], mixed.transpose(1, 2).flatten(2))
        inner = self._norm(x, layer.post_attention_norm)
        gate = silu(adapters.apply(layer.linear["gate_proj"], inner), inplace=True)
        gate *= adapters.apply(layer.linear["up_proj"], inner)
        return x + adapters.apply(layer.linear["down_proj"], gate)

    def _norm(self, x: Tensor, weight: Tensor) -> Tensor:
        return _rms_norm(x, weight, self.weights.shape)

    def _angles(self, positions: Tensor | slice) -> Angles:
        return self._cos[positions], self._sin[positions]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asking:
    """The tokens of some questions that look around: all of them, or their answers."""

    adapters: Adapters
    looking: Looking
    angles: Angles


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
