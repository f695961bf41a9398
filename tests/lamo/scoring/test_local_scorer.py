"""The packed engine equals one full prompt per candidate, on several architectures."""

import json
from pathlib import Path

import pytest
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    PretrainedConfig,
    PreTrainedModel,
    Qwen2Config,
    Qwen2ForCausalLM,
)

from lamo.artifact import ArtifactRefused, load_artifact, write_manifest
from lamo.deadline import Deadline
from lamo.prompts import Prompt, render_prompt
from lamo.scoring.base import ScorerUnavailable
from lamo.scoring.local import LocalScorer
from tests.lamo.records import patient
from tests.lamo.scoring.plain import plain_log_odds
from tests.lamo.tiny import LABELS, tiny_artifact


@pytest.mark.parametrize("groups", [1, 3])
@pytest.mark.parametrize(
    ("config", "architecture"),
    [
        (LlamaConfig, LlamaForCausalLM),
        (Qwen2Config, Qwen2ForCausalLM),
        (MistralConfig, MistralForCausalLM),
    ],
    ids=["llama", "qwen2", "mistral"],
)
def test_packed_scores_equal_one_full_prompt_per_candidate(
    tmp_path: Path,
    config: type[PretrainedConfig],
    architecture: type[PreTrainedModel],
    groups: int,
) -> None:
    artifact = tiny_artifact(tmp_path / "a", groups, config, architecture)
    scorer = LocalScorer(artifact)
    prompt, _ = render_prompt(patient(), None)

    scores = scorer.score(prompt, LABELS, Deadline.after_ms(60_000))

    assert list(sorted(scores)) == sorted(LABELS)
    for label in LABELS:
        expected = plain_log_odds(scorer, artifact, prompt, label)
        assert scores[label] == pytest.approx(expected, abs=1e-3)


def test_only_the_candidates_that_are_asked_for_are_scored(tmp_path: Path) -> None:
    scorer = LocalScorer(tiny_artifact(tmp_path / "a"))
    prompt, _ = render_prompt(patient(), None)
    assert list(scorer.score(prompt, ["Warfarin"], Deadline.after_ms(60_000))) == ["Warfarin"]


def test_a_call_past_its_deadline_is_dropped(tmp_path: Path) -> None:
    scorer = LocalScorer(tiny_artifact(tmp_path / "a"))
    prompt, _ = render_prompt(patient(), None)
    with pytest.raises(ScorerUnavailable, match=r"no time was left|busy"):
        scorer.score(prompt, LABELS, Deadline.after_ms(0))


def test_a_prompt_longer_than_the_model_takes_is_refused(tmp_path: Path) -> None:
    scorer = LocalScorer(tiny_artifact(tmp_path / "a"))
    prompt = Prompt("word " * 3000)
    with pytest.raises(ScorerUnavailable, match="tokens, the model takes 1024"):
        scorer.score(prompt, LABELS, Deadline.after_ms(60_000))


def test_a_changed_file_is_refused(tmp_path: Path) -> None:
    folder = tiny_artifact(tmp_path / "a").folder
    config = folder / "base" / "config.json"
    config.write_text(config.read_text() + " ")
    with pytest.raises(ArtifactRefused, match="does not have the hash"):
        load_artifact(folder)


def test_adapters_that_are_partly_activated_are_refused_and_not_ignored(tmp_path: Path) -> None:
    artifact = tiny_artifact(tmp_path / "a")
    config = artifact.folder / "adapters" / "group-0" / "adapter_config.json"
    values = json.loads(config.read_text())
    activated = {"alora_invocation_tokens": [5, 6], "task_type": "CAUSAL_LM"}
    config.write_text(json.dumps(values | activated))
    with pytest.raises(ArtifactRefused, match="activated LoRA"):
        LocalScorer(write_manifest(artifact))


def test_a_file_that_may_hold_code_is_refused(tmp_path: Path) -> None:
    folder = tiny_artifact(tmp_path / "a").folder
    (folder / "base" / "pytorch_model.bin").write_bytes(b"x")
    with pytest.raises(ArtifactRefused, match="does not list"):
        load_artifact(folder)


def test_another_prompt_version_is_refused(tmp_path: Path) -> None:
    folder = tiny_artifact(tmp_path / "a").folder
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["prompt_version"] = "lamo-0"
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ArtifactRefused, match="trained on prompt version 'lamo-0'"):
        load_artifact(folder)


def test_an_empty_folder_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ArtifactRefused, match="wanted the folder of an artifact"):
        load_artifact(tmp_path)
