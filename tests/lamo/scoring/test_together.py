"""Questions computed together, as on an accelerator, say what they say one by one."""

from pathlib import Path
from typing import Any

import pytest
import torch

from lamo.scoring.engine.decoder import Decoder
from lamo.scoring.engine.questions import BASE, Part, Question
from lamo.scoring.engine.weights import Source, Weights, load_weights
from lamo.scoring.packing import behind, pack_suffixes
from tests.lamo.tiny import tiny_artifact

IDS = torch.arange(20, 60)
SUFFIXES = [[5], [6, 7, 8], [9, 10], [11]]


def weights_of(folder: Path, **adapters: Any) -> Weights:
    artifact = tiny_artifact(folder, 3, **adapters)
    folders = [artifact.folder / group.adapter for group in artifact.groups]
    return load_weights(Source(artifact.base_model_folder, folders, (3, 4)))


def questions_for(decoder: Decoder) -> list[Question]:
    """With as much before them, with more and in two parts, and with nothing."""
    parts: list[Part] = [decoder.read(IDS, [group])[0] for group in range(3)]
    base = decoder.read(IDS[:30], [])[0]
    longer = [base, decoder.read_on(IDS[30:35], [base])]
    return [
        Question(2, [parts[2]], pack_suffixes(SUFFIXES)),
        Question(0, longer, behind([13, 14], pack_suffixes(SUFFIXES[:1]))),
        Question(BASE, [base], pack_suffixes(SUFFIXES[1:])),
        Question(1, (), pack_suffixes(SUFFIXES[2:])),
        Question(0, [parts[0]], pack_suffixes(SUFFIXES[:2])),
        Question(1, longer, pack_suffixes(SUFFIXES[1:])),
    ]


@pytest.mark.parametrize("modules", [["q_proj", "v_proj"], "all-linear"])
@torch.inference_mode()
def test_together_is_one_by_one(tmp_path: Path, modules: Any) -> None:
    weights = weights_of(tmp_path, target_modules=modules)
    alone, together = Decoder(weights), Decoder(weights, at_once=True)
    questions = questions_for(alone)
    expected = [alone.answer([question])[0] for question in questions]
    for decoder in (alone, together):
        found = decoder.answer(questions)
        for one, other in zip(found, expected, strict=True):
            assert torch.allclose(one, other, atol=1e-4)
    assert torch.cat(expected).std() > 0.01
    base, more = questions[1].past
    again = together.read_on(IDS[30:35], [base])
    assert torch.allclose(again.layers[1][0], more.layers[1][0], atol=1e-4)
