"""`lamo-cds score`: a line a patient, none lost and none twice, whatever stops the run."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from cds_service.cli import main
from cds_service.population.book import FAILURES_IN_A_ROW, Book, RunRefused, RunStopped
from cds_service.population.cli import NOT_WHOLE
from cds_service.population.run import Outcome, Population, here, score_population
from cds_service.settings import Settings
from cds_service.tools import Tools, build_tools
from lamo.exports.errors import ExportIncomplete, LinesMissing
from tests.fakes import FakeScorer

AT = datetime(2026, 3, 2, tzinfo=UTC)
RESTS_ON = {"artifact": "a", "export": {"x.ndjson": "1"}}


@pytest.fixture
def scorer() -> FakeScorer:
    return FakeScorer()


@pytest.fixture
def tools(tmp_path: Path, scorer: FakeScorer) -> Iterator[Tools]:
    built = build_tools(Settings(var_dir=tmp_path), scorer=scorer)
    yield built
    built.audit_log.close()


@pytest.fixture
def population(tmp_path: Path) -> Population:
    """Three patients, one with an active and a stopped order."""
    export = tmp_path / "export"
    export.mkdir()
    write(export / "Patient.ndjson", *(patient(name) for name in ("c", "a", "b")))
    write(export / "Condition.ndjson", *(condition(name) for name in ("a", "b", "c")))
    write(
        export / "MedicationRequest.ndjson",
        order("a", "Ibuprofen", "active"),
        order("a", "Warfarin", "stopped"),
    )
    return Population(export=[export], out=tmp_path / "scores.ndjson", decided_at=AT)


def patient(name: str) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": name, "birthDate": "1950-01-01", "gender": "male"}


def condition(name: str) -> dict[str, Any]:
    return {
        "resourceType": "Condition",
        "id": f"condition-{name}",
        "subject": {"reference": f"Patient/{name}"},
        "code": {"text": "Hypertension"},
    }


def order(name: str, drug: str, status: str) -> dict[str, Any]:
    return {
        "resourceType": "MedicationRequest",
        "id": f"{name}-{drug}",
        "status": status,
        "intent": "order",
        "subject": {"reference": f"Patient/{name}"},
        "medicationCodeableConcept": {"text": drug},
    }


def write(path: Path, *resources: dict[str, Any]) -> None:
    path.write_text("".join(json.dumps(resource) + "\n" for resource in resources))


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def run(population: Population, tools: Tools) -> Outcome:
    return score_population(population, tools, here(tools))


def test_every_patient_has_a_line_in_the_order_of_their_ids(
    population: Population, tools: Tools
) -> None:
    outcome = run(population, tools)
    assert (outcome.written, outcome.failed, outcome.done_before) == (3, 0, 0)
    found = lines(population.out)
    assert [line["patient"] for line in found] == ["a", "b", "c"]
    assert len(found[0]["scores"]) == len(tools.artifact.vocabulary)


def test_active_orders_are_judged_and_stopped_ones_are_not(
    population: Population, tools: Tools
) -> None:
    run(population, tools)
    line = lines(population.out)[0]
    assert line["listed"] == ["Ibuprofen"]
    assert [found["label"] for found in line["unsupported"]] == ["Ibuprofen"]


def test_a_second_run_scores_nobody_again(
    population: Population, tools: Tools, scorer: FakeScorer
) -> None:
    run(population, tools)
    before = population.out.read_bytes()
    scorer.prompts.clear()
    assert run(population, tools).done_before == 3
    assert scorer.prompts == []
    assert population.out.read_bytes() == before


@pytest.mark.parametrize("cut", [1, 40, 3000])
def test_a_file_that_ends_in_half_a_line_is_gone_on_with(
    population: Population, tools: Tools, cut: int
) -> None:
    run(population, tools)
    whole = population.out.read_bytes()
    population.out.write_bytes(whole[:-cut])
    assert run(replace(population, decided_at=None), tools).written == 3
    assert population.out.read_bytes() == whole


def test_a_patient_who_cannot_be_scored_is_set_aside_and_counted(
    population: Population, tools: Tools, scorer: FakeScorer
) -> None:
    scorer.outage = "the model is down"
    outcome = run(population, tools)
    assert (outcome.written, outcome.failed) == (0, 3)
    aside = lines(population.out.with_name("scores.ndjson.failed"))
    assert [line["patient"] for line in aside] == ["a", "b", "c"]
    assert aside[0]["error"] == "ScorerUnavailable: the model is down"
    scorer.outage = None
    assert run(population, tools).written == 0  # set aside is done, until it is asked for
    again = run(replace(population, retry_failed=True), tools)
    assert (again.written, again.failed) == (3, 0)


def test_when_nobody_can_be_scored_any_more_the_run_stops(tmp_path: Path) -> None:
    with Book(tmp_path / "out", RESTS_ON) as book:
        for number in range(FAILURES_IN_A_ROW - 1):
            book.write({"patient": str(number), "error": "down"})
        with pytest.raises(RunStopped, match=r"20 patients in a row .* --retry-failed"):
            book.write({"patient": "x", "error": "down"})


def test_a_file_of_another_model_is_not_gone_on_with(tmp_path: Path) -> None:
    Book(tmp_path / "out", RESTS_ON).__exit__(None, None, None)
    with pytest.raises(RunRefused, match=r"begun with another artifact \('a', now 'b'\)"):
        Book(tmp_path / "out", RESTS_ON | {"artifact": "b"})


def test_the_moment_of_an_earlier_run_is_kept(tmp_path: Path) -> None:
    Book(tmp_path / "out", RESTS_ON, AT).__exit__(None, None, None)
    with Book(tmp_path / "out", RESTS_ON) as book:
        assert book.decided_at == AT
    with pytest.raises(RunRefused, match="another decided_at"):
        Book(tmp_path / "out", RESTS_ON, datetime.now(UTC))


def test_a_file_that_is_not_ours_is_left_alone(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.write_text("name,age\n")
    with pytest.raises(RunRefused, match=r"is there without out\.run"):
        Book(out, RESTS_ON)
    assert out.read_text() == "name,age\n"


def test_an_export_without_files_is_refused(population: Population, tools: Tools) -> None:
    empty = population.out.parent / "empty"
    empty.mkdir()
    with pytest.raises(LinesMissing, match=r"no file of FHIR lines in .*empty: wanted are"):
        run(replace(population, export=[empty]), tools)


def test_an_export_without_conditions_is_refused(population: Population, tools: Tools) -> None:
    (folder,) = population.export
    (folder / "Condition.ndjson").unlink()
    with pytest.raises(ExportIncomplete, match=r"has no Condition \(there is MedicationRequest"):
        run(population, tools)


def test_two_runs_cannot_write_one_file(tmp_path: Path) -> None:
    with Book(tmp_path / "out", RESTS_ON, AT), pytest.raises(RunRefused, match="another run"):
        Book(tmp_path / "out", RESTS_ON, AT)


def test_a_run_with_other_settings_is_refused(population: Population, tools: Tools) -> None:
    run(population, tools)
    other = replace(tools, settings=tools.settings.model_copy(update={"prompt_tokens": 250}))
    with pytest.raises(RunRefused, match="begun with another settings"):
        run(population, other)


def test_files_of_one_name_in_two_folders_are_told_apart(
    population: Population, tools: Tools
) -> None:
    second = population.out.parent / "second"
    second.mkdir()
    write(second / "Patient.ndjson", patient("d"))
    both = replace(population, export=[*population.export, second])
    run(both, tools)
    write(second / "Patient.ndjson", patient("d"), patient("e"))
    with pytest.raises(RunRefused, match="begun with another export"):
        run(both, tools)


def test_a_patient_of_two_kinds_or_of_none_is_set_aside(
    population: Population, tools: Tools
) -> None:
    (folder,) = population.export
    twice = patient("a") | {"gender": "female"}
    write(folder / "Patient.2.ndjson", twice, patient("b"))
    write(folder / "Condition.2.ndjson", condition("stranger"))
    outcome = run(population, tools)
    assert (outcome.written, outcome.failed, outcome.is_whole) == (2, 2, False)
    aside = {
        line["patient"]: line["error"]
        for line in lines(population.out.with_name("scores.ndjson.failed"))
    }
    assert "has 2 Patient resources that differ" in aside["a"]
    assert "has no Patient resource" in aside["stranger"]


def test_lines_that_could_not_be_read_are_counted_beside_the_file(
    population: Population, tools: Tools
) -> None:
    (folder,) = population.export
    (folder / "AllergyIntolerance.ndjson").write_text('{"resourceType": "AllergyInt')
    odd = [json.dumps(patient("\ud800")), "[" * 3000, f'{{"id": {"1" * 5000}}}']
    (folder / "Patient.2.ndjson").write_text("\n".join(odd))
    outcome = run(population, tools)
    assert (outcome.written, outcome.is_whole) == (3, False)
    counts = json.loads(population.out.with_name("scores.ndjson.run").read_text())["counts"]
    assert counts["not_read"] == {"lines: not JSON, or text that cannot be stored": 4}


@pytest.mark.parametrize("name", ["no-such-folder/scores.ndjson", "export", "export/x.ndjson"])
def test_a_place_that_cannot_be_written_is_refused(
    population: Population, tools: Tools, name: str
) -> None:
    with pytest.raises(RunRefused, match=r"no folder|lies in the export"):
        run(replace(population, out=population.out.parent / name), tools)


def test_the_command_says_that_a_result_is_not_whole(
    population: Population, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder,) = population.export
    (folder / "Broken.ndjson").write_text("{\n")
    monkeypatch.setenv("VAR_DIR", str(folder.parent))
    result = CliRunner().invoke(main, ["score", str(folder), "--out", str(population.out)])
    assert result.exit_code == NOT_WHOLE
    assert "ok: 3 patients are in" in result.output
    assert "not whole: see the counts above" in result.output

    command = ["score", str(folder), "--out", str(population.out), "--json"]
    told = json.loads(CliRunner().invoke(main, command).stdout)
    assert (told["written"], told["done_before"], told["is_whole"]) == (3, 3, False)


def test_a_device_that_is_not_there_is_told_of(
    population: Population, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAMO_MODEL_DEVICE", "cuda:99")
    (folder,) = population.export
    result = CliRunner().invoke(main, ["score", str(folder), "--out", str(population.out)])
    assert result.exit_code == 1
    assert result.output.startswith("Error: LAMO_MODEL_DEVICE is cuda:99")


@pytest.mark.filterwarnings("default")
def test_ray_data_writes_the_same_lines(population: Population, tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="Ray Data is not installed: pip install '.[ray]'")
    from cds_service.population.on_ray import on_ray

    settings = Settings(var_dir=tmp_path)
    tools = build_tools(settings)
    run(population, tools)
    there = replace(population, out=tmp_path / "by-ray.ndjson")
    score_population(there, tools, on_ray("local", settings, 1))
    assert there.out.read_bytes() == population.out.read_bytes()
    tools.audit_log.close()


@pytest.mark.parametrize("content", ["", "null", "[]", "{}", '{"decided_at": "hm"}'])
def test_a_broken_run_file_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "out.run").write_text(content)
    with pytest.raises(RunRefused, match=r"out\.run is none of ours"):
        Book(tmp_path / "out", RESTS_ON)


def test_a_scoring_server_that_is_not_there_is_told_of_before_anybody_is_scored(
    population: Population, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAMO_SCORER_URL", "http://127.0.0.1:9")
    (folder,) = population.export
    result = CliRunner().invoke(main, ["score", str(folder), "--out", str(population.out)])
    assert result.exit_code == 1
    assert result.output.startswith("Error: the scoring server")
    assert not population.out.exists()
