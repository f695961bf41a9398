"""The served model card: 31 attributes, each stated, measured, or said not to be."""

from dataclasses import replace
from pathlib import Path

import pytest

from lamo.artifact import Artifact, bundled_artifact_folder, load_artifact
from lamo.model_card import (
    NOT_STATED,
    TO_BE_FILLED,
    Attribute,
    ModelCard,
    model_card,
    numbers_of_site,
)
from lamo.training.model_card import demo_texts


@pytest.fixture(scope="module")
def artifact() -> Artifact:
    return load_artifact(bundled_artifact_folder())


def unfilled(card: ModelCard) -> list[int]:
    """Attributes with neither a text nor an explicit word that there is none."""
    stated = {"stated", "measured"}
    explicit = {"not measured": "not measured", "not stated": NOT_STATED}
    return [
        one.number
        for one in card.attributes
        if not one.value.strip()
        or (one.status in stated and one.value in explicit.values())
        or (one.status in explicit and not one.value.startswith(explicit[one.status]))
        or (one.status not in {*stated, *explicit, TO_BE_FILLED})
    ]


def by_number(card: ModelCard) -> dict[int, Attribute]:
    return {one.number: one for one in card.attributes}


def test_the_bundled_card_is_complete_and_says_what_it_is(artifact: Artifact) -> None:
    card = model_card(artifact, {}, {})
    assert [one.number for one in card.attributes] == list(range(1, 32))
    assert unfilled(card) == []
    assert {one.status for one in card.attributes if "author" in one.by} == {"stated"}
    assert "Not for clinical use" in card.notice


def test_a_gap_would_be_found(artifact: Artifact) -> None:
    card = model_card(artifact, {}, {})
    empty = replace(card.attributes[4], value=" ")
    mute = replace(card.attributes[16], value="?", status="not measured")
    assert unfilled(replace(card, attributes=(empty, mute))) == [5, 17]


def test_figures_are_those_of_the_artifact_and_texts_those_of_the_author(
    artifact: Artifact,
) -> None:
    card, texts = model_card(artifact, {}, {}), demo_texts()["texts"]
    assert f"Jaccard {artifact.metrics['jaccard']:.3f}" in by_number(card)[21].value
    stated = {str(one.number): one.value for one in card.attributes if one.by == "author"}
    assert stated.items() <= texts.items()
    assert card.model["sha256"] == artifact.sha256


def test_an_artifact_without_a_card_says_so(artifact: Artifact, tmp_path: Path) -> None:
    card = model_card(replace(artifact, folder=tmp_path), {}, {})
    assert unfilled(card) == []
    assert {one.status for one in card.attributes} == {"not stated", TO_BE_FILLED}
    assert by_number(card)[5].value == NOT_STATED


def test_the_site_and_its_log_speak_where_they_may(artifact: Artifact) -> None:
    assert numbers_of_site() == (14, 27, 29)
    bare = by_number(model_card(artifact, {}, {}))
    assert [bare[number].status for number in (27, 29)] == [TO_BE_FILLED] * 2
    assert TO_BE_FILLED in bare[14].value
    told = by_number(model_card(artifact, {14: "Our wards", 29: "By sex"}, {27: "12 of 40 cards"}))
    assert (told[27].value, told[27].status) == ("12 of 40 cards", "measured")
    assert (told[29].value, told[29].status) == ("By sex", "stated")
    assert told[14].value.endswith("Of the site: Our wards")
