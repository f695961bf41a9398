"""How the candidates and the answers are worded in tokens, as they follow a prompt's prefix."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from transformers import PreTrainedTokenizerBase

from lamo.prompts import ANSWERS, Layout, candidate_suffix
from lamo.scoring.packing import pack_suffixes
from lamo.scoring.tokens import TokenizerMerges, tokens_after
from lamo.training.forward import Question
from lamo.training.stages.manifest import StageRefused


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """Token ids of everything that follows a prefix."""

    suffixes: dict[str, list[int]]  # by label, in the order of the vocabulary
    yes_id: int
    no_id: int
    heading: list[int]  # the candidate heading, with which every prefix ends

    @classmethod
    def of(
        cls, tokenizer: PreTrainedTokenizerBase, labels: Sequence[str], layout: Layout
    ) -> "Wording":
        """Ask the tokenizer; what stands before a text may change how it is cut."""
        suffixes = {
            label: _following(tokenizer, layout.heading, candidate_suffix(label, layout))
            for label in labels
        }
        asked = layout.heading + candidate_suffix(labels[0], layout)
        yes_id, no_id = (_following(tokenizer, asked, answer)[0] for answer in ANSWERS)
        heading = _heading(tokenizer, layout.heading)
        return cls(suffixes=suffixes, yes_id=yes_id, no_id=no_id, heading=heading)

    def question(self, labels: Sequence[str], adapter: str = "") -> Question:
        """The question about these candidates."""
        place = {label: index for index, label in enumerate(self.suffixes)}
        return Question(
            packed=pack_suffixes([self.suffixes[label] for label in labels]),
            chosen=torch.tensor([place[label] for label in labels]),
            yes_id=self.yes_id,
            no_id=self.no_id,
            adapter=adapter,
        )

    def save(self, path: Path) -> None:
        """Write as JSON."""
        path.write_text(json.dumps(asdict(self)) + "\n")

    @classmethod
    def load(cls, path: Path) -> "Wording":
        """Read what `save` wrote."""
        return cls(**json.loads(path.read_text()))


def _heading(tokenizer: PreTrainedTokenizerBase, heading: str) -> list[int]:
    """The tokens that the candidate heading is in, after a list as in every prompt."""
    text = f"x], {heading}"
    start = text.index(heading)
    encoded = tokenizer(text, return_offsets_mapping=True)
    pairs = zip(encoded["input_ids"], encoded["offset_mapping"], strict=True)
    return [token for token, (_, end) in pairs if end > start]


def _following(tokenizer: PreTrainedTokenizerBase, before: str, text: str) -> list[int]:
    try:
        return tokens_after(lambda whole: list(tokenizer(whole)["input_ids"]), before, text)
    except TokenizerMerges as merged:
        raise StageRefused(str(merged)) from merged
