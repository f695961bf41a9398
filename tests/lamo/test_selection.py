"""From log-odds to proposals, unsupported orders and the length of the list."""

import json
import subprocess
import sys
from dataclasses import replace

import pytest

from fhir_mappings.formulary import Formulary
from fhir_mappings.record import Medication
from lamo.artifact import (
    Artifact,
    ArtifactRefused,
    Group,
    VocabularyEntry,
    load_artifact,
    write_manifest,
)
from lamo.policies import Policy
from lamo.selection import KnownPairs, choose, duplicate_pairs, known_pairs
from medication_safety.knowledge import Knowledge
from medication_safety.rulebook import Rulebook
from tests.lamo.records import diagnosis, medication, patient

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


def test_an_order_with_an_indication_in_the_record_is_supported_whatever_its_score(
    formulary: Formulary, artifact: Artifact
) -> None:
    table = {"Warfarin": ("Atrial fibrillation",)}
    known = {"ordered": (medication(formulary, "Warfarin"),)}
    for diagnoses, count in (((), 1), ((diagnosis("Atrial fibrillation"),), 0)):
        choice = choose(
            patient(diagnoses=diagnoses, **known),
            flat(0.0, Warfarin=-9.0),
            artifact,
            indicating=lambda label: table.get(label, ()),
        )
        assert len(choice.unsupported) == count


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


def proposed(artifact: Artifact, policy: Policy, **log_odds: float) -> list[str]:
    choice = choose(patient(), flat(-5.0, **log_odds), replace(artifact, selection=policy))
    return [score.ingredient.label for score in choice.proposed]


def test_the_policy_that_the_artifact_names_chooses(artifact: Artifact) -> None:
    scores = {"Metformin": 2.0, "Warfarin": 0.5}
    strict = Policy(name="risk-control", probability_from=0.9, risk=0.1, guarantee="expected")
    assert proposed(artifact, Policy(), **scores) == ["Metformin"]
    assert proposed(artifact, Policy(name="greedy"), **scores) == ["Metformin", "Warfarin"]
    assert proposed(artifact, strict, **scores) == []
    assert proposed(artifact, Policy(name="expected-jaccard"), **scores) == [
        "Metformin",
        "Warfarin",
    ]


def test_no_policy_proposes_what_is_less_than_an_even_chance(artifact: Artifact) -> None:
    policy = Policy(name="risk-control", probability_from=0.4, risk=0.3, guarantee="expected")
    scores = {"Metformin": -0.2, "Warfarin": 3.0}
    bold = replace(policy, propose_from=0.4)
    assert proposed(artifact, policy, **scores) == ["Warfarin"]
    assert proposed(artifact, bold, **scores) == ["Warfarin", "Metformin"]


def test_a_proposal_that_interacts_with_what_is_taken_can_be_weighed_out(
    formulary: Formulary, artifact: Artifact
) -> None:
    record = patient(current=(medication(formulary, "Propofol"), medication(formulary, "Digoxin")))
    codes = {label: formulary.by_label(label).rxcui for label in ("Propofol", "Digoxin", *LABELS)}
    pairs = KnownPairs(
        interactions={
            frozenset({codes["Propofol"], codes["Warfarin"]}): 1.0,
            frozenset({codes["Digoxin"], codes["Furosemide"]}): 0.1,
        }
    )
    weighing = replace(artifact, selection=Policy(interaction_cost=5.0))
    choice = choose(record, flat(-5.0, Warfarin=3.0, Furosemide=3.0), weighing, pairs)
    assert [score.ingredient.label for score in choice.proposed] == ["Furosemide"]


def test_the_pairs_of_the_tables_are_weighed_where_the_policy_gives_them_a_cost(
    formulary: Formulary, artifact: Artifact
) -> None:
    rulebook, taken = Rulebook.load(formulary), medication(formulary, "Ibuprofen")
    high = flat(-5.0, Warfarin=3.0, Furosemide=3.0)
    for cost, wanted in ((0.0, ["Warfarin", "Furosemide"]), (50.0, ["Furosemide"])):
        policy = Policy(interaction_cost=cost)
        pairs = known_pairs(policy, artifact.vocabulary, rulebook)
        weighing = replace(artifact, selection=policy)
        choice = choose(patient(current=(taken,)), high, weighing, pairs)
        assert [score.ingredient.label for score in choice.proposed] == wanted


def test_two_of_a_class_are_a_duplicate_pair_and_others_are_not(
    formulary: Formulary, artifact: Artifact
) -> None:
    statin = replace(
        artifact.vocabulary[0],
        rxcui=formulary.by_label("Atorvastatin").rxcui,
        label="Atorvastatin",
    )
    wider = replace(artifact, vocabulary=(*artifact.vocabulary, statin))
    both = frozenset({statin.rxcui, formulary.by_label("Simvastatin").rxcui})
    assert duplicate_pairs(wider.vocabulary, Knowledge.load(formulary)) == {both}


def test_a_manifest_keeps_its_policy_and_an_older_one_means_thresholds(artifact: Artifact) -> None:
    capped = Policy(name="expected-jaccard", count_ratio=1.1)
    curved = replace(artifact.vocabulary[0], curve=((-1.0, 0.2), (1.0, 0.6)))
    written = write_manifest(replace(artifact, selection=capped, vocabulary=(curved,)))
    assert written.selection == capped
    assert written.vocabulary[0].probability(0.0) == pytest.approx(0.4)
    edit_manifest(artifact, selection=None)
    assert load_artifact(artifact.folder).selection == Policy()


def test_a_manifest_with_an_unknown_policy_is_refused(artifact: Artifact) -> None:
    write_manifest(artifact)
    edit_manifest(artifact, selection={"name": "by-feeling"})
    with pytest.raises(ArtifactRefused, match="by-feeling"):
        load_artifact(artifact.folder)
    edit_manifest(artifact, selection={"boldness": 2})
    with pytest.raises(ArtifactRefused, match="boldness"):
        load_artifact(artifact.folder)


def edit_manifest(artifact: Artifact, selection: object) -> None:
    path = artifact.folder / "manifest.json"
    body = json.loads(path.read_text()) | {"selection": selection}
    path.write_text(json.dumps({key: value for key, value in body.items() if value is not None}))


def test_selecting_needs_no_torch() -> None:
    code = "import sys, lamo.selection; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
