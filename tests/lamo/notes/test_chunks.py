import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamo.notes.model_reader.chunks import cut_evenly, cut_text, estimate_tokens

MANY = 10_000


def test_a_short_note_is_one_piece() -> None:
    assert cut_text("Short. Note.", 100, 1) == ["Short. Note."]


@given(st.text(max_size=600), st.integers(8, 80))
def test_pieces_fit_and_are_the_text_when_joined(text: str, most_tokens: int) -> None:
    pieces = cut_text(text, most_tokens, MANY)

    assert pieces is not None
    assert "".join(pieces) == text
    assert all(estimate_tokens(piece) <= most_tokens for piece in pieces)


def test_a_cut_moves_to_the_end_of_a_sentence() -> None:
    text = "One sentence goes here. " * 40

    assert all(piece.endswith(".") for piece in cut_evenly(text.strip(), 4))


def test_a_blank_line_close_by_is_better_than_a_sentence() -> None:
    text = "a" * 495 + " b. c d e f.\n\n" + "g" * 500

    assert cut_evenly(text, 2)[0].endswith("f.\n\n")


def test_a_blank_line_further_than_200_characters_is_not() -> None:
    text = "a" * 1990 + " b. " + "c" * 300 + "\n\n" + "d" * 1710

    assert cut_evenly(text, 2)[0].endswith("c\n")  # the end of that line will do


def test_one_endless_word_is_cut_all_the_same() -> None:
    assert [len(piece) for piece in cut_evenly("x" * 100, 4)] == [25, 25, 25, 25]


def test_a_note_for_too_many_pieces_is_not_cut() -> None:
    assert cut_text("word " * 1000, 10, 16) is None


@pytest.mark.parametrize(
    ("text", "tokens"), [("", 0), ("abc abc", 3), ("12.5", 4), ("µg", 3), ("患", 3)]
)
def test_tokens_are_estimated_from_characters(text: str, tokens: int) -> None:
    assert estimate_tokens(text) == tokens
