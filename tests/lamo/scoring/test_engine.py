"""Our engine: what it computes, what it keeps between calls, and what it leaves to peft."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import Qwen2Config, Qwen2ForCausalLM

from lamo.artifact import Artifact, write_manifest
from lamo.deadline import Deadline, DeadlinePassed
from lamo.prompts import COMPACT, render_prompt
from lamo.scoring.engine.prefixes import MOST_S, PrefixCache
from lamo.scoring.engine.weights import Source, Unsupported, load_weights
from lamo.scoring.grouped import GroupedEngine
from lamo.scoring.local import LocalScorer
from lamo.scoring.machine import fastest_dtype, usable_cores
from lamo.scoring.plan import LocalPlan
from lamo.scoring.stock import StockEngine
from tests.lamo.records import diagnosis, patient
from tests.lamo.scoring.plain import plain_log_odds
from tests.lamo.tiny import LABELS, tiny_artifact

ONE = render_prompt(patient(), None)[0]
OTHER = render_prompt(patient(diagnoses=(diagnosis("Gout"),)), None)[0]


def later() -> Deadline:
    return Deadline.after_ms(60_000)


def own(scorer: LocalScorer) -> GroupedEngine:
    assert isinstance(scorer.engine, GroupedEngine)
    return scorer.engine


@pytest.mark.parametrize("groups", [1, 3])
@pytest.mark.parametrize(
    "model", [{}, {"config": Qwen2Config, "architecture": Qwen2ForCausalLM}], ids=["llama", "qwen2"]
)
@pytest.mark.parametrize("modules", [["q_proj", "v_proj"], "all-linear"])
def test_activated_adapters_give_the_scores_of_peft(
    tmp_path: Path, model: dict[str, Any], groups: int, modules: Any
) -> None:
    artifact = tiny_artifact(tmp_path, groups, **model, activated=True, target_modules=modules)
    scorer = LocalScorer(artifact)
    scores = scorer.score(ONE, LABELS, later())
    assert own(scorer).decoder.weights.invocation
    for label in LABELS:
        plainly = plain_log_odds(scorer, artifact, ONE, label)
        assert scores[label] == pytest.approx(plainly, abs=1e-3)


@pytest.mark.parametrize("modules", [["k_proj", "o_proj", "up_proj", "down_proj"], "all-linear"])
def test_adapters_may_act_on_any_linear_layer(tmp_path: Path, modules: Any) -> None:
    artifact = tiny_artifact(tmp_path, 2, target_modules=modules, use_rslora=True)
    scorer = LocalScorer(artifact)
    scores = scorer.score(ONE, LABELS, later())
    for label in LABELS:
        plainly = plain_log_odds(scorer, artifact, ONE, label)
        assert scores[label] == pytest.approx(plainly, abs=1e-3)


@pytest.mark.parametrize("activated", [False, True])
def test_a_second_call_reads_nothing_again_and_says_the_same(
    tmp_path: Path, activated: bool
) -> None:
    scorer = LocalScorer(tiny_artifact(tmp_path, 2, activated=activated))
    own(scorer).remembers_scores = False
    first = scorer.score(ONE, LABELS, later())
    entries, misses = len(own(scorer).prefixes), own(scorer).prefixes.misses
    assert scorer.score(ONE, LABELS[:2], later()) == pytest.approx(
        {label: first[label] for label in LABELS[:2]}, abs=1e-5
    )
    assert (len(own(scorer).prefixes), own(scorer).prefixes.misses) == (entries, misses)


@pytest.mark.parametrize("activated", [False, True])
def test_a_patient_never_gets_what_was_read_of_another(tmp_path: Path, activated: bool) -> None:
    """Scored after the other, each has the scores that it has alone."""
    artifact = tiny_artifact(tmp_path, 2, activated=activated)
    alone = [LocalScorer(artifact).score(prompt, LABELS, later()) for prompt in (ONE, OTHER)]
    together = LocalScorer(artifact)
    for prompt, expected in zip((ONE, OTHER, ONE, OTHER), alone * 2, strict=True):
        assert together.score(prompt, LABELS, later()) == pytest.approx(expected, abs=1e-6)
    assert alone[0] != pytest.approx(alone[1], abs=1e-3)


def test_scores_are_remembered_of_the_very_same_prompt_only(tmp_path: Path) -> None:
    scorer = LocalScorer(tiny_artifact(tmp_path, 2))
    first = scorer.score(ONE, LABELS[:3], later())
    engine = own(scorer)
    engine.decoder.weights.answer.zero_()  # what is computed anew is now 0
    assert scorer.score(ONE, LABELS, later()) == {label: first.get(label, 0.0) for label in LABELS}
    assert set(scorer.score(OTHER, LABELS, later()).values()) == {0.0}


def test_without_room_nothing_is_kept(tmp_path: Path) -> None:
    scorer = LocalScorer(tiny_artifact(tmp_path, 2), LocalPlan(cache_bytes=0))
    first = scorer.score(ONE, LABELS, later())
    assert scorer.score(ONE, LABELS, later()) == pytest.approx(first, abs=1e-6)
    assert len(own(scorer).prefixes) == 0


class Block:
    def __init__(self, size: int) -> None:
        self.bytes = size


def test_the_least_recently_used_goes_first_and_the_bound_in_bytes_holds() -> None:
    cache = PrefixCache(100)
    for name in "abc":
        cache.keep(name, Block(40))
        cache.find("b")
    assert (cache.find("a"), cache.bytes) == (None, 80)
    assert cache.find("b")
    assert cache.find("c")
    cache.keep("b", Block(10))
    assert cache.bytes == 50
    cache.keep("huge", Block(101))
    assert cache.find("huge") is None
    cache.clear()
    assert (len(cache), cache.bytes) == (0, 0)


def test_what_was_not_used_for_an_hour_is_dropped_by_the_next_use() -> None:
    now = [0.0]
    cache = PrefixCache(100, clock=lambda: now[0])
    cache.keep("a", Block(10))
    cache.keep("b", Block(20))
    now[0] = MOST_S
    assert cache.find("b")
    now[0] += 1
    assert (cache.find("c"), len(cache), cache.bytes) == (None, 1, 20)
    assert cache.find("b")


def test_the_work_ends_at_the_deadline_between_two_groups(tmp_path: Path) -> None:
    artifact = tiny_artifact(tmp_path, 5)
    engine = own(LocalScorer(artifact))
    ticks = iter(range(100))
    passing = Deadline(1.5, clock=lambda: float(next(ticks)))
    with pytest.raises(DeadlinePassed):
        engine.score([5, 6, 7], LABELS, passing)
    assert 0 < len(engine.prefixes) < 5


def test_adapters_that_are_not_plain_lora_are_left_to_peft(tmp_path: Path) -> None:
    artifact = tiny_artifact(tmp_path, 2, use_dora=True)
    scorer = LocalScorer(artifact)
    assert isinstance(scorer.engine, StockEngine)
    scores = scorer.score(ONE, LABELS, later())
    for label in LABELS:
        plainly = plain_log_odds(scorer, artifact, ONE, label)
        assert scores[label] == pytest.approx(plainly, abs=1e-3)


@pytest.mark.parametrize(
    "change",
    [
        {"model_type": "gpt_neox"},
        {"rope_parameters": {"rope_type": "yarn", "rope_theta": 10_000.0}},
        {"model_type": "mistral", "sliding_window": 16},
        {"hidden_act": "gelu"},
    ],
    ids=lambda change: "-".join(change),
)
def test_models_that_it_does_not_compute_are_named(tmp_path: Path, change: Any) -> None:
    artifact = tiny_artifact(tmp_path)
    path = artifact.folder / "base" / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    source = Source(artifact.folder / "base", [artifact.folder / "adapters/group-0"], (3, 4))
    with pytest.raises(Unsupported, match=r"gpt_neox|yarn|window of 16|activation"):
        load_weights(source)


def test_the_scaled_rotary_embedding_of_llama_3_is_that_of_transformers(tmp_path: Path) -> None:
    scaling = {
        "rope_type": "llama3",
        "rope_theta": 500_000.0,
        "factor": 8.0,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": 64,
    }
    artifact = tiny_artifact(tmp_path)
    path = artifact.folder / "base" / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"rope_parameters": scaling}))
    artifact = write_manifest(artifact)
    scorer = LocalScorer(artifact)
    scores = scorer.score(ONE, LABELS, later())
    for label in LABELS:
        plainly = plain_log_odds(scorer, artifact, ONE, label)
        assert scores[label] == pytest.approx(plainly, abs=1e-3)


def test_an_artifact_without_the_heading_in_its_prompt_is_told_of(tmp_path: Path) -> None:
    engine = own(LocalScorer(tiny_artifact(tmp_path, activated=True)))
    with pytest.raises(ValueError, match="another artifact"):
        engine.score([5, 6, 7], LABELS, later())


def test_a_base_in_several_files_is_read_whole(tmp_path: Path) -> None:
    artifact = tiny_artifact(tmp_path)
    expected = LocalScorer(artifact).score(ONE, LABELS, later())
    _split(artifact)
    assert LocalScorer(artifact).score(ONE, LABELS, later()) == pytest.approx(expected, abs=1e-6)


def _split(artifact: Artifact) -> None:
    whole = artifact.folder / "base" / "model.safetensors"
    tensors = load_file(whole)
    half = len(tensors) // 2
    for number, names in enumerate((list(tensors)[:half], list(tensors)[half:])):
        part = {name: tensors[name] for name in names}
        save_file(part, whole.parent / f"model-{number}.safetensors")
    whole.unlink()


@pytest.mark.parametrize("activated", [False, True])
def test_the_compact_layout_is_scored_like_whole_prompts(tmp_path: Path, activated: bool) -> None:
    artifact = tiny_artifact(tmp_path, 3, layout=COMPACT, activated=activated)
    scorer = LocalScorer(artifact)
    prompt, _ = render_prompt(patient(), None, artifact.prompt_plan)
    scores = scorer.score(prompt, LABELS, later())
    for label in LABELS:
        plainly = plain_log_odds(scorer, artifact, prompt, label)
        assert scores[label] == pytest.approx(plainly, abs=1e-3)


def test_bfloat16_says_nearly_the_same(tmp_path: Path) -> None:
    artifact = tiny_artifact(tmp_path, 2)
    exact = LocalScorer(artifact).score(ONE, LABELS, later())
    coarse = LocalScorer(artifact, LocalPlan(dtype="bfloat16")).score(ONE, LABELS, later())
    assert coarse == pytest.approx(exact, abs=0.05)
    assert coarse != exact


def test_the_fastest_number_format_is_one_of_those_measured() -> None:
    assert fastest_dtype(64, 128, "cpu") in {torch.float32, torch.bfloat16}


@pytest.mark.parametrize(
    ("quota", "cores"), [("max 100000", 99), ("150000 100000", 1), ("200000 100000", 2), ("?", 99)]
)
def test_a_container_may_use_fewer_cores_than_there_are(
    tmp_path: Path, quota: str, cores: int
) -> None:
    file = tmp_path / "cpu.max"
    file.write_text(quota)
    assert usable_cores(file) == min(cores, usable_cores(tmp_path / "none"))
