"""Systems that learn nothing or only count: what every claim has to be measured against first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from lamo.training.evaluation.choices import prevalence_top_k
from lamo.training.evaluation.features import Seen, marked
from lamo.training.evaluation.systems import Sees, System

BATCH = 512  # visits whose neighbours are looked for at once


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """What a baseline may use: the visits as seen, and what was prescribed in training."""

    labels: tuple[str, ...]
    train: Sequence[Seen]
    train_prescribed: Tensor  # (training visits, candidates) bool
    test: Sequence[Seen]
    seed: int

    @property
    def place(self) -> Mapping[str, int]:
        """Column of each label."""
        return {label: index for index, label in enumerate(self.labels)}


def simple_baselines(rows: Rows) -> list[System]:
    """All, none, random, prevalence, copies of history, nearest neighbour."""
    shape = (len(rows.test), len(rows.labels))
    floor = prevalence_top_k(rows.train_prescribed, len(rows.test))
    previous = marked([seen.previous for seen in rows.test], rows.place)
    home = marked([seen.home for seen in rows.test], rows.place)
    return [
        _system("recommend all", "nothing", torch.ones(shape, dtype=torch.bool)),
        _system("recommend none", "nothing", torch.zeros(shape, dtype=torch.bool)),
        _system("random at prevalence", "nothing", _random(rows)),
        _system("prevalence top-k", "nothing", floor),
        _system("copy previous visit", "history", previous),
        _system("copy home medications", "history", home),
        _system("nearest neighbour on codes", "codes", nearest_neighbour(rows)),
    ]


def nearest_neighbour(rows: Rows) -> Tensor:
    """The list of the training visit whose codes are most alike by cosine, the first of equals."""
    words = dict.fromkeys(code for seen in rows.train for code in seen.codes)
    place = {word: index for index, word in enumerate(words)}
    known = _unit(marked([seen.codes for seen in rows.train], place))
    asked = _unit(marked([seen.codes for seen in rows.test], place))
    nearest = torch.cat([(part @ known.T).argmax(dim=1) for part in asked.split(BATCH)])
    return rows.train_prescribed[nearest]


def _random(rows: Rows) -> Tensor:
    generator = torch.Generator().manual_seed(rows.seed)
    share = rows.train_prescribed.float().mean(dim=0)
    return torch.rand(len(rows.test), len(rows.labels), generator=generator) < share


def _unit(bags: Tensor) -> Tensor:
    """(visits, words) bool -> rows of length one."""
    return torch.nn.functional.normalize(bags.float(), dim=1)


def _system(name: str, sees: Sees, chosen: Tensor) -> System:
    return System(name=name, sees=sees, role="baseline", chosen=chosen)
