"""Baselines on a cohort whose rules are known."""

import torch

from fhir_mappings.record import Allergy
from lamo.training.evaluation.baselines import Rows, nearest_neighbour, simple_baselines
from lamo.training.evaluation.features import Seen, prescribed_of, seen_of
from lamo.training.evaluation.linear import Training, all_features, code_features, fit_linear
from lamo.training.evaluation.ranking import area_under_roc
from lamo.training.evaluation.safety import safety_metrics, safety_tables
from tests.lamo.records import patient
from tests.lamo.training.small_study import LABELS, SmallVisit, note_tools, small_visits


def seen(*codes: str) -> Seen:
    return Seen(codes=codes, history=(), previous=frozenset(), home=frozenset(), text="")


def rows_of(train: list[SmallVisit], test: list[SmallVisit]) -> Rows:
    return Rows(
        labels=LABELS,
        train=seen_of(train, note_tools()),
        train_prescribed=prescribed_of(train, LABELS),
        test=seen_of(test, note_tools()),
        seed=1,
    )


def test_copies_repeat_what_the_record_says_and_nothing_else() -> None:
    test = small_visits(40, seed=3)
    chosen = {s.name: s.chosen for s in simple_baselines(rows_of(small_visits(40, 1), test))}
    assert (chosen["copy home medications"].sum(dim=0)[:-1] == 0).all()
    assert chosen["copy home medications"][:, LABELS.index("Warfarin")].all()
    had = torch.tensor([visit.record.previous is not None for visit in test])
    assert torch.equal(chosen["copy previous visit"][:, LABELS.index("Metformin")], had)


def test_the_bounds_recommend_all_and_none_and_prevalence_one_list() -> None:
    rows = rows_of(small_visits(200, 1), small_visits(300, 3))
    chosen = {system.name: system.chosen for system in simple_baselines(rows)}
    assert chosen["recommend all"].all()
    assert not chosen["recommend none"].any()
    assert (chosen["prevalence top-k"] == chosen["prevalence top-k"][0]).all()
    share = chosen["random at prevalence"].float().mean(dim=0)
    assert (share - rows.train_prescribed.float().mean(dim=0)).abs().max() < 0.1


def test_the_nearest_neighbour_is_the_visit_with_the_most_alike_codes() -> None:
    rows = Rows(
        labels=("x", "y"),
        train=[seen("a", "b", "c", "d"), seen("a", "b"), seen("e")],
        train_prescribed=torch.tensor([[True, True], [True, False], [False, True]]),
        test=[seen("a", "b"), seen("e", "new"), seen("b", "c", "d")],
        seed=1,
    )
    assert nearest_neighbour(rows).tolist() == [[True, False], [False, True], [True, True]]


def test_regression_on_codes_finds_the_rules_and_cannot_see_the_note() -> None:
    data = Training(
        seen_of(small_visits(400, 1), note_tools()),
        prescribed_of(small_visits(400, 1), LABELS),
        seen_of(small_visits(200, 2), note_tools()),
        prescribed_of(small_visits(200, 2), LABELS),
    )
    test = small_visits(300, 3)
    wanted = prescribed_of(test, LABELS).T
    asked = seen_of(test, note_tools())
    by_codes = fit_linear(data, code_features(data.train)).log_odds(asked).T.contiguous()
    by_all = fit_linear(data, all_features(data.train)).log_odds(asked).T.contiguous()
    note = LABELS.index("Omeprazole")
    assert area_under_roc(by_codes, wanted)[:4].min() > 0.8
    assert area_under_roc(by_codes, wanted)[note] < 0.65
    assert area_under_roc(by_all, wanted)[note] > 0.8


def test_a_medication_never_prescribed_in_training_gets_a_low_score_and_no_error() -> None:
    visits = seen_of(small_visits(60, 1), note_tools())
    wanted = prescribed_of(small_visits(60, 1), LABELS)
    wanted[:, 0] = False
    model = fit_linear(Training(visits, wanted, visits, wanted), code_features(visits))
    assert (model.log_odds(visits)[:, 0] < -4).all()


def test_visits_without_notes_or_history_can_still_be_learned_from() -> None:
    visits = [seen("a"), seen("b")] * 10
    wanted = torch.tensor([[True], [False]] * 10)
    model = fit_linear(Training(visits, wanted, visits, wanted), all_features(visits))
    high, low = model.log_odds(visits)[:2, 0].tolist()
    assert high > low


def test_interactions_are_counted_per_visit_and_pooled() -> None:
    labels = ("Simvastatin", "Clarithromycin", "Metformin", "Lisinopril")
    tables = safety_tables(labels, small_visits(3, 1), note_tools().formulary)
    assert tables.interacting.nonzero().tolist() == [[0, 1], [1, 0]]
    chosen = torch.tensor([[1, 1, 0, 0], [1, 1, 1, 1], [0, 0, 1, 0]]).bool()
    rates = safety_metrics(chosen, tables)
    assert rates["ddi_rate_visit_mean"] == (1 / 1 + 1 / 6 + 0) / 3
    assert rates["ddi_rate_pooled"] == 2 / 7


def test_two_of_a_class_are_a_duplicate_and_an_allergy_is_a_conflict() -> None:
    labels = ("Simvastatin", "Atorvastatin", "Amoxicillin")
    formulary = note_tools().formulary
    penicillin = Allergy(
        display="Amoxicillin", ingredients=(formulary.by_label("Amoxicillin").ingredient,)
    )
    visit = SmallVisit(patient(allergies=(penicillin,)), frozenset(), ())
    tables = safety_tables(labels, [visit], formulary)
    rates = safety_metrics(torch.ones(1, 3, dtype=torch.bool), tables)
    assert rates["duplicate_class_pairs_per_visit"] == 1
    assert rates["allergy_conflicts_per_visit"] == 1
    assert tables.known == 3


def test_a_label_outside_the_formulary_matches_no_table() -> None:
    tables = safety_tables(("Placebo",), small_visits(2, 1), note_tools().formulary)
    assert tables.known == 0
    assert not tables.interacting.any()
