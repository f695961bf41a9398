"""Each fact of the prompt left out: what is examined, what it moves, and when it stops."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cache
from itertools import count
from pathlib import Path

import pytest

from fhir_mappings.formulary import Formulary
from fhir_mappings.record import Allergy, Diagnosis, Fact, PatientRecord, Procedure
from lamo.deadline import Deadline
from lamo.explanation import (
    PERSON,
    STAY,
    Explanation,
    Moved,
    Omission,
    as_shown,
    explain,
    omissions_of,
    without,
)
from lamo.notes.digest import NoteDigest, digest_record
from lamo.notes.rules import rule_tools
from lamo.prompts import DEFAULT_PLAN, Prompt, PromptLimits, PromptPlan, render_prompt
from lamo.scoring.base import Scorer, ScorerUnavailable
from lamo.scoring.local import LocalScorer
from tests.fakes import FakeScorer
from tests.lamo.records import medication, patient, previous_stay
from tests.lamo.tiny import LABELS, tiny_artifact

FORMULARY = Formulary.load()
TOOLS = rule_tools(FORMULARY)
GOUT = Diagnosis(label="Gout", display="gout, unspecified", reference="Condition/1")
ANGINA = Diagnosis(label="Angina", display="Angina", reference="Condition/2")
LATER_GOUT = replace(
    GOUT, display="gout of the toe", reference="Condition/3", dated=date(2026, 1, 5)
)
COLONOSCOPY = Procedure(label="Colonoscopy", display="Colonoscopy", reference="Procedure/1")
PENICILLIN = Allergy(display="Penicillin", reference="AllergyIntolerance/1")


def later() -> Deadline:
    return Deadline.after_ms(60_000)


def whole_patient(**changes: object) -> PatientRecord:
    values: dict[str, object] = {
        "diagnoses": (GOUT, ANGINA, LATER_GOUT),
        "procedures": (COLONOSCOPY,),
        "allergies": (PENICILLIN,),
        "current": (medication(FORMULARY, "Metformin", "MedicationRequest/1"),),
        "previous": replace(previous_stay(FORMULARY), reference="Encounter/1"),
    }
    return patient(**(values | changes))


def digest_for(record: PatientRecord) -> NoteDigest:
    """What a note with texts, and one more home medication, makes of a record."""
    digest = digest_record(record, TOOLS)
    assert digest is not None
    home = (*digest.medications_on_admission, "Warfarin")
    return replace(
        digest,
        history_of_present_illness="Pain in a toe.",
        past_medical_history="None to speak of.",
        medications_on_admission=home,
    )


RECORD = whole_patient()
DIGEST = digest_for(RECORD)


def left_out(
    record: PatientRecord, digest: NoteDigest | None, plan: PromptPlan = DEFAULT_PLAN
) -> dict[str, Omission]:
    prompt, gaps = render_prompt(record, digest, plan)
    return {one.named: one for one in omissions_of(*as_shown(record, digest, prompt, gaps))}


@cache
def tiny_scorer(folder: Path, activated: bool) -> LocalScorer:
    return LocalScorer(tiny_artifact(folder / str(activated), 2, activated=activated))


@dataclass
class CountingScorer:
    """The log-odds are the number of times that some words stand in the prompt."""

    words: Sequence[str]
    prompts: list[Prompt] = field(default_factory=list)

    def score(
        self, prompt: Prompt, candidates: Sequence[str], deadline: Deadline
    ) -> Mapping[str, float]:
        self.prompts.append(prompt)
        found = float(sum(prompt.text.count(word) for word in self.words))
        return {label: found if label == "Metformin" else -found for label in candidates}


@dataclass
class VariantsFail(CountingScorer):
    """Takes several prompts at once, and is down after the first few."""

    turns: Iterator[int] = field(default_factory=count)

    def score_variants(
        self,
        whole: Prompt,
        variants: Sequence[Prompt],
        candidates: Sequence[str],
        deadline: Deadline,
    ) -> Sequence[Mapping[str, float]]:
        if next(self.turns):
            raise ScorerUnavailable("the server is down")
        return [self.score(prompt, candidates, deadline) for prompt in variants]


def explained(scorer: Scorer, deadline: Deadline | None = None) -> Explanation:
    return explain(RECORD, DIGEST, DEFAULT_PLAN, scorer, LABELS[:2], deadline or later())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tiny")


@pytest.mark.parametrize("activated", [False, True])
def test_delta_is_the_difference_of_two_whole_scores(folder: Path, activated: bool) -> None:
    scorer = tiny_scorer(folder, activated)
    whole = scorer.score(render_prompt(RECORD, DIGEST)[0], LABELS, later())
    without = {
        name: scorer.score(render_prompt(one.record, one.digest)[0], LABELS, later())
        for name, one in left_out(RECORD, DIGEST).items()
    }
    found = explain(RECORD, DIGEST, DEFAULT_PLAN, scorer, LABELS, later())
    assert len(found.moved) == len(LABELS) * len(without)
    for one in found.moved:
        expected = whole[one.label] - without[one.named][one.label]
        assert one.delta == pytest.approx(expected, abs=1e-3)


def test_several_at_once_say_what_one_by_one_says(folder: Path) -> None:
    scorer = tiny_scorer(folder, False)

    class OneByOne:
        score = scorer.score

    together, alone = explained(scorer), explained(OneByOne())
    assert [one.named for one in together.moved] == [one.named for one in alone.moved]
    assert [one.delta for one in together.moved] == pytest.approx(
        [one.delta for one in alone.moved], abs=1e-3
    )


def test_every_fact_of_the_prompt_is_examined_once_the_most_telling_first() -> None:
    found = explained(CountingScorer(["x"]))
    assert [(one.section, one.named) for one in found.moved if one.label == LABELS[0]] == [
        ("diagnoses", "Gout"),
        ("diagnoses", "Angina"),
        ("medications on admission", "Metformin"),
        ("medications on admission", "Warfarin"),
        ("allergies", "Penicillin"),
        ("procedures", "Colonoscopy"),
        ("history of present illness", "history of present illness"),
        ("past medical history", "past medical history"),
        (STAY, STAY),
    ]
    assert (found.unexamined, found.reason) == (0, None)


def test_references_of_the_record_are_carried() -> None:
    by_name = {one.named: one for one in explained(CountingScorer(["x"])).moved}
    gout, metformin = by_name["Gout"], by_name["Metformin"]
    assert (gout.fact, gout.also) == (LATER_GOUT.fact, (GOUT.fact,))
    assert metformin.fact == RECORD.current[0].fact
    references = {
        name: one.fact.reference for name, one in by_name.items() if isinstance(one.fact, Fact)
    }
    assert references == {
        "Gout": "Condition/3",
        "Angina": "Condition/2",
        "Metformin": "MedicationRequest/1",
        "Warfarin": None,  # that only a note tells
        "Penicillin": "AllergyIntolerance/1",
        "Colonoscopy": "Procedure/1",
        STAY: "Encounter/1",
    }
    assert by_name["past medical history"].fact == "past medical history"


@pytest.mark.parametrize(
    ("section", "named", "delta", "is_for", "is_against"),
    [
        ("diagnoses", "Gout", 1.0, True, False),
        ("diagnoses", "Gout", 0.9, False, False),
        ("diagnoses", "Gout", -1.0, False, True),
        ("procedures", "Colonoscopy", 2.0, True, False),
        ("procedures", "Colonoscopy", -2.0, False, False),
        ("medications on admission", "Metformin", 2.0, True, False),
        ("medications on admission", "Warfarin", 2.0, False, False),
        ("medications on admission", "Warfarin", -2.0, False, True),
        ("allergies", "Penicillin", 5.0, False, False),
        ("allergies", "Penicillin", -5.0, False, True),
        (PERSON, PERSON, 5.0, False, False),
        ("history of present illness", "history of present illness", -5.0, False, False),
    ],
)
def test_a_reason_is_what_a_clinician_can_call_one_and_weighs_enough(
    section: str, named: str, delta: float, is_for: bool, is_against: bool
) -> None:
    moved = Moved(fact=named, section=section, named=named, label="Metformin", delta=delta)
    assert (moved.is_reason_for, moved.is_reason_against) == (is_for, is_against)


def test_what_speaks_for_is_a_reason_and_the_strongest_comes_first() -> None:
    scorer = CountingScorer(["Gout", "Angina", "'A"])
    found = explained(scorer)
    assert [(one.named, one.delta) for one in found.speaking_for("Metformin")[:2]] == [
        ("Angina", 2.0),
        ("Gout", 1.0),
    ]
    assert [one.named for one in found.speaking_against(LABELS[1], 1)] == ["Angina"]
    assert found.speaking_against("Metformin") == ()
    assert found == explained(CountingScorer(scorer.words))


TWINS: dict[str, PatientRecord] = {
    "Gout": whole_patient(diagnoses=(ANGINA,)),
    "Angina": whole_patient(diagnoses=(GOUT, LATER_GOUT)),
    "Metformin": whole_patient(current=()),
    "Penicillin": whole_patient(allergies=()),
    "Colonoscopy": whole_patient(procedures=()),
    STAY: whole_patient(previous=None),
}


@pytest.mark.parametrize("name", TWINS)
def test_leaving_out_is_the_prompt_of_a_record_without_the_fact(name: str) -> None:
    without = left_out(RECORD, DIGEST)[name]
    twin = TWINS[name]
    expected, _ = render_prompt(twin, digest_for(twin))
    assert render_prompt(without.record, without.digest)[0] == expected


@pytest.mark.parametrize("current", [(), RECORD.current])
def test_without_a_note_age_sex_and_setting_are_one_fact(current: tuple[object, ...]) -> None:
    record = patient(setting="inpatient", current=current)
    digest = digest_record(record, TOOLS)
    assert digest is not None
    without = left_out(record, digest)
    assert "history of present illness" not in without
    text = render_prompt(without[PERSON].record, without[PERSON].digest)[0].text
    assert "History of present illness: none" in text


def test_without_a_digest_age_and_sex_go_with_those_of_the_previous_stay() -> None:
    without = left_out(RECORD, None)[PERSON]
    text = render_prompt(without.record, without.digest)[0].text
    assert text.count("Age: unknown, Gender: unknown") == 2


def test_a_list_that_was_cut_is_not_filled_up() -> None:
    plan = PromptPlan(limits=PromptLimits(diagnoses=1))
    without = left_out(RECORD, DIGEST, plan)
    assert "Angina" not in without
    assert "Diagnose: []" in render_prompt(without["Gout"].record, DIGEST, plan)[0].text


@pytest.mark.parametrize("most", range(300, 1100, 100))
def test_of_a_chart_too_long_for_the_model_only_what_is_shown_is_examined(most: int) -> None:
    plan = PromptPlan(fits=lambda text: len(text) <= most)
    scorer = CountingScorer(["x"])
    explain(RECORD, DIGEST, plan, scorer, LABELS[:1], later())
    whole, *others = [prompt.text for prompt in scorer.prompts]
    assert len(set(others)) == len(others)
    for text in others:
        assert len(text) <= len(whole)
        assert text != whole


def test_past_the_deadline_the_rest_is_counted_and_not_examined() -> None:
    clock = iter(range(100))
    deadline = Deadline(5, lambda: next(clock))  # every look at the clock takes a second
    found = explained(CountingScorer(["x"]), deadline)
    assert [one.named for one in found.moved] == ["Gout", "Angina", "Metformin", "Warfarin"] * 2
    assert (found.unexamined, found.reason) == (5, "no time was left for explaining")


def test_without_any_time_nothing_is_asked() -> None:
    scorer = CountingScorer(["x"])
    found = explained(scorer, Deadline.after_ms(0))
    assert (found.moved, found.unexamined, scorer.prompts) == ((), 9, [])


def test_an_outage_is_an_empty_explanation_with_a_reason() -> None:
    found = explained(FakeScorer(outage="the server is down"))
    assert (found.moved, found.unexamined, found.reason) == ((), 9, "the server is down")
    assert found.speaking_for("Metformin") == ()


def test_an_outage_on_the_way_keeps_what_was_examined() -> None:
    found = explained(VariantsFail(["x"]))
    assert (len(found.moved), found.unexamined) == (2 * 8, 1)
    assert found.reason == "the server is down"


def test_without_candidates_nothing_is_asked() -> None:
    scorer = CountingScorer(["x"])
    assert explain(RECORD, DIGEST, DEFAULT_PLAN, scorer, (), later()) == Explanation()
    assert scorer.prompts == []


def test_several_facts_left_out_at_once_are_all_missing_and_nothing_else() -> None:
    record = whole_patient()
    digest = digest_for(record)
    facts = {one.named: one.key for one in omissions_of(record, digest)}

    prompt = without(record, digest, [facts["Gout"], facts["Colonoscopy"], "unknown"], DEFAULT_PLAN)

    fewer = replace(record, diagnoses=(ANGINA,), procedures=())
    assert prompt == render_prompt(fewer, digest, DEFAULT_PLAN)[0]
    assert len(set(facts.values())) == len(facts)
