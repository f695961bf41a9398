import pytest

from tests.fhir_mappings.calls import SUBJECT, Resource, map_call

LABORATORY = [{"coding": [{"code": "laboratory"}]}]


def observation(loinc: str, day: str, **more: object) -> Resource:
    code = {"coding": [{"system": "http://loinc.org", "code": loinc}], "text": "Creatinine"}
    base: Resource = {"resourceType": "Observation", "status": "final", "subject": SUBJECT}
    return base | {"code": code, "category": LABORATORY, "effectiveDateTime": day} | more


def quantity(value: object, **more: object) -> Resource:
    return {"valueQuantity": {"value": value, "code": "mg/dL"} | more}


def test_the_newest_value_of_each_code_is_kept() -> None:
    record, _ = map_call(
        observation("2160-0", "2026-01-01", **quantity(1.1)),
        observation("2160-0", "2026-06-01", **quantity(1.4)),
        observation("2160-0", "2026-09-01", status="entered-in-error", **quantity(9)),
    )
    assert [(one.value, one.unit) for one in record.observations] == [(1.4, "mg/dL")]


def test_pregnancy_counts_in_any_category_and_vital_signs_do_not() -> None:
    words = {"valueCodeableConcept": {"coding": [{"code": "1", "display": "Pregnant"}]}}
    record, _ = map_call(
        observation("82810-3", "2026-09-01", category=[], **words),
        observation("8302-2", "2026-09-01", category=[{"text": "vital-signs"}], **quantity(170)),
    )
    assert [(one.loinc, one.coded) for one in record.observations] == [("82810-3", "Pregnant")]


def test_a_comparator_is_kept_beside_the_number() -> None:
    record, _ = map_call(observation("2160-0", "2026", **quantity(60, comparator=">")))
    assert (record.observations[0].value, record.observations[0].coded) == (60, ">60")


@pytest.mark.parametrize("value", ["1.1", True, None, [], 10**400])
def test_a_value_that_is_no_number_is_none(value: object) -> None:
    assert map_call(observation("2160-0", "2026-01-01", **quantity(value)))[0].observations == ()
