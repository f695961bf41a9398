"""The bundled model reacts to the record as a clinician would expect: at least 20 pairs."""

import pytest

from fhir_mappings.record import PatientRecord
from lamo.deadline import Deadline
from lamo.notes.digest import digest_record
from lamo.prompts import render_prompt
from tests.end_to_end.conftest import Service
from tests.lamo.records import diagnosis, patient

# (medication, the condition that it is for, sex)
PAIRS = [
    ("Insulin glargine", "Type 2 diabetes mellitus", "female"),
    ("Metformin", "Type 2 diabetes mellitus", "male"),
    ("Glipizide", "Type 2 diabetes mellitus", "male"),
    ("Levothyroxine", "Hypothyroidism", "female"),
    ("Donepezil", "Dementia", "female"),
    ("Tamsulosin", "Benign prostatic hyperplasia", "male"),
    ("Finasteride", "Benign prostatic hyperplasia", "male"),
    ("Allopurinol", "Gout", "male"),
    ("Sumatriptan", "Migraine", "female"),
    ("Salbutamol", "Asthma", "female"),
    ("Tiotropium", "COPD", "male"),
    ("Levetiracetam", "Epilepsy", "male"),
    ("Atorvastatin", "Hyperlipidemia", "male"),
    ("Apixaban", "Atrial fibrillation", "male"),
    ("Sertraline", "Depression", "female"),
    ("Alendronic acid", "Osteoporosis", "female"),
    ("Levodopa", "Parkinson disease", "male"),
    ("Methotrexate", "Rheumatoid arthritis", "female"),
    ("Lithium", "Bipolar disorder", "female"),
    ("Risperidone", "Schizophrenia", "male"),
    ("Furosemide", "Heart failure", "male"),
    ("Omeprazole", "Gastroesophageal reflux disease", "female"),
    ("Nitrofurantoin", "Urinary tract infection", "female"),
    ("Cyanocobalamin", "Vitamin B12 deficiency", "female"),
    ("Ferrous sulfate", "Iron deficiency anemia", "female"),
]

# Pairs that the artifact that ships reacts to by more than 5 in log-odds and still leaves a little
# under their support threshold. They are shown as expected failures in every run; one that passes
# all the same fails the run, so that the list is kept true.
SHORT_OF_SUPPORT = {"Apixaban", "Glipizide", "Levetiracetam", "Levodopa"}
SHORTCOMING = pytest.mark.xfail(reason="reacts, but stays under its threshold", strict=True)
CASES = [
    pytest.param(*pair, marks=(SHORTCOMING,) if pair[0] in SHORT_OF_SUPPORT else ())
    for pair in PAIRS
]


def log_odds(service: Service, record: PatientRecord) -> dict[str, float]:
    prompt, _ = render_prompt(record, digest_record(record, service.tools.notes.rules))
    labels = [entry.label for entry in service.tools.artifact.vocabulary]
    return dict(service.tools.scorer.score(prompt, labels, Deadline.after_ms(60_000)))


@pytest.mark.parametrize(("medication", "condition", "sex"), CASES)
def test_the_condition_makes_the_difference(
    service: Service, medication: str, condition: str, sex: str
) -> None:
    others = (diagnosis("Hypertension"), diagnosis("Osteoarthritis"))
    without = patient(sex=sex, diagnoses=others, procedures=())
    having = patient(sex=sex, diagnoses=(*others, diagnosis(condition)), procedures=())
    support_at = service.tools.artifact.by_label[medication].support_at

    before, after = (log_odds(service, record)[medication] for record in (without, having))

    assert after - before > 1.0
    assert after >= support_at, "an order for this condition would be warned of"
    assert before < support_at, "an order without this condition would not be warned of"


def test_the_pairs_are_of_conditions_that_the_tables_know(service: Service) -> None:
    known = {concept.label for concept in service.tools.tables.conditions.concepts}
    assert {condition for _, condition, _ in PAIRS} <= known
