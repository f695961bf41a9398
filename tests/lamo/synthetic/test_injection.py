from collections import Counter
from collections.abc import Iterator

import pytest

from fhir_mappings.formulary import Formulary
from fhir_mappings.indications import Indications
from lamo.synthetic.generator import synthesize
from lamo.synthetic.injection import InjectedVisit, Injection, inject
from lamo.synthetic.overprescribing import KINDS, Kind
from lamo.synthetic.tables import cells, read_table
from medication_safety.duplicates import duplicate_findings
from medication_safety.knowledge import Knowledge
from tests.lamo.synthetic.cohort import SEED, coded, cohort, labels, mean
from tests.lamo.synthetic.injected import injected

FORMULARY = Formulary.load()


def of_kind(kind: Kind) -> Iterator[tuple[InjectedVisit, Injection]]:
    """That kind in every visit of a part of the cohort that it fits."""
    for visit in cohort()[:60]:
        found = inject(visit, 3, (kind,))
        if found.truth:
            yield found, found.truth[0]


def test_about_a_fifth_of_the_visits_gets_one_medication_too_many() -> None:
    assert 0.15 <= mean(bool(visit.truth) for visit in injected()) <= 0.25
    counts = Counter(one.kind for visit in injected() for one in visit.truth)
    assert set(counts) == set(KINDS)


def test_the_visits_themselves_stay_as_they_were_drawn() -> None:
    assert [visit.visit for visit in injected()] == list(synthesize(300, SEED))


def test_the_same_seed_injects_the_same() -> None:
    visit = cohort()[5]
    assert inject(visit, 1) == inject(visit, 1)
    others = [inject(visit, seed).truth for seed in range(8)]
    assert len(set(others)) > 3


def test_a_clean_twin_differs_by_what_was_put_in_alone() -> None:
    for visit in injected():
        twin = visit.twin
        assert twin.truth == ()
        before = (*twin.record.current, *twin.record.ordered)
        added = [one for one in (*visit.record.current, *visit.record.ordered) if one not in before]
        assert len(added) == len(visit.truth)
        for one, injection in zip(added, visit.truth, strict=True):
            assert one.reference == injection.reference
            assert one.ingredients[0].label == injection.medications[0]


def test_the_orders_of_a_twin_are_what_was_prescribed_and_is_not_taken() -> None:
    for visit in injected():
        taken = labels(visit.clean.current)
        assert labels(visit.clean.ordered) == visit.visit.prescribed - taken
        references = [one.reference for one in visit.record.ordered]
        assert len(set(references)) == len(references)


def test_an_unsupported_order_is_unlikely_and_without_a_reason() -> None:
    indications = Indications.load()
    for found, truth in of_kind("unsupported"):
        (label,) = truth.medications
        on_record = coded(found.visit)
        assert 0 < found.visit.probabilities[label] < 0.02
        assert not on_record.intersection(indications.for_label(label))


def test_a_duplicate_repeats_an_ingredient_or_a_class() -> None:
    knowledge, rules = Knowledge.load(FORMULARY), set()
    for found, truth in of_kind("duplicate"):
        order = found.record.ordered[-1]
        others = [*found.record.current, *found.record.ordered[:-1]]
        assert truth.medications[-1] in labels(others)
        rules |= {one.rule for one in duplicate_findings(order, others, knowledge)}
    assert rules == {"duplicate-ingredient", "duplicate-class"}


def test_an_interaction_meets_a_medication_of_the_list() -> None:
    found_any = False
    for found, truth in of_kind("interaction"):
        _, partner = truth.medications
        assert partner in labels([*found.clean.current, *found.clean.ordered])
        assert "ONC-HP-" in truth.why
        found_any = True
    assert found_any


def test_what_is_inappropriate_for_age_goes_to_people_of_65_and_over() -> None:
    ages = [found.record.age or 0 for found, _ in of_kind("inappropriate-for-age")]
    assert ages
    assert min(ages) >= 65


def test_what_goes_on_too_long_is_current_since_long_ago() -> None:
    limits = {
        label: int(row["days"])
        for row in read_table("stopping")
        for label in cells(row["medications"])
    }
    for found, truth in of_kind("continued-too-long"):
        last = found.record.current[-1]
        assert last.started is not None
        days = (found.record.decided_at.date() - last.started).days
        assert truth.reference is None
        assert days >= 2 * limits[truth.medications[0]]
        assert found.record.ordered == found.clean.ordered


def test_a_cascade_treats_an_effect_of_what_is_taken() -> None:
    pairs = {
        (cause, treatment)
        for row in read_table("cascades")
        for cause in cells(row["cause"])
        for treatment in cells(row["treatment"])
    }
    for found, truth in of_kind("cascade"):
        treatment, cause = truth.medications
        assert cause in labels(found.record.current)
        assert (cause, treatment) in pairs


def test_no_kind_that_fits_leaves_the_visit_clean() -> None:
    young = next(visit for visit in cohort() if (visit.record.age or 0) < 65)
    found = inject(young, 1, ("inappropriate-for-age",))
    assert found.truth == ()
    assert found.record == found.clean


@pytest.mark.parametrize("table", ["cascades", "stopping", "older_adults"])
def test_the_tables_name_medications_of_the_formulary(table: str) -> None:
    for row in read_table(table):
        names = [row.get("medications"), row.get("cause"), row.get("treatment")]
        for name in (part for text in names if text for part in cells(text)):
            assert FORMULARY.by_label(name).label == name
        assert row["basis"]


def test_there_are_fifteen_cascades() -> None:
    assert len(read_table("cascades")) == 15
