import pytest

from tests.fhir_mappings.calls import SUBJECT, Resource, map_call

LABORATORY = [{"coding": [{"code": "laboratory"}]}]


def observation(loinc: str, day: str, **more: object) -> Resource:
    code = {"coding": [{"system": "http://loinc.org", "code": loinc}], "text": "Creatinine"}
    base: Resource = {"resourceType": "Observation", "status": "final", "subject": SUBJECT}
    return base | {"code": code, "category": LABORATORY, "effectiveDateTime": day} | more


def quantity(value: object, **more: object) -> Resource:
    return {"valueQuantity": {"value": value, "code": "mg/dL"} | more}


def test_the_newest_values_of_each_code_come_first() -> None:
    record, _ = map_call(
        observation("2160-0", "2026-01-01", **quantity(1.1)),
        observation("2160-0", "2026-06-01", **quantity(1.4)),
        observation("2160-0", "2026-09-01", status="entered-in-error", **quantity(9)),
    )
    assert [(one.value, one.unit) for one in record.observations] == [
        (1.4, "mg/dL"),
        (1.1, "mg/dL"),
    ]


@pytest.mark.parametrize(
    "category", [[], [{"coding": [{"system": "urn:local", "code": "LAB"}]}], [{"text": "survey"}]]
)
def test_the_code_decides_whatever_the_category_says(category: list[Resource]) -> None:
    record, _ = map_call(observation("98979-8", "2026-09-01", category=category, **quantity(24)))
    assert [(one.loinc, one.value) for one in record.observations] == [("98979-8", 24)]


@pytest.mark.parametrize(
    "system", ["http://loinc.org", "https://loinc.org/", "urn:oid:2.16.840.1.113883.6.1"]
)
def test_loinc_is_known_however_it_is_written(system: str) -> None:
    code = {
        "coding": [{"system": "urn:local", "code": "GFR"}, {"system": system, "code": "98979-8"}]
    }
    record, _ = map_call(observation("", "2026-09-01", code=code, **quantity(24)))
    assert [one.loinc for one in record.observations] == ["98979-8"]


def test_every_loinc_code_and_every_component_is_a_value() -> None:
    two = {
        "coding": [{"system": "http://loinc.org", "code": one} for one in ("88294-4", "98979-8")]
    }
    part = {"code": {"coding": two["coding"][1:]}, **quantity(24)}
    panel = observation("24362-6", "2026-09-01", component=[part])
    for given in (observation("", "2026-09-01", code=two, **quantity(24)), panel):
        record, _ = map_call(given)
        assert {one.loinc: one.value for one in record.observations}["98979-8"] == 24


@pytest.mark.parametrize(
    ("text", "value", "unit", "coded"),
    [
        ("24", 24, None, None),
        ("<15", 15, None, "<15"),
        (">= 60 mL/min/1.73 m2", 60, "mL/min/1.73 m2", ">=60"),
        ("1:80", None, None, "1:80"),
        ("2026-09-01", None, None, "2026-09-01"),
        ("hemolyzed", None, None, "hemolyzed"),
    ],
)
def test_a_number_that_came_as_text_is_a_number(
    text: str, value: float | None, unit: str | None, coded: str | None
) -> None:
    record, _ = map_call(observation("98979-8", "2026-09-01", valueString=text))
    found = record.observations[0]
    assert (found.value, found.unit, found.coded) == (value, unit, coded)


def test_a_unit_is_the_ucum_code_else_the_words_else_that_of_the_range() -> None:
    local = {"value": 1, "unit": "mg/dL", "code": "7", "system": "urn:local"}
    bare = {"value": 1}
    span = [{"high": {"value": 2, "unit": "mmol/L"}}]
    for given, unit in (
        ({"valueQuantity": local}, "mg/dL"),
        ({"valueQuantity": bare, "referenceRange": span}, "mmol/L"),
        ({"valueQuantity": bare}, None),
    ):
        assert map_call(observation("1-8", "2026", **given))[0].observations[0].unit == unit


def test_an_older_value_counts_where_the_newest_has_none() -> None:
    record, _ = map_call(
        observation("2160-0", "2026-09-01"),
        observation("2160-0", "2026-06-01", **quantity(1.4)),
    )
    assert [one.value for one in record.observations] == [1.4]


@pytest.mark.parametrize(
    ("day", "newer"),
    [
        ("2026-09-01", {"valueString": "specimen hemolyzed"}),
        ("2026-09-01", {"valueQuantity": {"value": 5, "code": "foo"}}),
        ("2032-09-01", quantity(5)),
    ],
)
def test_what_no_rule_can_use_hides_no_older_number(day: str, newer: Resource) -> None:
    older = [observation("2160-0", f"2026-06-0{one}", **quantity(1.4)) for one in range(1, 5)]
    record, _ = map_call(*older, observation("2160-0", day, **newer))
    assert len(record.observations) == 4
    assert [one.value for one in record.observations[1:]] == [1.4] * 3


def test_a_boolean_is_an_answer() -> None:
    record, _ = map_call(observation("82810-3", "2026-09-01", valueBoolean=True))
    assert record.observations[0].coded == "yes"


def test_a_comparator_is_kept_beside_the_number() -> None:
    record, _ = map_call(observation("2160-0", "2026", **quantity(60, comparator=">")))
    assert (record.observations[0].value, record.observations[0].coded) == (60, ">60")


@pytest.mark.parametrize("value", ["1.1", True, None, [], 10**400])
def test_a_value_that_is_no_number_is_none(value: object) -> None:
    record, _ = map_call(observation("2160-0", "2026-01-01", **quantity(value)))
    assert [one.value for one in record.observations] == [None]
