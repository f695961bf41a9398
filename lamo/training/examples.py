"""From visits to training examples: all candidates of one visit behind one prefix.

LAMO makes one row per (visit, medication). The rows of a visit differ in their last few tokens
only, so here they are one sequence: the prefix, then every candidate's suffix, under a mask that
lets a suffix see the prefix and itself. Loss and gradients are those of the separate rows (at
dropout 0), for a fraction of the tokens.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from torch import Tensor

from lamo.notes.digest import NoteTools, digest_record
from lamo.prompts import PromptPlan, render_prompt
from lamo.scoring.packing import PackedSuffixes
from lamo.visits import Visit


@dataclass(frozen=True, slots=True)
class Example:
    """One visit, tokenised."""

    prefix: Tensor  # (prefix tokens,) int64
    prescribed: Tensor  # (vocabulary,) bool
    visit: int  # index into the cohort


@dataclass(frozen=True, slots=True)
class Batch:
    """Several visits with the same candidates, padded on the left so that suffixes line up."""

    ids: Tensor  # (visits, tokens) int64
    positions: Tensor  # (visits, tokens)
    mask: Tensor  # (visits, 1, tokens, tokens) bool: may the row's token see the column's?
    answers: Tensor  # (candidates,) index of each answer position, the same in every row
    targets: Tensor  # (visits, candidates) bool
    prefix_tokens: int  # padded length of the prefix part
    real: Tensor  # (visits, prefix tokens) bool: False where padded

    def to(self, device: torch.device) -> "Batch":
        """The batch on another device."""
        values = {part.name: getattr(self, part.name) for part in fields(self)}
        moved: dict[str, Any] = {
            name: value.to(device) for name, value in values.items() if isinstance(value, Tensor)
        }
        return replace(self, **moved)


def prompt_text(visit: Visit, notes: NoteTools, plan: PromptPlan) -> str:
    """The visit's prompt prefix, exactly as serving renders it."""
    prompt, _ = render_prompt(visit.record, digest_record(visit.record, notes), plan)
    return prompt.text


def make_batch(examples: Sequence[Example], packed: PackedSuffixes, chosen: Tensor) -> Batch:
    """Pad and mask several examples.

    Args:
        examples: the visits.
        packed: the suffixes of the chosen candidates.
        chosen: (candidates,) their indices in the vocabulary.
    """
    longest = max(len(example.prefix) for example in examples)
    tokens = packed.ids.shape[1]
    lengths = torch.tensor([len(example.prefix) for example in examples])
    ids = torch.zeros(len(examples), longest + tokens, dtype=torch.long)
    ids[:, longest:] = packed.ids
    for row, example in enumerate(examples):
        ids[row, longest - len(example.prefix) : longest] = example.prefix
    pads = longest - lengths  # (visits,)
    place = torch.arange(longest)
    real = place[None] >= pads[:, None]
    prefix_positions = (place[None] - pads[:, None]).clamp(min=0)
    suffix_positions = lengths[:, None] + packed.offsets[None]
    return Batch(
        ids=ids,
        positions=torch.cat([prefix_positions, suffix_positions], dim=1),
        mask=_block_mask(real, packed),
        answers=longest + packed.last,
        targets=torch.stack([example.prescribed[chosen] for example in examples]),
        prefix_tokens=longest,
        real=real,
    )


def batches_of(
    examples: Sequence[Example], size: int, generator: torch.Generator
) -> Iterator[list[Example]]:
    """Shuffled batches of visits of similar length, so that little is padded."""
    order = torch.randperm(len(examples), generator=generator).tolist()
    for start in range(0, len(order), size * 16):
        pool = sorted(order[start : start + size * 16], key=lambda i: len(examples[i].prefix))
        chunks = [pool[i : i + size] for i in range(0, len(pool), size)]
        for which in torch.randperm(len(chunks), generator=generator).tolist():
            yield [examples[i] for i in chunks[which]]


def _block_mask(real: Tensor, packed: PackedSuffixes) -> Tensor:
    """(visits, prefix) and packed suffixes -> (visits, 1, tokens, tokens) bool."""
    visits, longest = real.shape
    total = longest + packed.ids.shape[1]
    mask = torch.zeros(visits, total, total, dtype=torch.bool)
    mask[:, :longest, :longest] = torch.ones(longest, longest, dtype=torch.bool).tril()
    mask[:, longest:, :longest] = True
    mask[:, :, :longest] &= real[:, None, :]
    mask[:, longest:, longest:] = packed.own
    mask |= torch.eye(total, dtype=torch.bool)  # a padded row sees itself: no empty softmax
    return mask[:, None]
