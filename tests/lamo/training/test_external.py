"""An artifact on another hospital's visits: three ways to use it, on the same rows."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner, Result

from cds_service.cli import main
from fhir_mappings.formulary import Formulary
from lamo.artifact import Artifact
from lamo.deadline import Deadline
from lamo.notes.digest import digest_record
from lamo.prompts import render_prompt
from lamo.scoring.local import LocalScorer
from lamo.training.cohort.config import CohortConfig
from lamo.training.cohort.rules import EVERY_VISIT
from lamo.training.cohort.splits import SplitPlan
from lamo.training.cohort.stage import run_cohort
from lamo.training.external_model import ExternalModel, own_calibration, small_steps
from lamo.training.stages.notes import note_tools
from lamo.visits import Visit, save_visits
from tests.lamo.records import diagnosis, medication, patient
from tests.lamo.tiny import LABELS, tiny_artifact

SPLIT = SplitPlan(how="patient-hash", seed=1)  # of 12 patients: 6, 2 and 4
SYSTEMS = ["as is", "recalibrated", "adapters trained on it", "prevalence top-k"]
MEASURES = ("jaccard", "f1", "medications_per_visit", "overprescription_ratio_micro")


def visits_of(count: int) -> list[Visit]:
    """Two visits of each patient; every other patient has diabetes and is given for it."""
    formulary = Formulary.load()
    visits = []
    for number in range(count):
        has_diabetes = number // 2 % 2 == 0
        record = patient(
            patient_id=f"p{number // 2}",
            diagnoses=(diagnosis("Type 2 diabetes mellitus" if has_diabetes else "Hypertension"),),
            procedures=(),
            current=(medication(formulary, "Warfarin"),),
        )
        given = LABELS[:2] if has_diabetes else LABELS[2:4]
        visits.append(
            Visit(
                record=record,
                prescribed=frozenset(given),
                probabilities={},
                patient=number // 2,
                setting="inpatient",
            )
        )
    return visits


def cohort_of(folder: Path, visits: list[Visit], plan: SplitPlan) -> Path:
    """The visits as `lamo-cds train cohort` leaves them."""
    save_visits(folder / "made.jsonl", visits)
    run_cohort(
        CohortConfig(
            source="synthetic",
            folders=(folder / "made.jsonl",),
            out=folder,
            rules=EVERY_VISIT,
            splits=(plan,),
        )
    )
    return folder / "encounter" / plan.name


def external(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["train", "external", *map(str, arguments)])


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    return tiny_artifact(tmp_path_factory.mktemp("tiny") / "artifact")


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return cohort_of(tmp_path_factory.mktemp("cohort"), visits_of(24), SPLIT)


@pytest.fixture(scope="module")
def stem(artifact: Artifact, cohort: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of one run of the command."""
    out = tmp_path_factory.mktemp("report") / "tiny"
    result = external(
        "--artifact", artifact.folder, "--cohort", cohort, "--out", out, "--passes", "2"
    )
    assert result.exit_code == 0, result.output
    return out


@pytest.fixture
def body(stem: Path) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(stem.with_suffix(".json").read_text())
    return read


def test_the_three_systems_and_the_baselines_stand_side_by_side(body: dict[str, Any]) -> None:
    assert list(body["systems"])[:4] == SYSTEMS
    assert {"copy previous visit", "copy home medications"} < set(body["systems"])
    for part in body["systems"].values():
        for name in MEASURES:
            assert part[name]["low"] <= part[name]["value"] <= part[name]["high"]


def test_the_report_says_that_so_few_patients_prove_nothing(
    stem: Path, body: dict[str, Any]
) -> None:
    assert body["findings"][0].startswith("100 patients prove nothing about accuracy: 12 have")
    markdown = stem.with_suffix(".md").read_text()
    assert all(finding in markdown for finding in body["findings"])


def test_every_way_to_use_it_is_held_against_the_best_baseline(body: dict[str, Any]) -> None:
    best = body["best_baseline"]
    assert body["systems"][best]["minus_best_baseline"]["value"] == 0
    for name in SYSTEMS[:3]:
        said = f"{name.capitalize()} against the best baseline, {best}: it is worse"
        assert any(finding.startswith(said) for finding in body["findings"])


def test_the_report_names_the_command_and_no_folder_of_this_machine(
    stem: Path, body: dict[str, Any], cohort: Path
) -> None:
    assert body["command"].startswith("lamo-cds train external --artifact artifact --cohort pati")
    assert str(cohort.parent) not in stem.with_suffix(".json").read_text()


def test_recalibration_is_nearer_to_the_prescribed_count_than_as_is(body: dict[str, Any]) -> None:
    def off(name: str) -> float:
        ratio: float = body["systems"][name]["overprescription_ratio_micro"]["value"]
        return abs(ratio - 1)

    assert off("recalibrated") < off("as is")


def test_the_same_command_writes_the_same_report(
    artifact: Artifact, cohort: Path, stem: Path, tmp_path: Path
) -> None:
    again = tmp_path / stem.name
    external("--artifact", artifact.folder, "--cohort", cohort, "--out", again, "--passes", "2")
    assert again.with_suffix(".json").read_bytes() == stem.with_suffix(".json").read_bytes()


def test_scores_are_those_of_serving_and_so_are_the_thresholds(artifact: Artifact) -> None:
    model, visits = ExternalModel(artifact), visits_of(4)
    scores = model.score(model.tokenise(visits, note_tools()).examples)
    record = visits[3].record
    prompt, _ = render_prompt(record, digest_record(record, note_tools()), artifact.prompt_plan)
    served = LocalScorer(artifact).score(prompt, LABELS, Deadline.after_ms(60_000))
    assert dict(zip(LABELS, scores[3].tolist(), strict=True)) == pytest.approx(served, abs=1e-3)
    own = own_calibration(artifact)
    assert own.recommend_at.tolist() == [entry.recommend_at for entry in artifact.vocabulary]
    probability = own.probabilities(scores)[3].tolist()
    entries = zip(artifact.vocabulary, scores[3].tolist(), strict=True)
    assert probability == pytest.approx([entry.probability(score) for entry, score in entries])


def test_training_lowers_the_loss_of_every_adapter(artifact: Artifact) -> None:
    model = ExternalModel(artifact)
    visits = model.tokenise(visits_of(12), note_tools())
    before = model.score(visits.examples)
    fits = model.train(visits.examples, small_steps(12, passes=4, learning_rate=3e-3, seed=1))
    assert list(fits) == [group.name for group in artifact.groups]
    assert all(report.losses[-1] < report.losses[0] for report in fits.values())
    assert not torch.equal(model.score(visits.examples), before)


def test_prompts_that_the_model_cannot_take_are_left_out_and_counted(artifact: Artifact) -> None:
    long = visits_of(3)
    many = tuple(diagnosis(f"an uncommon condition of kind {n}") for n in range(40))
    record = patient(diagnoses=many, procedures=many[:20])
    long.append(
        Visit(record=record, prescribed=frozenset(), probabilities={}, patient=9, setting="icu")
    )
    kept = ExternalModel(artifact).tokenise(long, note_tools())
    assert (len(kept.visits), kept.too_long) == (3, 1)


def changed_byte(cohort: Path) -> None:
    with (cohort / "test.jsonl").open("a") as lines:
        lines.write("\n")


def no_manifest(cohort: Path) -> None:
    (cohort / "manifest.json").unlink()


@pytest.mark.parametrize(
    ("spoil", "said"),
    [(changed_byte, "changed after it was made"), (no_manifest, "is not the manifest of a stage")],
)
def test_a_spoilt_cohort_is_refused(
    spoil: Callable[[Path], None], said: str, artifact: Artifact, tmp_path: Path
) -> None:
    cohort = cohort_of(tmp_path, visits_of(24), SPLIT)
    spoil(cohort)
    refused = external("--artifact", artifact.folder, "--cohort", cohort, "--out", tmp_path / "x")
    assert refused.exit_code == 1
    assert said in refused.output


def test_a_split_that_shares_a_patient_or_lacks_prescriptions_is_refused(
    artifact: Artifact, tmp_path: Path
) -> None:
    options = ("--artifact", artifact.folder, "--out", tmp_path / "x")
    shared = cohort_of(tmp_path, visits_of(18), SplitPlan(how="lamo"))
    empty = cohort_of(tmp_path, visits_of(2), SPLIT)
    assert (
        "1 patients have visits in the test part" in external("--cohort", shared, *options).output
    )
    assert "no prescription of the artifact" in external("--cohort", empty, *options).output


def test_the_folder_of_the_visits_is_no_split(artifact: Artifact, cohort: Path) -> None:
    refused = external("--artifact", artifact.folder, "--cohort", cohort.parent, "--out", "x")
    assert "has no train.jsonl: give the folder of a split" in refused.output


def test_a_changed_artifact_is_refused(cohort: Path, tmp_path: Path) -> None:
    spoilt = tiny_artifact(tmp_path / "artifact").folder
    (spoilt / "base" / "config.json").write_text("{}")
    refused = external("--artifact", spoilt, "--cohort", cohort, "--out", tmp_path / "x")
    assert refused.exit_code == 1
    assert "does not have the hash that the manifest lists" in refused.output
