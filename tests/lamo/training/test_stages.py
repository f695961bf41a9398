"""All stages of training, on the tiny recipe: they fit together, resume, and refuse."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner, Result

from cds_service.cli import main
from fhir_mappings.formulary import Formulary
from lamo.artifact import load_artifact
from lamo.deadline import Deadline
from lamo.notes.digest import digest_record
from lamo.prompts import render_prompt
from lamo.scoring.local import LocalScorer
from lamo.training.scored import Scored
from lamo.training.scoring import score_examples
from lamo.training.stages.adapters import scored_of
from lamo.training.stages.base import load_base
from lamo.training.stages.config import read_config, recipe_path
from lamo.training.stages.examples import table_of, wording_of
from lamo.training.stages.groups import groups_of, held_out_of
from lamo.training.stages.job import Job
from lamo.training.stages.lora import load_adapters
from lamo.training.stages.notes import note_tools
from lamo.training.stages.pipeline import STAGES, manifests, open_job, run_stage
from lamo.visits import read_visits


def train(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["train", *map(str, arguments)])


def recipe_with(folder: Path, **changes: str) -> Path:
    """The tiny recipe with some of its lines replaced."""
    text = recipe_path("tiny").read_text()
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new, 1)
    path = folder / "recipe.toml"
    path.write_text(text)
    return path


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A finished run of the tiny recipe."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # tiny tensors: threads only wait for each other
    folder = tmp_path_factory.mktemp("train")
    result = train("all", "--config", "tiny", "--work", folder, "--out", folder / "out")
    assert result.exit_code == 0, result.output
    assert f"every stage of the recipe tiny in {folder}," in result.output
    yield folder
    torch.set_num_threads(threads)


@pytest.fixture
def copied(work: Path, tmp_path: Path) -> Path:
    """A copy of the finished run, to change."""
    return Path(shutil.copytree(work, tmp_path / "work"))


def job(work: Path) -> Job:
    return open_job(read_config(recipe_path("tiny")), work, "lamo-cds train")


def stage_of(work: Path, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((work / name / "stage.json").read_text())
    return found


def test_every_stage_leaves_a_manifest_that_names_what_it_read(work: Path) -> None:
    done = list(manifests(job(work)))
    assert [manifest.stage for manifest in done] == list(STAGES)
    digests = {manifest.stage: manifest.digest for manifest in done}
    for manifest in done:
        for name in STAGES[manifest.stage].reads:
            assert manifest.inputs[name] == digests[name]
        assert manifest.seed == 2023


def test_the_examples_are_all_pairs_of_visits_and_candidates(work: Path) -> None:
    counts = stage_of(work, "examples")["counts"]
    train_split = counts["splits"]["train"]
    assert train_split["examples"] == train_split["visits"] * counts["candidates"]
    assert 0 < train_split["positive"] < train_split["examples"] / 2


def test_a_second_run_skips_every_stage(work: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in work.rglob("stage.json")}
    assert not any(run_stage(job(work), name) for name in STAGES)
    assert before == {path: path.stat().st_mtime_ns for path in work.rglob("stage.json")}


def test_the_artifact_scores_as_training_scored(work: Path) -> None:
    """One prompt and one set of weights on both sides: no drift between them."""
    artifact = load_artifact(work / "out")
    assert artifact.recipe["groups"]["by"] == "class"
    assert artifact.recipe["adapters"]["kind"] == "lora"
    assert artifact.selection.name == "thresholds"
    scored: Scored = scored_of(job(work), "test")
    visit = next(read_visits(work / "cohort" / "test.jsonl"))
    digest = digest_record(visit.record, note_tools())
    prompt, _ = render_prompt(visit.record, digest, artifact.prompt_plan)
    scorer = LocalScorer(artifact)
    found = scorer.score(prompt, scored.labels, Deadline.after_ms(60_000))
    wanted = dict(zip(scored.labels, scored.log_odds[0].tolist(), strict=True))
    assert found == pytest.approx(wanted, abs=1e-3)


def test_the_report_and_the_model_card_come_with_it(work: Path) -> None:
    report = json.loads((work / "evaluate" / "report.json").read_text())
    assert report["command"] == "lamo-cds train all --config tiny"
    assert any("one adapter for all" in name for name in report["baselines"])
    for rival in ("untuned base model", "adapters by popularity", "grouped adapters, activated"):
        assert any(rival in name for name in report["baselines"])
    assert "without notes" in {row["input"] for row in report["signal"]}
    card = json.loads((work / "out" / "model-card.json").read_text())
    assert len(card["attributes"]) == 31


def test_fresh_patients_are_scored_with_another_seed(work: Path) -> None:
    result = train("evaluate", "--config", "tiny", "--work", work, "--seed", "77")
    assert result.exit_code == 0, result.output
    fresh = json.loads((work / "evaluate-77" / "report.json").read_text())
    report = json.loads((work / "evaluate" / "report.json").read_text())
    assert fresh["seed"] == 77
    assert fresh["command"] == "lamo-cds train evaluate --seed 77 --config tiny"
    assert fresh["bayes_optimal_jaccard"] != report["bayes_optimal_jaccard"]


def test_another_policy_only_runs_what_depends_on_it(copied: Path, tmp_path: Path) -> None:
    recipe = recipe_with(tmp_path, **{"[evaluate]": '[calibrate]\npolicy = "greedy"\n\n[evaluate]'})
    changed = open_job(read_config(recipe), copied, "lamo-cds train")
    ran = {name for name in STAGES if run_stage(changed, name)}
    assert ran == {"calibrate", "evaluate", "artifact"}


def test_a_group_is_a_job_of_its_own_and_the_stage_is_done_with_the_last(
    copied: Path, work: Path
) -> None:
    groups = sorted(json.loads((copied / "groups" / "groups.json").read_text())["groups"])
    shutil.rmtree(copied / "adapters")
    shutil.rmtree(copied / "calibrate")
    options = ("--config", "tiny", "--work", copied)
    for name in groups:
        assert train("adapters", "--group", name, *options).exit_code == 0
        assert not (copied / "adapters" / "stage.json").exists()
    refused = train("calibrate", *options)
    assert refused.exit_code == 1
    assert "run `lamo-cds train adapters` first" in refused.output
    assert train("adapters", *options).exit_code == 0
    alone, together = scored_of(job(copied), "test"), scored_of(job(work), "test")
    torch.testing.assert_close(alone.log_odds, together.log_odds)


def test_an_unknown_group_is_refused_with_those_there_are(work: Path, copied: Path) -> None:
    refused = train("adapters", "--again", "--group", "x", "--config", "tiny", "--work", copied)
    assert refused.exit_code == 2
    (copied / "adapters" / "stage.json").unlink()
    refused = train("adapters", "--group", "x", "--config", "tiny", "--work", copied)
    assert refused.exit_code == 1
    assert "there is no group 'x'" in refused.output


def test_a_changed_file_is_not_read_on(copied: Path) -> None:
    with (copied / "cohort" / "train.jsonl").open("a") as lines:
        lines.write("\n")
    refused = train("notes", "--config", "tiny", "--work", copied)
    assert refused.exit_code == 1
    assert "run `lamo-cds train cohort` again" in refused.output


def test_a_stage_asks_for_the_one_before(tmp_path: Path) -> None:
    refused = train("notes", "--config", "tiny", "--work", tmp_path)
    assert refused.exit_code == 1
    assert "run `lamo-cds train cohort` first" in refused.output


def test_activated_adapters_are_trained_together_and_score_the_same_from_disk(
    copied: Path, tmp_path: Path
) -> None:
    recipe = recipe_with(
        tmp_path, **{"[adapters]": '[adapters]\nkind = "alora"', ', "activated"]': "]"}
    )
    changed = open_job(read_config(recipe), copied, "lamo-cds train")
    assert run_stage(changed, "adapters")
    scored, groups = scored_of(changed, "test"), groups_of(changed)
    wording = wording_of(changed)
    model = load_adapters(changed, load_base(changed), groups)
    reports = set()
    for name, labels in groups.items():
        config = json.loads((copied / "adapters" / name / "adapter_config.json").read_text())
        assert config["alora_invocation_tokens"] == wording.heading
        reports.add((copied / "adapters" / name / "fit.json").read_text())
        question = wording.question(labels, name)
        found = score_examples(model, table_of(changed, "test").examples, question)
        torch.testing.assert_close(found, scored.log_odds[:, question.chosen], atol=1e-4, rtol=1e-4)
    assert len(reports) == 1  # one run of the loop


def test_held_out_classes_are_scored_but_never_trained_on(copied: Path, tmp_path: Path) -> None:
    drug_class = Formulary.load().candidates[0].drug_class
    recipe = recipe_with(tmp_path, **{"count = 3": f'count = 3\nheld_out = ["{drug_class}"]'})
    changed = open_job(read_config(recipe), copied, "lamo-cds train")
    run_stage(changed, "groups")
    held_out = held_out_of(changed)
    assert Formulary.load().candidates[0].label in held_out
    run_stage(changed, "base")
    run_stage(changed, "adapters")
    assert torch.isfinite(scored_of(changed, "test").log_odds).all()
    run_stage(changed, "calibrate")
    run_stage(changed, "evaluate")
    assert "held_out" in json.loads((copied / "evaluate" / "report.json").read_text())


def test_an_earlier_run_can_be_warmed_up_from(copied: Path, work: Path, tmp_path: Path) -> None:
    warm = f'[adapters]\nwarm_start = "{work / "adapters"}"'
    stop = {"learning_rate = 1e-3": "learning_rate = 0.0", "stop_visits = 20": "stop_visits = 0"}
    recipe = recipe_with(tmp_path, **{"[adapters]": warm}, **stop)
    changed = open_job(read_config(recipe), copied, "lamo-cds train")
    run_stage(changed, "adapters")
    earlier, later = scored_of(job(work), "test"), scored_of(changed, "test")
    torch.testing.assert_close(later.log_odds, earlier.log_odds, atol=1e-5, rtol=1e-5)
