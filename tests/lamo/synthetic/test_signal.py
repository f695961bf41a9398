import pytest
from click.testing import CliRunner

from lamo.synthetic.generator import synthesize
from lamo.synthetic.signal import Worth, known_visits, main, worth_of_each
from tests.lamo.synthetic.cohort import SEED

VISITS = list(known_visits(60, SEED))


@pytest.fixture(scope="module")
def worths() -> dict[str, Worth]:
    return {worth.hidden: worth for worth in worth_of_each(VISITS, SEED)[2]}


def test_the_known_visits_are_the_visits() -> None:
    assert [known.visit for known in VISITS] == list(synthesize(60, SEED))


def test_every_source_is_worth_no_less_than_chance(worths: dict[str, Worth]) -> None:
    assert all(worth.loss > -worth.margin for worth in worths.values())


def test_home_medications_and_the_choice_within_a_class_carry_much(
    worths: dict[str, Worth],
) -> None:
    assert worths["home medications"].share > 0.3
    assert worths["choice within a class"].share > 0.1
    assert worths["what only the note says"].loss > 0
    assert worths["all of these"].loss > worths["choice within a class"].loss


def test_the_command_prints_a_row_for_each_source() -> None:
    result = CliRunner().invoke(main, ["--patients", "3", "--seed", "1"])
    assert result.exit_code == 0
    assert result.output.startswith("3 patients of seed 1, ")
    assert result.output.count("\n| ") == 10
