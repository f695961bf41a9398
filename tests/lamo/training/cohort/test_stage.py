"""The whole stage: files, manifests and the command line."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from cds_service.cohort_cli import cohort
from lamo.exports.errors import CohortError
from lamo.exports.files import sha256_of
from lamo.training.cohort.config import CohortConfig
from lamo.training.cohort.rules import EVERY_VISIT
from lamo.training.cohort.splits import PARTS, SplitPlan
from lamo.training.cohort.stage import run_cohort, split_stage
from lamo.training.cohort.visit import read_cohort
from tests.lamo.training.cohort.mimic_tables import write_mimic4

PLANS = (
    SplitPlan(how="lamo"),
    SplitPlan(how="patient-hash", seed=1),
    SplitPlan(how="time"),
    SplitPlan(how="order-time"),
)


def _config(folder: Path) -> CohortConfig:
    tables = write_mimic4(folder / "tables", gz=True)
    out = folder / "out"
    return CohortConfig(
        source="mimic4", folders=(tables,), out=out, rules=EVERY_VISIT, splits=PLANS
    )


def test_each_split_holds_every_visit_once(tmp_path: Path) -> None:
    config = _config(tmp_path)

    run_cohort(config)

    for place in ("encounter/lamo", "encounter/patient-hash-1", "first-order/order-time-2023"):
        folder = config.out / place
        ids = [v.visit_id for part in PARTS for v in read_cohort(folder / f"{part}.jsonl")]
        assert sorted(ids) == ["101", "102", "300"]


def test_a_manifest_tells_config_counts_and_hashes(tmp_path: Path) -> None:
    config = _config(tmp_path)

    run_cohort(config)

    folder = config.out / "encounter"
    manifest = json.loads((folder / "manifest.json").read_text())
    split = json.loads((folder / "patient-hash-1" / "manifest.json").read_text())
    prescriptions = config.folders[0] / "hosp" / "prescriptions.csv.gz"
    assert manifest["inputs"]["prescriptions.csv.gz"] == sha256_of(prescriptions)
    assert manifest["outputs"] == split["inputs"]
    assert manifest["counts"]["visits"] == 3
    assert manifest["dropped"]["prescriptions: drug type is not MAIN"] == 1
    assert manifest["config"]["rules"]["knowledge"] == "encounter"
    assert (split["seed"], split["counts"]["patients in more than one part"]) == (1, 0)


def test_the_same_source_gives_the_same_bytes(tmp_path: Path) -> None:
    first, second = (run_cohort(_config(tmp_path / name)) for name in ("a", "b"))

    assert [one.outputs for one in first] == [one.outputs for one in second]


def test_visits_that_were_changed_are_not_split(tmp_path: Path) -> None:
    config = _config(tmp_path)
    run_cohort(config)
    path = config.out / "encounter" / "visits.jsonl"
    path.write_text(path.read_text().replace("Furosemide", "Aspirin"))

    with pytest.raises(CohortError, match="the file was changed"):
        split_stage(path.parent, PLANS[0])


def test_whole_encounters_are_not_split_by_order_time(tmp_path: Path) -> None:
    config = _config(tmp_path)
    run_cohort(config)

    with pytest.raises(CohortError, match="read the source with knowledge first-order"):
        split_stage(config.out / "encounter", PLANS[3])


def test_the_command_prints_what_was_counted_and_dropped(tmp_path: Path) -> None:
    config = _config(tmp_path)
    arguments = ["run", "mimic4", str(config.folders[0]), "--out", str(config.out)]

    result = CliRunner().invoke(cohort, [*arguments, "--rules", "every-visit", "--split", "lamo"])
    again = CliRunner().invoke(cohort, ["split", str(config.out / "encounter"), "--seed", "9"])

    assert result.exit_code == again.exit_code == 0, result.output + again.output
    assert "dropped: prescriptions: drug type is not MAIN" in result.output
    assert "patient-hash-9" in again.output


def test_the_command_tells_an_error_in_one_sentence(tmp_path: Path) -> None:
    result = CliRunner().invoke(cohort, ["run", "eicu", str(tmp_path), "--out", str(tmp_path)])

    assert result.exit_code == 1
    assert result.output.startswith("Error: no table patient in")
