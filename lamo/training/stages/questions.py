"""How the candidates and the answers are worded in tokens, as they follow a prompt's prefix."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from transformers import PreTrainedTokenizerBase

from lamo.prompts import ANSWERS, CANDIDATE_HEADING, candidate_suffix
from lamo.scoring.local import pack_suffixes
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
    def of(cls, tokenizer: PreTrainedTokenizerBase, labels: Sequence[str]) -> "Wording":
        """Ask the tokenizer; what stands before a text may change how it is cut."""
        suffixes = {
            label: _following(tokenizer, CANDIDATE_HEADING, candidate_suffix(label))
            for label in labels
        }
        asked = CANDIDATE_HEADING + candidate_suffix(labels[0])
        yes_id, no_id = (_following(tokenizer, asked, answer)[0] for answer in ANSWERS)
        heading = _following(tokenizer, "x,", f" {CANDIDATE_HEADING}")
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


def _following(tokenizer: PreTrainedTokenizerBase, before: str, text: str) -> list[int]:
    head: list[int] = list(tokenizer(before)["input_ids"])
    whole: list[int] = list(tokenizer(before + text)["input_ids"])
    if whole[: len(head)] != head:
        raise StageRefused(
            f"the tokenizer merges {before!r} with {text!r}: prefix and suffix cannot be told "
            "apart; use a base model whose tokenizer splits at white space"
        )
    return whole[len(head) :]
