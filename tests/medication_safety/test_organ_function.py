import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from fhir_mappings.record import Medication, Observation, Sex
from medication_safety.findings import Finding
from medication_safety.labs import ckd_epi_2021, lab_of, plain_unit
from medication_safety.organ_function import TABLE, OrganTable, organ_findings, unread_labs
from medication_safety.reading import KnowledgeError, shipped
from tests.medication_safety.charts import EMPTY, FORMULARY, chart, order, taken
from tests.medication_safety.charts_labs import egfr, known_codes, lab, potassium

TABLES = OrganTable.load(FORMULARY)


def found(ordered: Medication, *values: Observation, **more: Any) -> tuple[Finding, ...]:
    return organ_findings(chart(observations=values, **more), ordered, (), TABLES)


def levels(ordered: str, *values: Observation, **more: Any) -> list[tuple[str, str]]:
    return [(one.rule, one.severity) for one in found(order(ordered), *values, **more)]


@pytest.mark.parametrize(
    ("ordered", "limit", "severity", "above_it"),
    [
        ("Metformin", 30, "warning", "info"),
        ("Metformin", 45, "info", None),
        ("Nitrofurantoin", 30, "warning", None),
        ("Ibuprofen", 30, "warning", "info"),
        ("Ibuprofen", 60, "info", None),
        ("Dabigatran", 30, "warning", None),
        ("Gabapentin", 30, "info", None),
        ("Pregabalin", 30, "info", None),
        ("Methotrexate", 30, "warning", None),
        ("Digoxin", 30, "info", None),
        ("Colchicine", 30, "warning", None),
        ("Lithium", 30, "warning", None),
        ("Glyburide", 60, "info", None),
        ("Fondaparinux", 30, "warning", None),
        ("Dofetilide", 20, "warning", None),
        ("Rivaroxaban", 15, "warning", None),
        ("Spironolactone", 30, "warning", None),
        ("Eplerenone", 30, "warning", None),
        ("Morphine", 30, "info", None),
        ("Tramadol", 30, "info", None),
        ("Meperidine", 30, "warning", None),
    ],
)
def test_a_renal_limit_speaks_below_it_only(
    ordered: str, limit: int, severity: str, above_it: str | None
) -> None:
    assert levels(ordered, egfr(limit - 1)) == [("renal", severity)]
    assert levels(ordered, egfr(limit)) == ([("renal", above_it)] if above_it else [])


@pytest.mark.parametrize("ordered", ["Allopurinol", "Lisinopril", "Acetylsalicylic acid"])
def test_what_has_no_renal_rule_is_silent_at_any_value(ordered: str) -> None:
    assert levels(ordered, egfr(8)) == []


@pytest.mark.parametrize(
    ("ordered", "value", "severity"),
    [
        ("Spironolactone", 5.0, None),
        ("Spironolactone", 5.1, "info"),
        ("Eplerenone", 5.6, "warning"),
        ("Lisinopril", 5.5, None),
        ("Lisinopril", 5.6, "warning"),
        ("Losartan", 5.6, "warning"),
        ("Potassium chloride", 5.0, None),
        ("Potassium chloride", 5.1, "warning"),
        ("Furosemide", 6.5, None),
        ("Furosemide", 3.0, None),
        ("Furosemide", 2.9, "warning"),
        ("Hydrochlorothiazide", 2.9, "warning"),
        ("Spironolactone", 2.9, None),
    ],
)
@pytest.mark.parametrize("loinc", ["2823-3", "6298-4", "75940-7"])
def test_potassium_speaks_above_its_limits(
    ordered: str, value: float, severity: str | None, loinc: str
) -> None:
    expected = [("potassium", severity)] if severity else []

    assert levels(ordered, lab(loinc, value, "mmol/L")) == expected
    assert levels(ordered, lab(loinc, value, "meq/L")) == expected


@pytest.mark.parametrize(
    ("ordered", "value", "severity"),
    [
        ("Simvastatin", 121, "info"),
        ("Simvastatin", 120, None),
        ("Acetaminophen", 121, "info"),
        ("Methotrexate", 121, "warning"),
        ("Valproic acid", 121, "warning"),
        ("Isoniazid", 121, "info"),
        ("Isoniazid", 201, "warning"),
        ("Metformin", 900, None),
    ],
)
@pytest.mark.parametrize("loinc", ["1742-6", "1920-8"])
def test_either_liver_enzyme_speaks_over_three_times_40(
    ordered: str, value: float, severity: str | None, loinc: str
) -> None:
    assert levels(ordered, lab(loinc, value, "U/L")) == (
        [("hepatic", severity)] if severity else []
    )


@pytest.mark.parametrize(("value", "unit"), [(2.1, "mg/dL"), (36.0, "umol/L")])
def test_bilirubin_is_read_in_both_units(value: float, unit: str) -> None:
    assert levels("Irinotecan", lab("1975-2", value, unit)) == [("hepatic", "warning")]
    assert levels("Irinotecan", lab("1975-2", value - 2, unit)) == []


def test_a_high_inr_is_a_liver_value_only_without_an_anticoagulant() -> None:
    inr = lab("6301-6", 1.9, None)

    assert levels("Valproic acid", inr) == [("hepatic", "warning")]
    assert levels("Valproic acid", replace(inr, loinc="34714-6")) == [("hepatic", "warning")]
    assert levels("Valproic acid", inr, current=(taken("Warfarin"),)) == []
    assert levels("Valproic acid", lab("6301-6", 1.2, "{INR}")) == []


@pytest.mark.parametrize(
    ("creatinine", "age", "sex", "expected"),
    # by hand, from the published equation
    [
        (1.0, 50, "male", 92),
        (1.0, 50, "female", 69),
        (2.5, 70, "male", 27),
        (0.6, 30, "female", 124),
    ],
)
def test_the_estimate_is_ckd_epi_2021(creatinine: float, age: int, sex: Sex, expected: int) -> None:
    assert round(ckd_epi_2021(creatinine, age, sex)) == expected


@pytest.mark.parametrize(
    ("loinc", "value", "unit"),
    [("2160-0", 2.9, "mg/dL"), ("2160-0", 256.0, "umol/L"), ("14682-9", 256.0, "µmol/L")],
)
def test_creatinine_stands_in_for_a_missing_estimate(loinc: str, value: float, unit: str) -> None:
    (finding,) = found(order("Metformin"), lab(loinc, value, unit), age=70, sex="female")

    assert "CKD-EPI 2021 from creatinine" in finding.because[0].text
    assert f"{value:g} " in finding.because[0].text
    assert finding.because[0].reference == f"Observation/{loinc}"


@pytest.mark.parametrize(
    "more", [{"age": 70}, {"sex": "male"}, {"age": 17, "sex": "male"}, {"age": 70, "sex": "male"}]
)
def test_the_estimate_needs_an_adult_age_and_a_sex(more: dict[str, Any]) -> None:
    knows = more == {"age": 70, "sex": "male"}

    assert bool(levels("Metformin", lab("2160-0", 3.5, "mg/dL"), **more)) is knows


def test_a_newer_creatinine_is_preferred_to_an_older_estimate() -> None:
    creatinine = lab("2160-0", 3.5, "mg/dL", age=1)
    more: dict[str, Any] = {"age": 70, "sex": "male"}

    assert levels("Metformin", egfr(75, age=40), creatinine, **more) == [("renal", "warning")]
    assert levels("Metformin", egfr(75, age=1), creatinine, **more) == []


@pytest.mark.parametrize(("age", "count"), [(0, 1), (90, 1), (91, 0), (-3, 0)])
def test_a_value_older_than_90_days_or_from_the_future_does_not_count(age: int, count: int) -> None:
    assert len(levels("Metformin", egfr(20, age=age))) == count


def test_a_value_without_a_date_does_not_count() -> None:
    assert levels("Metformin", egfr(20, taken_at=None)) == []


def test_the_newest_value_counts_whatever_the_order_and_code() -> None:
    older, newer = egfr(20, age=30), lab("33914-3", 55, "mL/min/1.73m2", age=2)

    assert levels("Metformin", older, newer) == levels("Metformin", newer, older) == []


@pytest.mark.parametrize(("sex", "count"), [("female", 1), ("male", 0), (None, 0)])
def test_a_code_of_one_sex_counts_for_that_sex_only(sex: Sex | None, count: int) -> None:
    assert len(levels("Metformin", lab("50044-7", 20, "mL/min"), sex=sex)) == count


@pytest.mark.parametrize(
    ("value", "words", "count"),
    [(60.0, ">60", 0), (59.0, ">59", 0), (15.0, "<15", 1), (60.0, "<60", 1), (70.0, "<70", 0)],
)
def test_a_bound_counts_only_where_it_is_sure(value: float, words: str, count: int) -> None:
    assert len(levels("Glyburide", egfr(value, coded=words))) == count


@pytest.mark.parametrize(
    ("value", "unit"),
    [(5.9, "mg/dL"), (5.9, None), (59.0, "mmol/L"), (5.9, "mmol/24h")],
)
def test_an_unknown_unit_or_an_impossible_size_is_no_finding_and_a_reason(
    value: float, unit: str | None
) -> None:
    record = chart(observations=(lab("2823-3", value, unit),))

    assert organ_findings(record, order("Lisinopril"), (), TABLES) == ()
    (gap,) = unread_labs(replace(record, ordered=(order("Lisinopril"),)), TABLES)
    assert (gap.kind, gap.where, gap.shown) == ("lab-not-compared", "Observation/2823-3", True)
    assert gap.meaning.startswith("potassium was not compared")
    assert unread_labs(replace(record, ordered=(order("Metformin"),)), TABLES) == ()


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"value": None}, "it has no number"),
        ({"taken_at": None}, "it has no date"),
        ({"age": -30}, "its date is to come"),
        ({"loinc": "88293-6", "display": "eGFR (CKD-EPI)"}, "LOINC 88293-6 is not a code"),
        ({"loinc": None, "display": "GFR, estimated"}, "no LOINC code"),
    ],
)
def test_a_value_that_cannot_be_used_says_why(more: dict[str, Any], reason: str) -> None:
    known: dict[str, Any] = {"loinc": "98979-8", "value": 24.0, "unit": "mL/min"}
    record = chart(observations=(lab(**known | more),), ordered=(order("Metformin"),))

    (gap,) = unread_labs(record, TABLES)

    assert reason in gap.meaning
    assert gap.shown


@pytest.mark.parametrize(
    "more",
    [
        {"age": 200},
        {"loinc": "2161-8", "display": "Creatinine [Mass/volume] in Urine"},
        {"loinc": "50044-7", "value": None},
        {"loinc": "718-7", "display": "Hemoglobin"},
    ],
)
def test_another_value_or_an_old_one_is_no_gap(more: dict[str, Any]) -> None:
    known: dict[str, Any] = {"loinc": "98979-8", "value": 24.0, "unit": "mL/min"}
    found = lab(**known | more)
    record = chart(observations=(found,), ordered=(order("Metformin"),), sex="male")

    assert unread_labs(record, TABLES) == ()


@pytest.mark.parametrize(
    ("ordered", "dangerous"), [("Metformin", egfr(22)), ("Spironolactone", potassium(6.4))]
)
@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"value": None, "coded": "specimen hemolyzed"}, "it has no number"),
        ({"unit": "foo"}, "its unit or size is not one that we know"),
        ({"value": 5000.0}, "its unit or size is not one that we know"),
        ({"taken_at": EMPTY.decided_at + timedelta(days=60)}, "its date is to come"),
    ],
)
def test_a_newer_value_that_cannot_be_read_hides_no_older_one_and_is_told(
    ordered: str, dangerous: Observation, more: dict[str, Any], reason: str
) -> None:
    known: dict[str, Any] = {"taken_at": EMPTY.decided_at, "reference": "Observation/newer"}
    newer = replace(dangerous, **(known | more))
    record = chart(observations=(newer, dangerous), ordered=(order(ordered),))

    assert [one.severity for one in organ_findings(record, order(ordered), (), TABLES)] == [
        "warning"
    ]
    (gap,) = unread_labs(record, TABLES)
    assert (gap.where, gap.shown) == ("Observation/newer", True)
    assert "newer than the value used" in gap.meaning
    assert gap.meaning.endswith(reason)


def test_for_what_is_taken_already_it_is_recorded_and_not_shown() -> None:
    record = chart(observations=(egfr(24, unit="furlong"),), current=(order("Metformin"),))

    (gap,) = unread_labs(record, TABLES)

    assert not gap.shown


def test_an_unreadable_estimate_falls_back_on_creatinine_without_a_gap() -> None:
    values = (egfr(20, unit="furlong"), lab("2160-0", 3.5, "mg/dL"))
    record = chart(observations=values, age=70, sex="male")

    assert unread_labs(replace(record, ordered=(order("Metformin"),)), TABLES) == ()
    assert len(organ_findings(record, order("Metformin"), (), TABLES)) == 1


@pytest.mark.parametrize(
    ("display", "count"),
    [("Diclofenac 10 MG/ML Topical Gel", 0), ("Diclofenac 50 MG Oral Tablet", 1)],
)
def test_what_acts_where_it_is_put_is_not_judged(display: str, count: int) -> None:
    assert len(found(order("Diclofenac", display), egfr(20))) == count


def test_a_finding_names_value_reason_and_a_draft_source_briefly() -> None:
    (finding,) = found(order("Metformin", "metformin " * 20), egfr(24))

    assert finding.summary.endswith(": eGFR 24 mL/min/1.73 m2")
    assert "lactic acidosis" in finding.because[0].text
    assert finding.because[0].reference == "Observation/98979-8"
    assert "not reviewed" in finding.source
    assert TABLES.version in finding.source


@pytest.mark.parametrize(
    ("sign", "ordered", "words"),
    [("<", "Metformin", "under 15"), ("", "Metformin", "15")],
)
def test_a_bound_is_said_in_words(sign: str, ordered: str, words: str) -> None:
    (finding,) = found(order(ordered), egfr(15, coded=f"{sign}15" if sign else None))

    assert finding.summary.endswith(f": eGFR {words} mL/min/1.73 m2")
    assert "<" not in finding.because[0].text


def test_every_reason_leaves_room_for_its_value() -> None:
    assert max(len(one.why) for rules in TABLES.rules.values() for one in rules) < 75


def test_every_summary_and_source_is_short() -> None:
    worst = [egfr(4.25, coded="<4.25"), potassium(9.25), lab("1742-6", 12345, "[iU]/L")]
    for rule in {one for rules in TABLES.rules.values() for one in rules}:
        words = [lab_of(chart(observations=worst), one, TABLES.analytes) for one in TABLES.analytes]
        longest = max(len(one.words) for one in words if one)
        assert len(f"Consider {rule.advice} : ") + 38 + longest < 115
        assert len(rule.source) <= 46


def test_renal_and_hepatic_findings_stand_beside_each_other() -> None:
    values = (egfr(20), lab("1742-6", 300, "U/L"))

    assert sorted(levels("Methotrexate", *values)) == [("hepatic", "warning"), ("renal", "warning")]


def test_units_are_read_whatever_their_spelling() -> None:
    spellings = ("mL/min/{1.73_m2}", "mL/min/1.73m2", "ML/MIN/1.73 m²", "mL/min/1.73_m2")

    assert {plain_unit(one) for one in spellings} == {"ml/min/1.73m2"}
    assert plain_unit("μmol/L") == plain_unit("µmol/L") == plain_unit("umol/L")


def test_every_code_is_one_of_the_formulary() -> None:
    codes = frozenset[str]().union(*TABLES.groups.values())

    assert codes - known_codes() <= {"34296", "89903"}, "potassium bicarbonate and gluconate"


def test_a_table_that_is_cut_short_or_empty_is_refused() -> None:
    data = shipped(TABLE)

    for broken in (data[: len(data) // 2], b"{}"):
        with pytest.raises(KnowledgeError, match=TABLE):
            OrganTable.from_bytes(broken, FORMULARY)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"group": "metformins"}, "metformins"),
        ({"any_of": [{"analyte": "phosphate", "below": 1}]}, "phosphate"),
        ({"any_of": [{"analyte": "egfr"}]}, "either below or above"),
        ({"any_of": [{"analyte": "inr", "above": 1, "unless": "herbs"}]}, "herbs"),
    ],
)
def test_a_rule_on_what_is_not_there_is_refused(change: dict[str, Any], words: str) -> None:
    table = json.loads(shipped(TABLE))
    table["rules"][0] |= change

    with pytest.raises(KnowledgeError, match=words):
        OrganTable.from_bytes(json.dumps(table).encode(), FORMULARY)


def test_the_version_follows_the_bytes() -> None:
    other = OrganTable.from_bytes(shipped(TABLE) + b"\n", FORMULARY)

    assert other.version != TABLES.version
    assert replace(other, version=TABLES.version) == TABLES
