from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_service.cards.build import build_cards
from cds_service.cards.text import escaped, fact_lines, plain, share, summary_line
from fhir_mappings.record import Diagnosis, Fact, Gap
from lamo.selection import Choice
from tests.cds_service.card_material import (
    GLARGINE,
    METFORMIN,
    draft,
    finding,
    score,
    suggesting,
    unsupported,
)
from tests.cds_service.card_rules import AUTOLINK, assert_valid_cards, rendered, visible

HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[tap](javascript:alert(3))",
    "![x](https://evil.example/p.png)",
    "see https://evil.example or www.evil.example or a@evil.example",
    "`code` ``` **bold** _it_ ~~gone~~ # head | a | b |",
    "\\[back\\](slash) \\<b>",
    "a\n\n# heading\n- item\n> quote",
    "&lt;b&gt; &#60;script&#62;",
    "bell\x07 right\u202eleft zero\u200bwidth",
    "x" * 5000,
]


@pytest.mark.parametrize("text", HOSTILE)
def test_data_is_shown_as_written_and_never_as_markup(text: str) -> None:
    detail = f"**What:** {escaped(text, 300)}."

    kinds = {token.type for token in rendered(detail)}
    assert kinds <= {
        "paragraph_open", "paragraph_close", "inline", "text", "text_special", "strong_open",
        "strong_close",
    }  # fmt: skip
    assert "<" not in detail
    assert not AUTOLINK.search(detail)
    if len(text) < 200 and text.isprintable():
        assert visible(detail) == f"What: {text}."


@given(st.text(max_size=200))
def test_no_text_makes_a_link_or_a_tag(text: str) -> None:
    kinds = {token.type for token in rendered(f"**Why:** {escaped(text)} (2026-01-01)")}

    assert not kinds & {"link_open", "html_inline", "html_block", "image", "code_inline", "em_open"}


@given(st.text(max_size=300))
def test_a_summary_is_one_short_line_without_brackets(text: str) -> None:
    line = summary_line(text)

    assert len(line) < 140
    assert line == " ".join(line.split())
    assert not set("<>") & set(line)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_names_make_valid_cards_of_every_kind(text: str) -> None:
    order = draft(GLARGINE, display=text)
    sickness = Diagnosis(label=text, display=text, reference="Condition/c1")
    call = unsupported(order)
    call = replace(
        call,
        record=replace(call.record, diagnoses=(sickness,) * 9),
        findings=(finding(order, "allergy", "warning"),),
        gaps=(Gap(kind="x", where=text, meaning=text, shown=True),),
    )

    assert_valid_cards(build_cards(call).cards, "p1")


def test_long_reasons_leave_out_a_suggestion_rather_than_its_reason() -> None:
    names = [replace(METFORMIN, rxcui=str(n), label=f"{n} " + "x" * 80) for n in range(5)]
    call = suggesting(*map(score, names))
    long = Fact(text="y" * 300, reference="Condition/" + "z" * 60)
    call = replace(call, supports=dict.fromkeys(call.supports, (long,)))

    (card,) = build_cards(call).cards

    assert_valid_cards([card], "p1")
    assert 1 <= len(card["suggestions"]) < 5
    assert card["detail"].count("\n- **") + 1 >= len(card["suggestions"])


def test_a_fact_shows_its_date_and_where_it_stands() -> None:
    fact = Fact(text="Gout", reference="Condition/g", dated=date(2020, 1, 2))

    assert fact_lines([fact]) == "Gout (2020-01-02, Condition/g)"
    assert fact_lines([fact] * 6).endswith("; and 2 more")


def test_a_share_is_never_a_false_zero() -> None:
    assert (share(0.123), share(0.001)) == ("about 12 %", "fewer than 1 %")


def test_names_are_cut_where_they_are_too_long() -> None:
    assert plain("x" * 100) == "x" * 59 + "…"


def test_an_empty_choice_has_no_suggestions() -> None:
    assert build_cards(replace(suggesting(score(METFORMIN)), choice=Choice())).cards == []
