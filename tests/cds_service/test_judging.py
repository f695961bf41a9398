"""What scores lead to, with what the service was started with."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from cds_service.artifacts.models import Models
from cds_service.audit.migrate import upgrade
from cds_service.judging import choose_for
from cds_service.settings import Settings
from cds_service.tools import Tools, load, open_tools
from lamo.artifact import bundled_artifact_folder, load_artifact
from lamo.policies import Policy
from tests.fakes import FakeScorer
from tests.lamo.records import patient


@contextmanager
def tools_with(policy: Policy, folder: Path) -> Iterator[Tools]:
    """The service's tools over the bundled model, had it been trained with this policy."""
    settings = Settings(var_dir=folder)
    upgrade(settings.database_url)
    served = replace(load_artifact(bundled_artifact_folder()), selection=policy)
    tools = open_tools(settings, load(settings, Models(served=served)), FakeScorer())
    yield tools
    tools.audit_log.close()


def test_a_policy_that_gives_pairs_a_cost_is_given_the_pairs(tmp_path: Path) -> None:
    for cost, wanted in ((0.0, {"Atorvastatin", "Simvastatin"}), (50.0, {"Atorvastatin"})):
        with tools_with(Policy(name="greedy", duplicate_cost=cost), tmp_path) as tools:
            scores = {entry.label: -20.0 for entry in tools.artifact.vocabulary}
            high = scores | {"Atorvastatin": 20.0, "Simvastatin": 19.0}
            choice = choose_for(patient(), high, tools)
        assert {one.ingredient.label for one in choice.proposed} == wanted
