"""The same lines, made by the machines of a Ray cluster with Ray Data (extra dependency `ray`)."""

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import islice
from typing import Any

import ray
from ray.data import ActorPoolStrategy, DataContext

from cds_service.population.assess import Line
from cds_service.population.run import Chart, Runner, line_of
from cds_service.settings import Settings
from cds_service.tools import build_tools

CHARTS_AT_ONCE = 2_000  # in memory here; what a kill may cost is at most so many patients' work
CHARTS_A_BATCH = 16


def on_ray(address: str, settings: Settings, actors: int) -> Runner:
    """On a cluster: "auto" for the one of this machine, "local" for a new one, or ray://HOST:PORT.

    Every actor loads the artifact of the settings, so its folder has to be there on each machine.
    """
    ray.init(address=address, ignore_reinit_error=True, log_to_driver=False)
    DataContext.get_current().execution_options.preserve_order = True
    DataContext.get_current().enable_progress_bars = False

    def run(charts: Iterable[Chart], decided_at: datetime) -> Iterator[Line]:
        remaining = iter(charts)
        while some := [_packed(chart) for chart in islice(remaining, CHARTS_AT_ONCE)]:
            lines = ray.data.from_items(some).map_batches(
                _Scorer,
                fn_constructor_args=(settings.model_dump(), decided_at.isoformat()),
                batch_size=CHARTS_A_BATCH,
                compute=ActorPoolStrategy(size=actors),
            )
            for row in lines.iter_rows():
                yield json.loads(row["line"])

    return run


class _Scorer:
    """One actor: model and tables, loaded once."""

    def __init__(self, settings: Mapping[str, Any], decided_at: str) -> None:
        self._tools = build_tools(Settings(**settings))
        self._decided_at = datetime.fromisoformat(decided_at)

    def __call__(self, batch: Mapping[str, Any]) -> dict[str, list[str]]:
        charts = [
            Chart(str(patient), json.loads(resources))
            for patient, resources in zip(batch["patient"], batch["resources"], strict=True)
        ]
        lines = [line_of(chart, self._decided_at, self._tools) for chart in charts]
        return {"line": [json.dumps(line) for line in lines]}


def _packed(chart: Chart) -> dict[str, str]:
    return {"patient": chart.patient, "resources": json.dumps(chart.resources)}
