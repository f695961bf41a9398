from typing import Any

import pytest

from fhir_mappings.record import Allergy
from medication_safety.allergies import unknown_classes
from medication_safety.findings import Finding
from tests.medication_safety.charts import KNOWLEDGE, allergy, chart, judged, order


def found(recorded: Allergy, ordered: str) -> tuple[Finding, ...]:
    record = chart(allergies=(recorded,), ordered=(order(ordered),))
    return judged(record, "allergy")


def level(recorded: Allergy, ordered: str) -> str | None:
    findings = found(recorded, ordered)
    assert {finding.rule for finding in findings} <= {"allergy"}
    return findings[0].severity if findings else None


@pytest.mark.parametrize(
    ("more", "severity"),
    [
        ({}, "warning"),
        ({"criticality": "low"}, "warning"),
        ({"criticality": "high"}, "critical"),
        ({"is_intolerance": True}, "info"),
        ({"is_intolerance": True, "criticality": "high"}, "warning"),
        ({"worst": "life-threatening", "criticality": "low"}, "critical"),
        ({"worst": "life-threatening", "is_intolerance": True}, "critical"),
        ({"worst": "severe"}, "critical"),
        ({"worst": "severe", "is_intolerance": True}, "warning"),
    ],
)
def test_the_same_ingredient_weighs_as_the_record_says(more: dict[str, Any], severity: str) -> None:
    assert level(allergy("Amoxicillin", **more), "Amoxicillin") == severity


def test_an_order_without_a_matching_allergy_has_no_finding() -> None:
    assert level(allergy("Amoxicillin"), "Metformin") is None


@pytest.mark.parametrize(
    ("recorded", "ordered", "severity"),
    [
        ("Phenoxymethylpenicillin", "Amoxicillin", "warning"),
        ("Phenoxymethylpenicillin", "Flucloxacillin", "warning"),
        ("Phenoxymethylpenicillin", "Pivmecillinam", "warning"),
        ("Amoxicillin", "Cefradine", "info"),
        ("Doxycycline", "Lymecycline", "warning"),
        ("Amoxicillin", "Cephalexin", "info"),
        ("Phenoxymethylpenicillin", "Cephalexin", None),
        ("Amoxicillin", "Cefazolin", None),
        ("Amoxicillin", "Meropenem", None),
        ("Ceftriaxone", "Cefepime", "warning"),
        ("Ceftriaxone", "Cephalexin", "info"),
        ("Cephalexin", "Cefazolin", None),
        ("Ceftazidime", "Aztreonam", "warning"),
        ("Ceftazidime", "Ceftriaxone", None),
        ("Sulfamethoxazole", "Furosemide", None),
        ("Sulfamethoxazole", "Sulfasalazine", "warning"),
        ("Acetylsalicylic acid", "Ibuprofen", "warning"),
        ("Acetylsalicylic acid", "Bismuth subsalicylate", "warning"),
        ("Acetylsalicylic acid", "Meloxicam", "info"),
        ("Acetylsalicylic acid", "Acetaminophen", None),
        ("Morphine", "Hydromorphone", "warning"),
        ("Morphine", "Fentanyl", "info"),
        ("Lisinopril", "Enalapril", "warning"),
        ("Lisinopril", "Losartan", None),
        ("Heparin", "Enoxaparin", "warning"),
        ("Phenytoin", "Carbamazepine", "warning"),
        ("Phenytoin", "Levetiracetam", None),
        ("Simvastatin", "Atorvastatin", "info"),
    ],
)
def test_cross_reactions_follow_the_table(
    recorded: str, ordered: str, severity: str | None
) -> None:
    assert level(allergy(recorded), ordered) == severity


@pytest.mark.parametrize(
    ("reaction", "severity"), [("Angioedema", "info"), ("Dry cough", None), (None, None)]
)
def test_angiotensin_receptor_blockers_are_named_only_after_angioedema(
    reaction: str | None, severity: str | None
) -> None:
    reactions = (reaction,) if reaction else ()

    assert level(allergy("Lisinopril", reactions=reactions), "Losartan") == severity


@pytest.mark.parametrize(
    ("reaction", "severity"), [("Bronchospasm", "warning"), ("Stomach pain", "info")]
)
def test_other_nsaids_are_a_warning_after_a_respiratory_reaction(
    reaction: str, severity: str
) -> None:
    assert level(allergy("Acetylsalicylic acid", reactions=(reaction,)), "Naproxen") == severity


@pytest.mark.parametrize(("reaction", "severity"), [("Nausea", "info"), ("Anaphylaxis", "warning")])
def test_nausea_after_an_opioid_is_an_intolerance(reaction: str, severity: str) -> None:
    assert level(allergy("Morphine", reactions=(reaction,)), "Morphine") == severity


def test_an_intolerance_says_nothing_of_related_medications() -> None:
    assert level(allergy("Lisinopril", is_intolerance=True), "Enalapril") is None


@pytest.mark.parametrize(
    ("substance_class", "ordered", "severity"),
    [
        ("penicillins", "Amoxicillin", "critical"),
        ("Penicillin class", "Cephalexin", "info"),
        ("Penicillins", "Metformin", None),
        ("Sulfonamide antibiotics", "Sulfamethoxazole", "critical"),
        ("Sulfonamides", "Furosemide", None),
        ("NSAIDs", "Ketorolac", "critical"),
        ("Cephalosporins", "Cefepime", "critical"),
    ],
)
def test_a_recorded_class_stands_for_its_members(
    substance_class: str, ordered: str, severity: str | None
) -> None:
    recorded = allergy(substance_class=substance_class, criticality="high")

    assert level(recorded, ordered) == severity


@pytest.mark.parametrize(
    ("display", "severity"),
    [
        ("Penicillin", "critical"),
        ("PENICILLINS", "critical"),
        ("Allergy to penicillin (finding)", "critical"),
        ("Penicillin G", "warning"),
        ("penicillin G benzathine", "warning"),
        ("Benzylpenicillin", "warning"),
        ("a substance given by code only", "warning"),
    ],
)
def test_penicillin_under_the_code_of_penicillin_g_is_the_class(
    display: str, severity: str
) -> None:
    recorded = allergy("Penicillin G", display=display, criticality="high")

    assert level(recorded, "Amoxicillin") == severity
    assert level(recorded, "Penicillin G") == "critical"
    assert level(recorded, "Metformin") is None


def test_the_word_penicillin_beside_another_code_changes_nothing() -> None:
    recorded = allergy("Amoxicillin", display="Penicillin", criticality="high")

    assert level(recorded, "Ampicillin") == "warning"


def test_a_class_that_no_table_knows_is_a_shown_gap() -> None:
    record = chart(allergies=(allergy(substance_class="quaternary bitters"), allergy("Heparin")))

    (gap,) = unknown_classes(record, KNOWLEDGE)

    assert (gap.kind, gap.where, gap.shown) == (
        "allergy-class-unknown",
        "AllergyIntolerance/a1",
        True,
    )


def test_an_uncoded_allergy_matches_nothing() -> None:
    assert level(allergy(display="something"), "Amoxicillin") is None


def test_the_strongest_of_several_allergies_leads_and_all_are_named() -> None:
    mild = allergy("Cephalexin", reference="AllergyIntolerance/mild")
    grave = allergy("Amoxicillin", reference="AllergyIntolerance/grave", criticality="high")
    record = chart(allergies=(mild, grave), ordered=(order("Amoxicillin"),))

    (finding,) = judged(record, "allergy")

    assert finding.severity == "critical"
    assert [fact.reference for fact in finding.because] == [grave.reference, mild.reference]


def test_a_finding_names_the_medication_the_reaction_and_a_draft_source() -> None:
    (finding,) = found(allergy("Amoxicillin", reactions=("Hives",)), "Amoxicillin")

    assert "Amoxicillin" in finding.summary
    assert "reaction: Hives" in finding.because[0].text
    assert "not reviewed by a pharmacist" in finding.source
    assert KNOWLEDGE.version in finding.source


def test_very_long_names_leave_the_summary_short() -> None:
    recorded = allergy("Amoxicillin", display="x" * 500)
    record = chart(allergies=(recorded,), ordered=(order("Ampicillin", "y" * 500),))

    (finding,) = judged(record, "allergy")

    assert len(finding.summary) < 140
    assert finding.summary.endswith("a recorded allergy")
