"""What a process does before it takes calls."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cds_service.audit.migrate import upgrade
from cds_service.serve import warm_up
from cds_service.settings import Settings
from cds_service.tools import Tools, build_tools
from lamo.scoring.base import ScorerUnavailable
from tests.fakes import FakeScorer


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[..., Tools]]:
    """Opens what a process works with, in front of a model that is down."""
    built: list[Tools] = []

    def open_tools(scorer_url: str | None) -> Tools:
        settings = Settings(var_dir=tmp_path, scorer_url=scorer_url)
        upgrade(settings.database_url)
        built.append(build_tools(settings, scorer=FakeScorer(outage="it is down")))
        return built[-1]

    yield open_tools
    for tools in built:
        tools.audit_log.close()


def test_a_model_of_its_own_that_does_not_score_stops_a_process(
    opened: Callable[..., Tools],
) -> None:
    with pytest.raises(ScorerUnavailable, match="it is down"):
        warm_up(opened(scorer_url=None))


def test_a_scoring_server_that_is_down_stops_none(opened: Callable[..., Tools]) -> None:
    warm_up(opened(scorer_url="http://127.0.0.1:9"))
