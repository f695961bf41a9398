import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from fhir_mappings.record import Diagnosis, Ingredient, Medication, PatientRecord
from medication_safety.findings import Finding
from medication_safety.interactions import TABLE, InteractionTable, interaction_findings
from medication_safety.reading import KnowledgeError, shipped
from tests.medication_safety.charts import FORMULARY, chart, order, taken
from tests.medication_safety.charts_labs import day, diagnosis, known_codes, lab, potassium, product

TABLES = InteractionTable.load(FORMULARY)
QT = (order("Haloperidol"), taken("Amiodarone"))


def found(
    ordered: Medication, *beside: Medication, record: PatientRecord | None = None
) -> tuple[Finding, ...]:
    return interaction_findings(record or chart(), ordered, beside, TABLES)


def levels(findings: Sequence[Finding]) -> list[str]:
    return [finding.severity for finding in findings]


@pytest.mark.parametrize(
    ("ordered", "beside", "severity"),
    [
        ("Methylphenidate", "Phenelzine", "critical"),
        ("Atazanavir", "Omeprazole", "critical"),
        ("Febuxostat", "Azathioprine", "critical"),
        ("Sertraline", "Phenelzine", "critical"),
        ("Irinotecan", "Ketoconazole", "critical"),
        ("Meperidine", "Selegiline", "critical"),
        ("Methadone", "Selegiline", "warning"),
        ("Amitriptyline", "Tranylcypromine", "critical"),
        ("Ramelteon", "Fluvoxamine", "critical"),
        ("Ramelteon", "Amiodarone", "warning"),
        ("Darunavir", "Rifampin", "critical"),
        ("Darunavir", "Rifabutin", "warning"),
        ("Simvastatin", "Clarithromycin", "critical"),
        ("Ergotamine", "Clarithromycin", "critical"),
        ("Tizanidine", "Ciprofloxacin", "critical"),
        ("Tizanidine", "Amiodarone", "warning"),
        ("Tranylcypromine", "Procarbazine", "critical"),
        ("Rizatriptan", "Phenelzine", "critical"),
        ("Sildenafil", "Nitroglycerin", "critical"),
        ("Sildenafil", "Isosorbide mononitrate", "critical"),
        ("Methotrexate", "Trimethoprim", "warning"),
        ("Valproic acid", "Meropenem", "warning"),
        ("Warfarin", "Fluconazole", "warning"),
        ("Warfarin", "Metronidazole", "warning"),
        ("Warfarin", "Sulfamethoxazole", "warning"),
        ("Simvastatin", "Gemfibrozil", "critical"),
        ("Simvastatin", "Cobicistat", "critical"),
        ("Simvastatin", "Cyclosporine", "critical"),
        ("Simvastatin", "Danazol", "critical"),
        ("Lovastatin", "Gemfibrozil", "warning"),
        ("Allopurinol", "Azathioprine", "warning"),
        ("Colchicine", "Clarithromycin", "warning"),
        ("Colchicine", "Cyclosporine", "warning"),
        ("Colchicine", "Verapamil", "info"),
        ("Linezolid", "Sertraline", "warning"),
        ("Methylene blue", "Venlafaxine", "warning"),
        ("Isotretinoin", "Doxycycline", "warning"),
        ("Isotretinoin", "Minocycline", "warning"),
        ("Bupropion", "Phenelzine", "critical"),
        ("Enalapril", "Aliskiren", "info"),
        ("Losartan", "Aliskiren", "info"),
        ("Methotrexate", "Ibuprofen", "info"),
        ("Lamotrigine", "Valproic acid", "warning"),
        ("Carbamazepine", "Erythromycin", "warning"),
        ("Potassium chloride", "Spironolactone", "warning"),
        ("Potassium citrate", "Amiloride", "warning"),
        ("Atorvastatin", "Clarithromycin", "info"),
        ("Rosuvastatin", "Cyclosporine", "warning"),
        ("Clozapine", "Ciprofloxacin", "warning"),
        ("Clozapine", "Fluvoxamine", "warning"),
        ("Dofetilide", "Hydrochlorothiazide", "critical"),
        ("Dofetilide", "Trimethoprim", "critical"),
        ("Dofetilide", "Verapamil", "critical"),
        ("Dofetilide", "Cimetidine", "critical"),
        ("Lisinopril", "Sacubitril", "critical"),
        ("Triazolam", "Ritonavir", "critical"),
        ("Triazolam", "Clarithromycin", "warning"),
        ("Warfarin", "Amiodarone", "info"),
        ("Oxycodone", "Lorazepam", "info"),
        ("Apixaban", "Ibuprofen", "warning"),
        ("Lisinopril", "Spironolactone", "info"),
        ("Apixaban", "Etoricoxib", "warning"),
        ("Edoxaban", "Rifampin", "info"),
        ("Apixaban", "St John's wort", "info"),
        ("Naproxen", "Losartan", "info"),
        ("Lithium", "Ramipril", "info"),
        ("Trimethoprim", "Ramipril", "info"),
        ("Codeine", "Nitrazepam", "info"),
    ],
)
def test_a_pair_weighs_as_the_table_says_whichever_is_ordered(
    ordered: str, beside: str, severity: str
) -> None:
    assert levels(found(order(ordered), taken(beside))) == [severity]
    assert levels(found(order(beside), taken(ordered))) == [severity]


@pytest.mark.parametrize(
    ("ordered", "beside"),
    [
        ("Pravastatin", "Clarithromycin"),
        ("Simvastatin", "Azithromycin"),
        ("Atazanavir", "Famotidine"),
        ("Isotretinoin", "Amoxicillin"),
        ("Bupropion", "Sertraline"),
        ("Bupropion", "Procarbazine"),
        ("Lamotrigine", "Levetiracetam"),
        ("Carbamazepine", "Azithromycin"),
        ("Potassium chloride", "Furosemide"),
        ("Rosuvastatin", "Clarithromycin"),
        ("Dofetilide", "Amlodipine"),
        ("Losartan", "Sacubitril"),
        ("Lorazepam", "Ritonavir"),
        ("Metformin", "Lisinopril"),
        ("Lisinopril", "Losartan"),  # a duplicate of class: duplicates.py says it
    ],
)
def test_a_twin_that_differs_in_one_medication_is_silent(ordered: str, beside: str) -> None:
    assert found(order(ordered), taken(beside)) == ()


@pytest.mark.parametrize(
    ("ordered", "beside", "count"),
    [
        ("Ketoconazole 20 MG/ML Shampoo", "Simvastatin 20 MG Oral Tablet", 0),
        ("Ketoconazole 200 MG Oral Tablet", "Simvastatin 20 MG Oral Tablet", 1),
        ("Ciprofloxacin 3 MG/ML Ophthalmic Solution", "Tizanidine 4 MG Oral Tablet", 0),
        ("Nitroglycerin 20 MG/ML Topical Ointment", "Sildenafil 50 MG Oral Tablet", 1),
        ("Sumatriptan 20 MG Nasal Spray", "Phenelzine 15 MG Oral Tablet", 1),
        ("Ciprofloxacin 500 MG Oral Tablet", "Calcium carbonate 500 MG Oral Tablet", 1),
        ("Ciprofloxacin 2 MG/ML Injection", "Calcium carbonate 500 MG Oral Tablet", 0),
        ("Midazolam 2 MG/ML Oral Solution", "Ritonavir 100 MG Oral Tablet", 1),
        ("Midazolam 1 MG/ML Injection", "Ritonavir 100 MG Oral Tablet", 0),
        ("Tetracycline 30 MG/ML Topical Ointment", "Isotretinoin 20 MG Oral Capsule", 0),
    ],
)
def test_the_route_decides_whether_two_can_meet(ordered: str, beside: str, count: int) -> None:
    first, second = (
        order(" ".join(text.split()[:2]) if "carbonate" in text else text.split()[0], text)
        for text in (ordered, beside)
    )

    assert len(found(first, second)) == count


@pytest.mark.parametrize(("offset", "count"), [(-3, 0), (0, 0), (1, 1)])
def test_what_was_stopped_before_the_decision_does_not_count(offset: int, count: int) -> None:
    assert len(found(order("Sertraline"), taken("Phenelzine", ended=day(offset)))) == count


def test_a_combination_product_does_not_interact_with_itself_or_its_parts() -> None:
    both = product("Atazanavir", "Omeprazole")

    assert found(both) == ()
    assert found(both, taken("Omeprazole")) == ()
    assert levels(found(both, taken("Pantoprazole"))) == ["critical"]


def test_products_of_two_that_harm_each_other_are_meant() -> None:
    entresto = product("Sacubitril", "Valsartan")

    assert found(product("Valsartan", "Aliskiren")) == ()
    assert found(product("Hydrochlorothiazide", "Triamterene")) == ()
    assert found(entresto, taken("Valsartan")) == ()
    assert levels(found(entresto, taken("Lisinopril"))) == ["critical"]


def test_an_order_that_is_signed_again_is_not_another_medication() -> None:
    both = product("Atazanavir", "Omeprazole", reference="MedicationRequest/7")
    again = replace(both, reference="https://ehr.test/MedicationRequest/7", status="active")

    assert found(both, again) == ()


def test_another_medication_under_a_reused_id_is_another_order() -> None:
    first = order("Atazanavir", reference="MedicationRequest/7")
    second = taken("Pantoprazole", reference="https://ehr.test/MedicationRequest/7")

    assert levels(found(first, second)) == ["critical"]


def test_two_qt_medications_without_a_risk_are_silent() -> None:
    assert found(*QT) == ()


FAILING = (diagnosis("Chronic systolic heart failure", icd10="I50.22"),)


@pytest.mark.parametrize(
    ("more", "count"),
    [
        ({"observations": (potassium(3.2),)}, 1),
        ({"observations": (potassium(3.5),)}, 0),
        ({"observations": (potassium(3.2, age=31),)}, 0),
        ({"observations": (potassium(3.2, unit="furlong"),)}, 0),
        ({"observations": (lab("19123-9", 1.4, "mg/dL"),)}, 1),
        ({"observations": (lab("19123-9", 2.0, "mg/dL"),)}, 0),
        ({"observations": (lab("2601-3", 0.6, "mmol/L"),)}, 1),
        ({"age": 65, "diagnoses": FAILING}, 1),
        ({"age": 64, "diagnoses": FAILING}, 0),
        ({"age": 80}, 0),
        ({"age": 30, "diagnoses": (diagnosis("Long QT syndrome"),)}, 1),
        ({"age": 30, "diagnoses": (diagnosis("Some code", icd10="I45.81"),)}, 1),
        ({"diagnoses": (diagnosis("Family history of long QT syndrome"),)}, 0),
    ],
)
def test_two_qt_medications_need_a_recorded_risk(more: dict[str, Any], count: int) -> None:
    findings = found(*QT, record=chart(**more))

    assert levels(findings) == ["info"] * count
    assert all(len(finding.because) > 2 for finding in findings)


def test_a_finding_rests_on_both_medications_and_the_risk() -> None:
    record = chart(observations=(potassium(3.2),))

    (finding,) = found(*QT, record=record)

    assert finding.rule == "interaction"
    assert [fact.reference for fact in finding.because] == [
        QT[0].reference,
        QT[1].reference,
        "Observation/2823-3",
    ]
    assert finding.because[2].text == "potassium 3.2 mmol/L"
    assert finding.not_if


def test_each_other_medication_has_one_finding_the_strongest() -> None:
    beside = (taken("Gemfibrozil"), taken("Clarithromycin"), taken("Metformin"))

    assert levels(found(order("Simvastatin"), *beside)) == ["critical", "critical"]


def test_every_summary_and_source_is_short_and_hedged() -> None:
    for (one, other), rules in TABLES.pairs.items():
        pair = [
            Medication(display="x" * 90, ingredients=(Ingredient(rxcui=code, label="y" * 40),))
            for code in (one, other)
        ]
        record = chart(observations=(potassium(3.0),))
        for finding in found(pair[0], pair[1], record=record):
            assert finding.summary.startswith("Consider ")
            assert len(finding.summary) < 110
            assert len(finding.source) <= 120
            assert "draft" in finding.source
            assert finding.severity == rules[0].severity


def test_only_the_onc_list_and_contraindications_are_critical_and_qt_is_only_said() -> None:
    rules = {rule.id: rule for rules in TABLES.pairs.values() for rule in rules}
    critical = [one for one in rules.values() if one.severity == "critical"]

    assert all(one.id.startswith("ONC") or "section 4" in one.source for one in critical)
    assert {one.split("-")[1] for one in rules if one.startswith("ONC")} == {
        f"{number:02d}" for number in range(1, 16)
    }
    assert rules["ONC-08"].severity == "info"


def test_the_heart_failure_of_a_diagnosis_without_display_words_is_read_from_its_code() -> None:
    other_system = Diagnosis(label="x", display="x", codings=(("urn:other", "I50"),))

    assert TABLES.risk.heart_failure.hold(FAILING[0])
    assert not TABLES.risk.heart_failure.hold(other_system)


def test_every_code_is_one_of_the_formulary() -> None:
    codes = frozenset[str]().union(*TABLES.groups.values())

    assert codes - known_codes() <= {"28004"}, "another code of isosorbide mononitrate"


def test_a_table_that_is_cut_short_or_empty_is_refused() -> None:
    data = shipped(TABLE)

    for broken in (data[: len(data) // 2], b"{}"):
        with pytest.raises(KnowledgeError, match=TABLE):
            InteractionTable.from_bytes(broken, FORMULARY)


@pytest.mark.parametrize(("key", "value"), [("one", "nitrites"), ("severity", "fatal")])
def test_a_rule_on_what_is_not_there_is_refused(key: str, value: str) -> None:
    table = json.loads(shipped(TABLE))
    table["rules"][0][key] = value

    with pytest.raises(KnowledgeError, match=r"nitrites|severity"):
        InteractionTable.from_bytes(json.dumps(table).encode(), FORMULARY)


@pytest.mark.parametrize(("directions", "expected"), [(None, ["warning"]), ("topical", [])])
def test_a_route_by_the_dosage_counts_where_the_name_says_none(
    directions: str | None, expected: list[str]
) -> None:
    gel = order("Diclofenac", "Diclofenac 1.16%", directions=directions)

    assert levels(found(gel, taken("Warfarin"))) == expected
