"""The scores of a split: what calibration and evaluation read, whatever model made them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """One split: a row per visit, a column per candidate of the vocabulary."""

    labels: tuple[str, ...]  # the vocabulary, in the order of the columns
    log_odds: Tensor  # (visits, candidates) float32, of Yes against No
    prescribed: Tensor  # (visits, candidates) bool
    truth: Tensor | None  # (visits, candidates): the generator's probabilities, when it is known
    patients: tuple[str, ...]  # patient of each row: the unit of bootstrap and splits
    facts: Sequence[Mapping[str, Any]]  # of each row: age, sex, setting, diagnoses (count), ...

    def save(self, folder: Path) -> None:
        """Write scores.safetensors and rows.json to a folder, which is made."""
        folder.mkdir(parents=True, exist_ok=True)
        tensors = {"log_odds": self.log_odds.contiguous(), "prescribed": self.prescribed.byte()}
        if self.truth is not None:
            tensors["truth"] = self.truth.contiguous()
        save_file(tensors, folder / "scores.safetensors")
        rows = {"labels": self.labels, "patients": self.patients, "facts": list(self.facts)}
        (folder / "rows.json").write_text(json.dumps(rows) + "\n")

    @classmethod
    def load(cls, folder: Path) -> "Scored":
        """Read what `save` wrote."""
        tensors = load_file(folder / "scores.safetensors")
        rows = json.loads((folder / "rows.json").read_text())
        return cls(
            labels=tuple(rows["labels"]),
            log_odds=tensors["log_odds"],
            prescribed=tensors["prescribed"].bool(),
            truth=tensors.get("truth"),
            patients=tuple(rows["patients"]),
            facts=rows["facts"],
        )

    def rows(self, chosen: Tensor) -> "Scored":
        """The rows at the chosen indices (int64) or where chosen is true (bool)."""
        index = chosen.nonzero()[:, 0] if chosen.dtype == torch.bool else chosen
        places = index.tolist()
        return Scored(
            labels=self.labels,
            log_odds=self.log_odds[index],
            prescribed=self.prescribed[index],
            truth=None if self.truth is None else self.truth[index],
            patients=tuple(self.patients[place] for place in places),
            facts=[self.facts[place] for place in places],
        )
