import pytest

from lamo.synthetic.prescribing import Prescribing, Situation
from lamo.synthetic.tables import read_table
from tests.lamo.synthetic.cohort import coded, cohort, labels, mean

PRESCRIBING = Prescribing()
DIABETES = ("Type 2 diabetes mellitus", "Type 1 diabetes mellitus")
TRANSPLANT = ("Kidney transplant", "Liver transplant", "Kidney transplantation")


def chance(medication: str, situation: Situation) -> float:
    return PRESCRIBING.by_ingredient(PRESCRIBING.probabilities(situation))[medication]


@pytest.mark.parametrize(
    ("medication", "reasons", "times"),
    [
        ("Insulin glargine", DIABETES, 20),
        ("Insulin lispro", DIABETES, 20),
        ("Metformin", DIABETES[:1], 15),
        ("Levothyroxine", ("Hypothyroidism",), 20),
        ("Donepezil", ("Dementia",), 20),
        ("Tamsulosin", ("Benign prostatic hyperplasia", "Urinary retention"), 20),
        ("Finasteride", ("Benign prostatic hyperplasia",), 20),
        ("Vancomycin", ("Sepsis", "Septic shock", "Cellulitis", "Endocarditis"), 5),
        ("Sumatriptan", ("Migraine",), 20),
        ("Salbutamol", ("COPD", "Asthma", "COPD exacerbation"), 4),
        ("Furosemide", ("Heart failure", "Acute heart failure exacerbation"), 5),
        ("Apixaban", ("Atrial fibrillation", "Deep vein thrombosis", "Pulmonary embolism"), 15),
        ("Allopurinol", ("Gout",), 20),
        ("Levodopa", ("Parkinson disease",), 20),
        ("Levetiracetam", ("Epilepsy", "Seizure"), 15),
        ("Lithium", ("Bipolar disorder",), 20),
        ("Tacrolimus", TRANSPLANT, 20),
        ("Sevelamer", ("End stage renal disease",), 20),
        ("Thiamine", ("Alcohol use disorder", "Alcohol withdrawal", "Malnutrition"), 15),
        ("Norepinephrine", ("Septic shock", "Cardiogenic shock", "Cardiac arrest"), 20),
        ("Propofol", ("Mechanical ventilation", "Intubation"), 10),
        ("Methylphenidate", ("Attention deficit disorder",), 20),
    ],
)
def test_a_medication_needs_its_reason(
    medication: str, reasons: tuple[str, ...], times: float
) -> None:
    groups: dict[bool, list[float]] = {True: [], False: []}
    for visit in cohort():
        told = coded(visit).intersection(reasons)
        groups[bool(told)].append(visit.probabilities[medication])
    assert mean(groups[True]) > times * mean(groups[False])


def test_levothyroxine_goes_on_when_it_is_taken_at_home() -> None:
    home = [v for v in cohort() if "Levothyroxine" in labels(v.record.current)]
    assert len(home) > 20
    assert min(v.probabilities["Levothyroxine"] for v in home) >= 0.9


@pytest.mark.parametrize("row", read_table("contraindications")[::3], ids=lambda r: r["medication"])
def test_a_contraindication_is_a_hard_zero(row: dict[str, str]) -> None:
    everything = Situation(
        setting="inpatient",
        reasons=frozenset({row["given"], *(e["given"] for e in read_table("effects")[::9])}),
        home=frozenset(PRESCRIBING.regimens),
    )
    assert chance(row["medication"], everything) == 0


def test_an_allergy_is_a_hard_zero_wherever_it_is_told() -> None:
    allergic = [v for v in cohort() if any(a.display == "Penicillin" for a in v.record.allergies)]
    assert len(allergic) > 10
    blocked = ("Amoxicillin", "Ampicillin", "Piperacillin", "Phenoxymethylpenicillin")
    assert all(v.probabilities[label] == 0 for v in allergic for label in blocked)


def test_what_is_blocked_leaves_its_class_to_the_other_members() -> None:
    septic = Situation(setting="icu", reasons=frozenset({"Septic shock"}))
    allergic = Situation(
        setting="icu", reasons=frozenset({"Septic shock"}), allergens=frozenset({"Piperacillin"})
    )
    assert chance("Meropenem", allergic) > chance("Meropenem", septic)
    assert chance("Tazobactam", allergic) == 0


def test_at_most_one_of_a_class_is_prescribed() -> None:
    statins = {"Atorvastatin", "Simvastatin", "Rosuvastatin", "Pravastatin"}
    assert max(len(visit.prescribed & statins) for visit in cohort()) == 1


def test_combinations_are_prescribed_whole() -> None:
    for visit in cohort():
        assert ("Carbidopa" in visit.prescribed) == ("Levodopa" in visit.prescribed)
        assert ("Tazobactam" in visit.prescribed) == ("Piperacillin" in visit.prescribed)


def test_a_class_keeps_the_member_that_is_taken_at_home() -> None:
    reasons = frozenset({"Hyperlipidemia", "Coronary artery disease"})
    situation = Situation(setting="inpatient", reasons=reasons, home=frozenset({"Pravastatin"}))
    assert chance("Pravastatin", situation) > 0.7
    assert chance("Atorvastatin", situation) < 0.2
