"""From log-odds to proposals, unsupported orders and the length of the list."""

import pytest

from fhir_mappings.formulary import Formulary
from fhir_mappings.record import Medication
from lamo.artifact import Artifact, Group, VocabularyEntry
from lamo.selection import choose
from tests.lamo.records import medication, patient

LABELS = ("Metformin", "Warfarin", "Lisinopril", "Furosemide", "Simvastatin", "Digoxin")


@pytest.fixture(scope="module")
def formulary() -> Formulary:
    return Formulary.load()


@pytest.fixture(scope="module")
def artifact(formulary: Formulary, tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    return Artifact(
        folder=tmp_path_factory.mktemp("artifact"),
        name="thresholds only",
        version="1",
        is_demonstration=True,
        notice="",
        base_model="base",
        answer_token_ids={"Yes": 1, "No": 2},
        groups=(Group(name="all", adapter="adapters/all"),),
        vocabulary=tuple(
            VocabularyEntry(
                rxcui=formulary.by_label(label).rxcui,
                label=label,
                group="all",
                base_rate=0.1,
                slope=1.0,
                bias=0.0,
                recommend_at=1.0,
                support_at=-2.0,
            )
            for label in LABELS
        ),
    )


def flat(value: float, **others: float) -> dict[str, float]:
    return dict.fromkeys(LABELS, value) | others


def test_an_order_under_its_own_threshold_is_unsupported(
    formulary: Formulary, artifact: Artifact
) -> None:
    record = patient(
        ordered=(medication(formulary, "Warfarin"), medication(formulary, "Metformin"))
    )
    choice = choose(record, flat(0.0, Warfarin=-2.5), artifact)
    assert [found.medication.display for found in choice.unsupported] == ["Warfarin"]


def test_a_medication_already_taken_is_not_judged_as_an_order(
    formulary: Formulary, artifact: Artifact
) -> None:
    record = patient(current=(medication(formulary, "Warfarin"),))
    assert choose(record, flat(-9.0), artifact).unsupported == ()


def test_a_combination_is_judged_by_its_least_supported_ingredient(
    formulary: Formulary, artifact: Artifact
) -> None:
    both = tuple(formulary.by_label(label).ingredient for label in ("Metformin", "Digoxin"))
    record = patient(ordered=(Medication(display="both", ingredients=both),))
    choice = choose(record, flat(0.0, Digoxin=-3.0), artifact)
    assert [found.score.ingredient.label for found in choice.unsupported] == ["Digoxin"]


def test_what_is_on_the_list_is_not_proposed(formulary: Formulary, artifact: Artifact) -> None:
    record = patient(
        current=(medication(formulary, "Metformin"),),
        ordered=(medication(formulary, "Warfarin"),),
    )
    choice = choose(record, flat(-5.0, Metformin=4.0, Warfarin=4.0, Lisinopril=4.0), artifact)
    assert [score.ingredient.label for score in choice.proposed] == ["Lisinopril"]


def test_a_proposal_needs_its_threshold_and_an_even_chance(
    formulary: Formulary, artifact: Artifact
) -> None:
    choice = choose(patient(), flat(-5.0, Lisinopril=1.5, Digoxin=0.9), artifact)
    assert [score.ingredient.label for score in choice.proposed] == ["Lisinopril"]


def test_an_order_outside_the_vocabulary_is_a_gap_and_never_unsupported(
    formulary: Formulary, artifact: Artifact
) -> None:
    record = patient(ordered=(medication(formulary, "Propofol", "MedicationRequest/1"),))
    choice = choose(record, flat(-9.0), artifact)
    assert choice.unsupported == ()
    assert [(gap.kind, gap.where, gap.shown) for gap in choice.gaps] == [
        ("outside-vocabulary", "MedicationRequest/1", True)
    ]


def test_without_scores_nothing_is_proposed_or_unsupported(
    formulary: Formulary, artifact: Artifact
) -> None:
    record = patient(ordered=(medication(formulary, "Warfarin"),))
    choice = choose(record, {}, artifact)
    assert (choice.proposed, choice.unsupported, choice.regimen) == ((), (), None)


def test_a_list_longer_than_expected_is_told_with_its_numbers(
    formulary: Formulary, artifact: Artifact
) -> None:
    taken = tuple(medication(formulary, label) for label in LABELS[1:])
    record = patient(current=taken, ordered=(medication(formulary, "Metformin"),))
    regimen = choose(record, flat(-3.0), artifact).regimen
    assert regimen is not None
    assert (regimen.listed, round(regimen.expected, 2)) == (6, 0.28)
    assert choose(record, flat(3.0), artifact).regimen is None


def test_intensive_care_lists_are_never_called_long(
    formulary: Formulary, artifact: Artifact
) -> None:
    taken = tuple(medication(formulary, label) for label in LABELS[1:])
    record = patient(current=taken, ordered=(medication(formulary, "Metformin"),), setting="icu")
    assert choose(record, flat(-3.0), artifact).regimen is None
