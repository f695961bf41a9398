import hashlib
import os
import subprocess
import sys
from itertools import groupby
from pathlib import Path

import pytest

from fhir_mappings.concepts import ConceptTable
from lamo.synthetic.generator import Generator, synthesize, write_visits
from lamo.visits import to_json
from tests.lamo.synthetic.cohort import PATIENTS, SEED, cohort, labels, mean


def test_the_same_seed_makes_the_same_visits_in_another_process(tmp_path: Path) -> None:
    here, there = tmp_path / "here.jsonl", tmp_path / "there.jsonl"
    write_visits(here, 40, 5)
    code = (
        "import pathlib, sys; from lamo.synthetic.generator import write_visits; "
        "write_visits(pathlib.Path(sys.argv[1]), 40, 5)"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "77"}
    subprocess.run([sys.executable, "-c", code, str(there)], check=True, env=environment)
    assert hashlib.sha256(here.read_bytes()).digest() == hashlib.sha256(there.read_bytes()).digest()


def test_the_first_visits_of_a_seed_never_change() -> None:
    """Models are trained and compared on these visits: a new digest means new models."""
    digest = hashlib.sha256()
    for visit in synthesize(12, 20):
        digest.update(to_json(visit).encode() + b"\n")
    assert digest.hexdigest() == (
        "de2eb6b0634ce96454d5b6d8431b21931f3100df5b2830630dd41cf3a157590e"
    )


def test_another_seed_makes_other_visits() -> None:
    assert to_json(next(synthesize(1, 1))) != to_json(next(synthesize(1, 2)))


def test_a_patient_does_not_depend_on_the_others() -> None:
    alone = list(Generator(SEED).visits(7))
    assert alone == [visit for visit in cohort() if visit.patient == 7]


def test_no_record_has_orders_or_an_age_above_90() -> None:
    assert all(visit.record.ordered == () for visit in cohort())
    assert max(visit.record.age or 0 for visit in cohort()) <= 90


def test_probabilities_cover_every_candidate_and_what_is_prescribed() -> None:
    sizes = {len(visit.probabilities) for visit in cohort()}
    assert sizes == {211}
    assert all(visit.probabilities[label] > 0 for visit in cohort() for label in visit.prescribed)


def test_the_probabilities_are_those_that_prescriptions_follow() -> None:
    pairs = [(p, label in v.prescribed) for v in cohort() for label, p in v.probabilities.items()]
    for low, high in ((0.02, 0.1), (0.1, 0.3), (0.3, 0.6), (0.6, 0.9), (0.9, 1.01)):
        inside = [(p, hit) for p, hit in pairs if low <= p < high]
        assert mean(hit for _, hit in inside) == pytest.approx(mean(p for p, _ in inside), abs=0.02)


def test_a_later_visit_carries_the_last_stay_and_its_medications() -> None:
    carried = 0
    for _, group in groupby(cohort(), key=lambda visit: visit.patient):
        stay = None
        for visit in group:
            previous = visit.record.previous
            assert (previous is None) == (stay is None)
            if previous and stay:
                assert labels(previous.medications) == stay.prescribed
                carried += 1
            stay = visit if visit.setting != "outpatient" else stay
    assert carried > 50


@pytest.mark.parametrize(
    ("setting", "share", "least", "most"),
    [("outpatient", 0.5, 1, 10), ("inpatient", 0.42, 15, 22), ("icu", 0.08, 22, 28)],
)
def test_settings_have_their_share_and_length_of_list(
    setting: str, share: float, least: float, most: float
) -> None:
    visits = [visit for visit in cohort() if visit.setting == setting]
    assert len(visits) / len(cohort()) == pytest.approx(share, abs=0.06)
    assert least <= mean(len(visit.prescribed) for visit in visits) <= most


def test_a_patient_has_one_to_three_visits_and_sometimes_an_allergy() -> None:
    counts = [len(list(g)) for _, g in groupby(cohort(), key=lambda visit: visit.patient)]
    assert len(counts) == PATIENTS
    assert set(counts) == {1, 2, 3}
    assert 0.2 <= mean(bool(visit.record.allergies) for visit in cohort()) <= 0.3


def test_every_diagnosis_bears_a_code_of_its_own_concept() -> None:
    table = ConceptTable.load("conditions")
    for visit in cohort()[:200]:
        for diagnosis in visit.record.diagnoses:
            found = table.find(diagnosis.codings, diagnosis.display)
            assert found is not None
            assert found.label == diagnosis.label
