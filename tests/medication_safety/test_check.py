"""All rules over one record: orders, suggestions, and which of what is taken is worth a word."""

from datetime import timedelta

from fhir_mappings.record import PatientRecord
from medication_safety.check import (
    MOST_CHECKED,
    MOST_FINDINGS,
    check_medications,
    is_on_current,
    shortened,
    unsaid,
)
from medication_safety.findings import Finding
from medication_safety.rulebook import Rulebook
from tests.medication_safety.charts import FORMULARY, RULEBOOK, chart, ingredient, order, taken
from tests.medication_safety.charts_labs import TODAY, diagnosis, egfr

LONG_AGO = TODAY - timedelta(days=400)


def reviewed(record: PatientRecord) -> list[tuple[str, str, str]]:
    found = check_medications(record, [], RULEBOOK)
    assert all(is_on_current(one, record) for one in found)
    return [(one.rule, one.severity, one.medication.display) for one in found]


def test_what_outlasts_its_usual_course_is_worth_a_review() -> None:
    record = chart(age=50, current=(taken("Omeprazole", started=LONG_AGO),))

    assert reviewed(record) == [("usual-course", "info", "Omeprazole")]


def test_what_is_no_warning_about_a_list_that_stands_is_left_out() -> None:
    antihistamine = chart(age=80, current=(taken("Diphenhydramine"),))
    ordered = chart(age=80, ordered=(order("Diphenhydramine"),))

    assert reviewed(antihistamine) == []
    assert [one.severity for one in check_medications(ordered, [], RULEBOOK)] == ["info"]


def test_a_laboratory_value_speaks_of_what_is_taken_too() -> None:
    record = chart(age=70, observations=(egfr(20),), current=(taken("Metformin"),))

    assert reviewed(record) == [("renal", "warning", "Metformin")]


def test_what_has_ended_is_not_reviewed() -> None:
    record = chart(age=50, current=(taken("Omeprazole", started=LONG_AGO, ended=TODAY),))

    assert reviewed(record) == []


def test_a_condition_makes_it_inappropriate_and_its_name_is_a_fact() -> None:
    failing = diagnosis("Heart failure", icd10="I50.9")
    record = chart(age=75, diagnoses=(failing,), ordered=(order("Naproxen"),))

    found: list[Finding] = [
        one for one in check_medications(record, [], RULEBOOK) if one.rule == "older-adult"
    ]

    assert [one.severity for one in found] == ["warning"]
    assert failing.fact in found[0].because


def test_a_suggestion_that_any_rule_objects_to_is_objected_to() -> None:
    record = chart(age=70, observations=(egfr(20),))

    (finding,) = check_medications(record, [ingredient("Metformin")], RULEBOOK)

    assert (finding.rule, finding.medication.status) == ("renal", "proposed")


def test_the_version_is_that_of_all_tables() -> None:
    assert RULEBOOK.version.startswith("draft ")
    assert Rulebook.load(FORMULARY).version == RULEBOOK.version
    assert RULEBOOK.version != RULEBOOK.knowledge.version


def test_a_list_that_nobody_takes_is_shortened_and_that_is_told() -> None:
    many = tuple(taken("Ibuprofen", reference=f"MedicationRequest/{n}") for n in range(480))
    drafts = tuple(order("Naproxen", reference=f"MedicationRequest/d{n}") for n in range(200))
    record, gaps = shortened(chart(current=many, ordered=drafts))

    assert (len(record.current), len(record.ordered)) == (MOST_CHECKED, MOST_CHECKED)
    assert [(gap.where, gap.shown) for gap in gaps] == [("ordered", True), ("taken", True)]
    assert "100 of 480 medications taken" in gaps[1].meaning
    assert len(check_medications(record, [], RULEBOOK)) <= MOST_FINDINGS


def test_an_ordinary_list_is_left_as_it_is() -> None:
    record = chart(current=(taken("Ibuprofen"),))

    assert shortened(record) == (record, ())


def test_where_the_rules_stop_it_is_told() -> None:
    found = check_medications(chart(age=80, ordered=(order("Diphenhydramine"),)), [], RULEBOOK)

    assert unsaid(found) == ()
    (gap,) = unsaid(found * MOST_FINDINGS)
    assert gap.shown
