"""Prompts that begin as another one: the same scores as one by one, and nothing is kept of them."""

from pathlib import Path
from typing import Any

import pytest
from transformers import Qwen2Config, Qwen2ForCausalLM

from lamo.deadline import Deadline
from lamo.prompts import Prompt, render_prompt
from lamo.scoring.base import ScorerUnavailable, VariantScorer
from lamo.scoring.engine.questions import Question
from lamo.scoring.grouped import GroupedEngine
from lamo.scoring.local import LocalScorer
from lamo.scoring.packing import pack_suffixes
from lamo.scoring.plan import LocalPlan
from lamo.scoring.stock import StockEngine
from lamo.scoring.variants import at_once, shared_tokens
from tests.lamo.records import diagnosis, patient
from tests.lamo.scoring.plain import plain_log_odds
from tests.lamo.tiny import LABELS, tiny_artifact

NAMES = ("Gout", "Hypertension", "Pneumonia", "Heart failure")


def told(*names: str) -> Prompt:
    return render_prompt(patient(diagnoses=tuple(diagnosis(name) for name in names)), None)[0]


WHOLE = told(*NAMES)
VARIANTS = [
    told(*NAMES[1:]),
    told(*NAMES[:-1]),
    WHOLE,
    told(),
    render_prompt(patient(age=None, sex=None), None)[0],
]


def later() -> Deadline:
    return Deadline.after_ms(60_000)


@pytest.mark.parametrize("groups", [1, 3])
@pytest.mark.parametrize("activated", [False, True])
@pytest.mark.parametrize(
    "model", [{}, {"config": Qwen2Config, "architecture": Qwen2ForCausalLM}], ids=["llama", "qwen2"]
)
def test_variants_have_the_scores_that_each_has_alone(
    tmp_path: Path, model: dict[str, Any], activated: bool, groups: int
) -> None:
    artifact = tiny_artifact(
        tmp_path, groups, **model, activated=activated, target_modules="all-linear"
    )
    scorer = LocalScorer(artifact)
    found = scorer.score_variants(WHOLE, VARIANTS, LABELS, later())
    for prompt, scores in zip(VARIANTS, found, strict=True):
        alone = LocalScorer(artifact).score(prompt, LABELS, later())
        assert scores == pytest.approx(alone, abs=1e-3)
    assert found[0] != pytest.approx(found[1], abs=1e-3)


@pytest.mark.parametrize("activated", [False, True])
def test_variants_equal_one_full_prompt_through_transformers_and_peft(
    tmp_path: Path, activated: bool
) -> None:
    artifact = tiny_artifact(tmp_path, 2, activated=activated)
    scorer = LocalScorer(artifact)
    scores = scorer.score_variants(WHOLE, VARIANTS[:1], LABELS, later())[0]
    for label in LABELS:
        plainly = plain_log_odds(scorer, artifact, VARIANTS[0], label)
        assert scores[label] == pytest.approx(plainly, abs=1e-3)


def test_questions_go_through_the_model_in_passes_of_about_so_many_tokens() -> None:
    questions = [Question(0, (), pack_suffixes([[1] * tokens])) for tokens in (3, 4, 9, 1, 1)]
    passes = [[question.packed.ids.shape[1] for question in some] for some in at_once(questions, 8)]
    assert passes == [[3, 4], [9], [1, 1]]


@pytest.mark.parametrize("activated", [False, True])
def test_of_a_variant_nothing_is_kept(tmp_path: Path, activated: bool) -> None:
    scorer = LocalScorer(tiny_artifact(tmp_path, 2, activated=activated))
    assert isinstance(scorer.engine, GroupedEngine)
    scorer.score(WHOLE, LABELS, later())
    before = (len(scorer.engine.prefixes), scorer.engine.prefixes.bytes)
    scorer.score_variants(WHOLE, VARIANTS, LABELS, later())
    assert (len(scorer.engine.prefixes), scorer.engine.prefixes.bytes) == before


def test_without_a_kept_prefix_it_is_read_again(tmp_path: Path) -> None:
    artifact = tiny_artifact(tmp_path)
    expected = LocalScorer(artifact).score(VARIANTS[0], LABELS, later())
    forgetful = LocalScorer(artifact, LocalPlan(cache_bytes=0))
    found = forgetful.score_variants(WHOLE, VARIANTS[:1], LABELS, later())
    assert found[0] == pytest.approx(expected, abs=1e-3)


def test_stock_libraries_score_variants_one_after_the_other(tmp_path: Path) -> None:
    artifact = tiny_artifact(tmp_path)
    scorer = LocalScorer(artifact)
    ours = scorer.score_variants(WHOLE, VARIANTS[:2], LABELS, later())
    stock = StockEngine(artifact, scorer.tokens, LocalPlan())
    prefixes = [scorer.tokens.encode(prompt.text) for prompt in (WHOLE, *VARIANTS[:2])]
    theirs = stock.score_variants(prefixes[0], prefixes[1:], LABELS, later())
    for one, other in zip(ours, theirs, strict=True):
        assert one == pytest.approx(other, abs=1e-3)


def test_past_the_deadline_no_variant_is_scored(tmp_path: Path) -> None:
    scorer = LocalScorer(tiny_artifact(tmp_path))
    with pytest.raises(ScorerUnavailable, match=r"no time was left|busy"):
        scorer.score_variants(WHOLE, VARIANTS, LABELS, Deadline.after_ms(0))


def test_no_variants_no_scores(tmp_path: Path) -> None:
    scorer = LocalScorer(tiny_artifact(tmp_path))
    assert isinstance(scorer, VariantScorer)
    assert scorer.score_variants(WHOLE, [], LABELS, later()) == []


@pytest.mark.parametrize(
    ("other", "shared"), [([1, 2, 4], 2), ([1, 2], 2), ([1, 2, 3, 4], 3), ([], 0)]
)
def test_shared_tokens_are_counted_to_the_first_difference(other: list[int], shared: int) -> None:
    assert shared_tokens([1, 2, 3], other) == shared
