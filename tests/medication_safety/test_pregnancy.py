import json
from dataclasses import replace
from typing import Any

import pytest

from fhir_mappings.record import Diagnosis, Medication, Observation, Procedure
from medication_safety.findings import Finding
from medication_safety.pregnancy import (
    TABLE,
    PregnancyTable,
    lactation_of,
    pregnancy_findings,
    pregnancy_of,
    unjudged_pregnancy,
)
from medication_safety.reading import KnowledgeError, shipped
from tests.medication_safety.charts import FORMULARY, chart, order
from tests.medication_safety.charts_labs import coded, day, diagnosis, due_in, known_codes

TABLES = PregnancyTable.load(FORMULARY)
PREGNANT = coded("82810-3", "Pregnant")
NOT_PREGNANT = coded("82810-3", "Not pregnant", age=1)
FEEDING = coded("other", "Currently breastfeeding", display="Breastfeeding status")


def found(ordered: Medication, **parts: Any) -> tuple[Finding, ...]:
    record = chart(**({"sex": "female", "age": 30} | parts))
    return pregnancy_findings(record, ordered, (), TABLES)


def levels(ordered: str, **parts: Any) -> list[tuple[str, str]]:
    return [(one.rule, one.severity) for one in found(order(ordered), **parts)]


def is_pregnant(*observations: Observation, **parts: Any) -> bool:
    record = chart(observations=observations, **({"sex": "female", "age": 30} | parts))
    return pregnancy_of(record, TABLES) is not None


@pytest.mark.parametrize(
    ("ordered", "severity"),
    [
        ("Isotretinoin", "critical"),
        ("Thalidomide", "critical"),
        ("Ribavirin", "critical"),
        ("Methotrexate", "critical"),
        ("Bosentan", "critical"),
        ("Testosterone", "critical"),
        ("Warfarin", "warning"),
        ("Valproic acid", "warning"),
        ("Lisinopril", "warning"),
        ("Losartan", "warning"),
        ("Atorvastatin", "warning"),
        ("Mycophenolate mofetil", "warning"),
        ("Doxycycline", "warning"),
        ("Topiramate", "warning"),
        ("Ergotamine", "warning"),
        ("Misoprostol", "warning"),
        ("Lithium", "info"),
        ("Carbamazepine", "info"),
        ("Fluconazole", "info"),
        ("Methimazole", "info"),
    ],
)
def test_a_recorded_pregnancy_speaks_as_the_table_says(ordered: str, severity: str) -> None:
    assert levels(ordered, observations=(PREGNANT,)) == [("pregnancy", severity)]
    assert levels(ordered) == [], "the same patient without a recorded pregnancy"


@pytest.mark.parametrize("ordered", ["Acetaminophen", "Labetalol", "Amoxicillin", "Metformin"])
def test_what_the_table_does_not_name_is_silent(ordered: str) -> None:
    assert levels(ordered, observations=(PREGNANT,)) == []


@pytest.mark.parametrize("words", ["Pregnant", "LA15173-0", "pregnant "])
def test_the_status_is_read_from_words_or_code(words: str) -> None:
    assert is_pregnant(coded("82810-3", words))


@pytest.mark.parametrize("words", ["Not pregnant", "Unknown", "Possible", "LA26683-5"])
def test_another_status_is_no_pregnancy(words: str) -> None:
    assert not is_pregnant(coded("82810-3", words))


def test_sex_and_age_alone_say_nothing_and_males_are_never_judged() -> None:
    assert not is_pregnant(age=25)
    assert not is_pregnant(PREGNANT, sex="male")
    assert levels("Methotrexate", observations=(PREGNANT,), sex="male") == []
    assert levels("Codeine", observations=(FEEDING,), sex="male") == []
    assert is_pregnant(PREGNANT, sex=None)


@pytest.mark.parametrize(
    ("days", "expected"), [(0, True), (120, True), (294, True), (-1, False), (400, False)]
)
def test_a_due_date_counts_while_it_is_to_come(days: int, expected: bool) -> None:
    assert is_pregnant(due_in(days)) is expected


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (diagnosis("Normal pregnancy"), True),
        (diagnosis("Normal pregnancy", age=None), True),
        (diagnosis("Normal pregnancy", age=294), True),
        (diagnosis("Normal pregnancy", age=295), False),
        (diagnosis("Supervision", icd10="O09.90"), True),
        (diagnosis("Weeks", icd10="Z3A.20"), True),
        (diagnosis("Preeclampsia in pregnancy", icd10="O14.9"), True),
        (diagnosis("Postpartum preeclampsia", icd10="O14.95"), False),
        (diagnosis("History of pregnancy loss"), False),
        (diagnosis("Ectopic pregnancy", icd10="O00.9"), False),
        (diagnosis("Encounter for pregnancy test"), False),
        (diagnosis("Hypertension", icd10="I10"), False),
    ],
)
def test_an_active_condition_counts_while_it_is_recent(
    condition: Diagnosis, expected: bool
) -> None:
    assert is_pregnant(diagnoses=(condition,)) is expected


def test_a_condition_that_is_past_is_no_pregnancy() -> None:
    assert not is_pregnant(past_diagnoses=(diagnosis("Normal pregnancy"),))
    assert not is_pregnant(
        coded("82810-3", "Pregnant", 20), past_diagnoses=(diagnosis("Normal pregnancy", age=100),)
    )


def test_an_earlier_pregnancy_does_not_end_this_one() -> None:
    earlier = (diagnosis("Normal pregnancy", age=700), diagnosis("Miscarriage", age=500))

    assert is_pregnant(PREGNANT, past_diagnoses=earlier)
    assert is_pregnant(diagnoses=(diagnosis("Normal pregnancy", None),), past_diagnoses=earlier)


@pytest.mark.parametrize(("age", "expected"), [(294, True), (295, False)])
def test_a_status_is_believed_for_the_length_of_a_pregnancy(age: int, expected: bool) -> None:
    assert is_pregnant(coded("82810-3", "Pregnant", age)) is expected


@pytest.mark.parametrize(
    "parts",
    [
        {"observations": (coded("11449-6", "Pregnant", 40), NOT_PREGNANT)},
        {"observations": (due_in(100), NOT_PREGNANT)},
        {"observations": (coded("82810-3", "Pregnant", 60), due_in(-20, age=90))},
        {"diagnoses": (diagnosis("Normal pregnancy", 60), diagnosis("Miscarriage", 10))},
        {"diagnoses": (diagnosis("Pregnancy", 200), diagnosis("Outcome", 3, icd10="Z37.0"))},
        {
            "observations": (coded("82810-3", "Pregnant", 60),),
            "past_diagnoses": (diagnosis("Stillbirth", 2),),
        },
        {
            "observations": (due_in(100, age=60),),
            "procedures": (Procedure(label="Childbirth", display="Childbirth", dated=day(-1)),),
        },
    ],
)
def test_a_pregnancy_that_is_over_does_not_count(parts: dict[str, Any]) -> None:
    observations = parts.pop("observations", ())

    assert not is_pregnant(*observations, **parts)


def test_a_status_after_a_loss_counts_again() -> None:
    assert is_pregnant(coded("82810-3", "Pregnant", 2), diagnoses=(diagnosis("Miscarriage", 90),))


@pytest.mark.parametrize(
    ("observations", "expected"),
    [
        ((due_in(140),), [("pregnancy", "warning")]),
        ((due_in(141),), []),
        ((PREGNANT,), [("pregnancy", "info")]),
        ((PREGNANT, coded("8665-2", day(-140).isoformat())), [("pregnancy", "warning")]),
        ((PREGNANT, coded("8665-2", day(-139).isoformat())), []),
        ((coded("8665-2", day(-200).isoformat()),), []),
    ],
)
def test_an_nsaid_speaks_from_week_20_and_softly_when_the_week_is_unknown(
    observations: tuple[Observation, ...], expected: list[tuple[str, str]]
) -> None:
    assert levels("Ibuprofen", observations=observations) == expected


@pytest.mark.parametrize(
    ("ordered", "severity"),
    [
        ("Codeine", "warning"),
        ("Tramadol", "warning"),
        ("Amiodarone", "warning"),
        ("Methotrexate", "warning"),
        ("Lithium", "info"),
        ("Warfarin", None),
        ("Ibuprofen", None),
    ],
)
def test_breastfeeding_speaks_as_the_table_says(ordered: str, severity: str | None) -> None:
    expected = [("lactation", severity)] if severity else []

    assert levels(ordered, observations=(FEEDING,)) == expected
    assert levels(ordered, diagnoses=(diagnosis("Lactating mother", icd10="Z39.1"),)) == expected


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (diagnosis("Breastfeeding (mother)"), True),
        (diagnosis("Breastfeeding (mother)", age=731), False),
        (diagnosis("Lactation suppressed"), False),
        (diagnosis("Raised lactate"), False),
        (diagnosis("Lactase deficiency"), False),
    ],
)
def test_a_condition_of_breastfeeding_counts_while_it_is_recent(
    condition: Diagnosis, expected: bool
) -> None:
    record = chart(sex="female", diagnoses=(condition,))

    assert (lactation_of(record, TABLES) is not None) is expected


def test_the_feeding_of_a_young_child_is_no_breastfeeding_by_it() -> None:
    record = chart(sex="female", age=0, observations=(FEEDING,))
    assert lactation_of(record, TABLES) is None
    assert lactation_of(replace(record, age=30), TABLES) is not None


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Pregnancy status", True),
        ("Are you pregnant?", True),
        ("Currently pregnant", True),
        ("Ever pregnant", False),
        ("Pregnancy test", False),
        ("Partner pregnant", False),
    ],
)
def test_a_status_without_a_code_counts_by_its_whole_name(name: str, expected: bool) -> None:
    status = replace(coded("", "Yes", display=name), loinc=None)
    assert is_pregnant(status) == expected


def test_a_pregnancy_of_a_patient_recorded_as_male_is_told_where_a_rule_would_have_spoken() -> None:
    record = chart(sex="male", observations=(PREGNANT,), ordered=(order("Isotretinoin"),))

    (gap,) = unjudged_pregnancy(record, TABLES)

    assert (gap.kind, gap.where, gap.shown) == ("pregnancy-contradicted", PREGNANT.reference, True)
    assert unjudged_pregnancy(replace(record, ordered=(order("Metformin"),)), TABLES) == ()
    assert unjudged_pregnancy(replace(record, sex="female"), TABLES) == ()
    assert unjudged_pregnancy(replace(record, observations=()), TABLES) == ()


def test_breastfeeding_that_has_ended_does_not_count() -> None:
    ended = coded("other", "Not currently breastfeeding", 1, display="Breastfeeding status")
    parts = {"diagnoses": (diagnosis("Breastfeeding (mother)", 90),), "observations": (ended,)}

    assert levels("Codeine", **parts) == []


def test_what_acts_where_it_is_put_is_not_judged_unless_the_table_says_so() -> None:
    cream = order("Tetracycline", "Tetracycline 1 % Ophthalmic Ointment")
    gel = order("Testosterone", "Testosterone 1 % Topical Gel")

    assert found(cream, observations=(PREGNANT,)) == ()
    assert [one.severity for one in found(gel, observations=(PREGNANT,))] == ["critical"]


def test_a_finding_names_the_record_the_week_and_a_draft_source_briefly() -> None:
    (finding,) = found(order("Warfarin", "warfarin " * 20), observations=(due_in(100), PREGNANT))

    assert finding.summary.endswith(": pregnancy on record (week 25)")
    assert len(finding.summary) < 110
    assert [fact.reference for fact in finding.because] == [
        "Observation/11778-8",
        "Observation/82810-3",
    ]
    assert "not reviewed" in finding.source
    assert len(finding.source) <= 120


def test_every_summary_is_short() -> None:
    for rule in {one for rules in TABLES.rules.values() for one in rules}:
        longest = f"Consider {rule.advice} {'x' * 38}: breastfeeding on record (week 42)"
        assert len(longest) < 110, rule.id


def test_every_code_is_one_of_the_formulary() -> None:
    codes = frozenset[str]().union(*TABLES.groups.values())

    assert codes - known_codes() <= {"16818", "1369713"}, "acitretin, pomalidomide"


def test_a_table_that_is_cut_short_or_empty_is_refused() -> None:
    data = shipped(TABLE)

    for broken in (data[: len(data) // 2], b"{}"):
        with pytest.raises(KnowledgeError, match=TABLE):
            PregnancyTable.from_bytes(broken, FORMULARY)


def test_a_rule_on_a_group_that_is_not_there_is_refused() -> None:
    table = json.loads(shipped(TABLE))
    table["rules"][0]["group"] = "retinols"

    with pytest.raises(KnowledgeError, match="retinols"):
        PregnancyTable.from_bytes(json.dumps(table).encode(), FORMULARY)


@pytest.mark.parametrize(
    ("words", "codes"),
    [
        ("Yes - G2P1", ("77386006",)),
        ("Positive", ("LA15173-0",)),
        ("Schwanger", ("77386006",)),
        ("Not sure how far", ("local-1", "77386006")),
        ("Pregnant - 12 weeks", ()),
        ("Pregnant (twins)", ("local-1",)),
    ],
)
def test_a_code_decides_and_a_text_may_go_on(words: str, codes: tuple[str, ...]) -> None:
    assert is_pregnant(coded("82810-3", words, codes=codes))


@pytest.mark.parametrize(
    ("words", "codes"),
    [
        ("Pregnant", ("60001007",)),
        ("Pregnant - see note", ("LA26683-5",)),
        ("Pregnant: no", ()),
        ("Pregnant?", ()),
        ("Pregnant - unknown", ()),
        ("Pregnancy test ordered", ()),
        ("Not pregnant (hysterectomy)", ()),
    ],
)
def test_a_text_that_denies_or_asks_is_no_pregnancy(words: str, codes: tuple[str, ...]) -> None:
    assert not is_pregnant(coded("82810-3", words, codes=codes))


def test_not_pregnant_with_more_words_ends_an_earlier_sign() -> None:
    sign = coded("11449-6", "Pregnant", age=9)
    assert is_pregnant(sign)
    assert not is_pregnant(coded("82810-3", "Not pregnant (hysterectomy)", age=1), sign)
