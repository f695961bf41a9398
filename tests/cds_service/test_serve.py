"""What a process does before it takes calls."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cds_service.audit.administering import check_keys
from cds_service.audit.database import AuditFailure
from cds_service.audit.migrate import upgrade
from cds_service.keys.building import keys_at_hand
from cds_service.keys.file_keys import FileKeys
from cds_service.keys.ring import new_ring
from cds_service.keys.service import KeysRefused
from cds_service.serve import warm_up
from cds_service.settings import Settings
from cds_service.tools import Tools, build_tools
from lamo.scoring.base import ScorerUnavailable
from tests.cds_service.audit.test_entries import decision
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


def test_keys_that_went_missing_or_are_others_stop_the_service(
    opened: Callable[..., Tools], tmp_path: Path
) -> None:
    tools = opened(scorer_url="http://127.0.0.1:9")
    tools.audit_log.append_decision(decision())
    check_keys(tools.settings.database_url, keys_at_hand(tools.settings))

    with pytest.raises(AuditFailure) as refusal:
        check_keys(tools.settings.database_url, FileKeys(new_ring()))
    assert "not among those at hand" in refusal.value.reason
    (tmp_path / "keys.json").unlink()
    with pytest.raises(KeysRefused, match="holds 1 patients that were encrypted"):
        keys_at_hand(tools.settings)
