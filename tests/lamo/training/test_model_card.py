"""The model card: 31 attributes, none typed that can be measured."""

import json
from copy import deepcopy
from dataclasses import fields, replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from fhir_mappings.record import PatientRecord
from lamo.model_card import NOT_MEASURED
from lamo.notes.digest import digest_record
from lamo.prompts import render_prompt
from lamo.training.evaluation.study import evaluate
from lamo.training.model_card import (
    ModelCardIncomplete,
    demo_texts,
    model_card,
    write_model_card,
)
from tests.lamo.records import patient
from tests.lamo.training.small_study import note_tools, small_study

# a new field may be a new input: look at attribute 12 before adding it here
KNOWN_FIELDS = set(
    "patient_id decided_at age sex setting diagnoses past_diagnoses procedures notes documents "
    "allergies current ordered told previous observations".split()
)


@cache
def report() -> dict[str, Any]:
    return dict(evaluate(small_study()).body)


def by_number(card: dict[str, Any]) -> dict[int, dict[str, Any]]:
    return {row["number"]: row for row in card["attributes"]}


def prompt_of(record: PatientRecord) -> str:
    prompt, _ = render_prompt(record, digest_record(record, note_tools()))
    return prompt.text


def test_all_31_attributes_are_there_and_say_something() -> None:
    rows = by_number(model_card(demo_texts(), report()))
    assert sorted(rows) == list(range(1, 32))
    assert all(row["value"] for row in rows.values())


def test_numbers_are_those_of_the_report() -> None:
    rows = by_number(model_card(demo_texts(), report()))
    assert f"Jaccard {report()['jaccard']:.3f}" in rows[21]["value"]
    assert "held-out invented patients, 300 visits of 150 patients" in rows[21]["value"]
    assert "400 visits of 200 patients" in rows[13]["value"]
    assert "female" in rows[13]["value"]
    assert "sex: " in rows[22]["value"]
    assert {rows[number]["status"] for number in (13, 21, 22)} == {"measured"}


def test_another_report_changes_the_card_without_a_word_being_typed() -> None:
    changed = deepcopy(report())
    changed["systems"][changed["headline"]]["intervals"]["jaccard"]["value"] = 0.123
    rows = by_number(model_card(demo_texts(), changed))
    assert "Jaccard 0.123" in rows[21]["value"]


def test_what_was_not_measured_says_so() -> None:
    rows = by_number(model_card(demo_texts(), report()))
    for number in (17, 19, 23, 24, 27, 29):
        assert rows[number]["status"] == NOT_MEASURED
        assert rows[number]["value"].startswith(NOT_MEASURED)


def test_an_external_report_fills_the_external_attributes() -> None:
    external = deepcopy(report()) | {"split": "another hospital"}
    rows = by_number(model_card(demo_texts(), report(), external))
    assert rows[17]["value"] == "another hospital"
    assert rows[23]["value"].startswith("another hospital, 300 visits")
    assert {rows[number]["status"] for number in (17, 19, 23, 24)} == {"measured"}


def test_an_empty_report_leaves_every_measured_attribute_not_measured() -> None:
    card = model_card(demo_texts(), {})
    measured = [row for row in card["attributes"] if row["by"] == "evaluation"]
    assert {row["status"] for row in measured} == {NOT_MEASURED}


def test_a_card_that_an_author_left_incomplete_is_refused() -> None:
    texts = demo_texts()
    texts["texts"] = texts["texts"] | {"5": " ", "9": ""}
    with pytest.raises(ModelCardIncomplete, match="lack attributes 5, 9"):
        model_card(texts, report())


def test_a_typed_measurement_is_refused() -> None:
    texts = demo_texts()
    texts["texts"] = texts["texts"] | {"21": "Jaccard 0.99"}
    with pytest.raises(ModelCardIncomplete, match="21, which are measured"):
        model_card(texts, report())


def test_the_personal_inputs_that_the_card_names_are_those_of_the_prompt() -> None:
    said, excluded = demo_texts()["texts"]["12"].lower().split("not inputs:")
    assert {field.name for field in fields(PatientRecord)} == KNOWN_FIELDS
    one = patient(setting="inpatient")
    for word, other in (
        ("sex", replace(one, sex="male")),
        ("age", replace(one, age=41)),
        ("setting of care", replace(one, setting="icu")),
        ("diagnoses", replace(one, diagnoses=())),
    ):
        assert prompt_of(one) != prompt_of(other), word
        assert word in said
    for word in ("race", "ethnicity", "language", "sexual orientation", "gender identity"):
        assert word in excluded


def test_the_card_on_disk_is_json_and_markdown(tmp_path: Path) -> None:
    path = write_model_card(model_card(demo_texts(), report()), tmp_path)
    assert len(json.loads(path.read_text())["attributes"]) == 31
    markdown = (tmp_path / "model-card.md").read_text()
    assert "# Model card: Demonstration model" in markdown
    assert "31. **How often performance is corrected when risks are found.**" in markdown
    assert "Not for clinical use" in markdown
