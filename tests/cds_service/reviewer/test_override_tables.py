"""Lines of tables: what stands in place of a rate that is hidden."""

from cds_service.audit.read_model.override_reading import Tally
from cds_service.reviewer.override_tables import Line, lines, reasons, total_line


def by_key(**tallies: Tally) -> dict[str, Line]:
    total = sum(tallies.values(), Tally())
    return {line.key: line for line in lines(tallies, total)}


def test_a_rate_near_the_end_keeps_its_bound() -> None:
    total = total_line(Tally(shown=400, accepted=4, overridden=196))
    assert total.response.rate is not None
    assert total.acceptance.words == "at most 5.0% (fewer than 11)"
    assert total.override.words == "at least 95.0% (all but fewer than 11)"


def test_hidden_acceptances_take_another_line_with_them() -> None:
    found = by_key(
        a=Tally(shown=100, accepted=5, overridden=45),
        b=Tally(shown=100, accepted=25, overridden=25),
        c=Tally(shown=300, accepted=100, overridden=100),
    )
    assert found["a"].override.words == "at least 80.0% (all but fewer than 11)"
    assert (found["b"].acceptance.words, found["b"].override.words) == ("hidden", "hidden")
    assert found["c"].acceptance.rate is not None


def test_what_is_below_a_hidden_number_of_cards_is_hidden() -> None:
    found = by_key(a=Tally(shown=9, overridden=9), b=Tally(shown=50), c=Tally(shown=500))
    assert found["a"].shown is None
    assert found["a"].override.words == "hidden"
    assert (found["b"].shown, found["c"].shown) == (None, 500)


def test_reasons_are_not_told_where_the_overrides_are_hidden() -> None:
    few = {"will-monitor": Tally(overridden=6)}
    assert reasons(few, Tally(shown=100, overridden=6)) == []
    told = {"will-monitor": Tally(overridden=30), "other": Tally(overridden=20)}
    assert [one.key for one in reasons(told, Tally(shown=100, overridden=50))] == list(told)


def test_a_report_that_was_counted_before_its_card_breaks_nothing() -> None:
    assert total_line(Tally(overridden=20)).response.rate is not None
