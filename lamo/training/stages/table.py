"""One split as tokens and labels, on disk as safetensors and JSON."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from lamo.training.examples import Example
from lamo.training.scored import Scored


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A row per visit, a column per candidate of the vocabulary."""

    labels: tuple[str, ...]
    prefixes: Sequence[Tensor]  # (prefix tokens,) int64 each
    prescribed: Tensor  # (visits, candidates) bool
    truth: Tensor | None  # (visits, candidates): the generator's probabilities, when it is known
    patients: tuple[str, ...]
    facts: Sequence[Mapping[str, Any]]
    places: tuple[int, ...]  # of each row in its split, of which too long prompts are left out

    @property
    def examples(self) -> list[Example]:
        """The rows as training takes them."""
        rows = zip(self.prefixes, self.prescribed, strict=True)
        return [Example(ids, row, index) for index, (ids, row) in enumerate(rows)]

    def scored(self, log_odds: Tensor) -> Scored:
        """The rows with a model's scores."""
        return Scored(
            labels=self.labels,
            log_odds=log_odds,
            prescribed=self.prescribed,
            truth=self.truth,
            patients=self.patients,
            facts=self.facts,
        )

    def save(self, folder: Path, name: str) -> None:
        """Write name.safetensors and name.json."""
        tensors = {
            "ids": torch.cat(list(self.prefixes)).int(),
            "lengths": torch.tensor([len(ids) for ids in self.prefixes], dtype=torch.int32),
            "prescribed": self.prescribed.byte(),
        }
        if self.truth is not None:
            tensors["truth"] = self.truth
        save_file(tensors, folder / f"{name}.safetensors")
        rows: dict[str, Any] = {
            "labels": self.labels,
            "patients": self.patients,
            "facts": list(self.facts),
        }
        rows["places"] = self.places
        (folder / f"{name}.json").write_text(json.dumps(rows) + "\n")

    @classmethod
    def load(cls, folder: Path, name: str) -> "Table":
        """Read what `save` wrote."""
        tensors = load_file(folder / f"{name}.safetensors")
        rows = json.loads((folder / f"{name}.json").read_text())
        return cls(
            labels=tuple(rows["labels"]),
            prefixes=tensors["ids"].long().split(tensors["lengths"].tolist()),
            prescribed=tensors["prescribed"].bool(),
            truth=tensors.get("truth"),
            patients=tuple(rows["patients"]),
            facts=rows["facts"],
            places=tuple(rows["places"]),
        )
