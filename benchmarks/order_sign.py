"""Time whole order-sign calls, their stages, and the same scores made LAMO's way.

    make bench            (or: python -m benchmarks.order_sign --calls 60)

Each call goes through the real web part with a SQLite audit log; every candidate of the formulary
is scored with the bundled model, nothing is cached between calls. LAMO's way is one full prompt
per candidate through transformers and peft, with the logits of the last position only; starting an
engine for every medication, as its own code does, is not counted. A generous baseline.
"""

import json
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import click
import torch
from flask.testing import FlaskClient
from sqlalchemy import create_engine, text

from cds_service.app import create_app
from cds_service.audit.migrate import upgrade
from cds_service.decision import decide
from cds_service.doors import Doors
from cds_service.settings import Settings
from cds_service.tools import Tools, build_tools
from lamo.deadline import Deadline
from lamo.prompts import Prompt, candidate_suffix
from lamo.scoring.base import Scorer
from lamo.scoring.stock import load_model

EXAMPLES = Path(__file__).parents[1] / "examples"
LIMIT_MS = 1500.0  # p95 of a whole call
WANTED_RATIO = 13.0


@dataclass
class RememberingScorer:
    """The scorer of the service, remembering the prompts that it was given."""

    scorer: Scorer
    prompts: list[Prompt] = field(default_factory=list)

    def score(
        self, prompt: Prompt, candidates: Sequence[str], deadline: Deadline
    ) -> Mapping[str, float]:
        """Score, and keep the prompt."""
        self.prompts.append(prompt)
        return self.scorer.score(prompt, candidates, deadline)


@click.command()
@click.option("--calls", default=60, show_default=True, help="Hook calls to time.")
@click.option("--naive", default=3, show_default=True, help="Of them, to score LAMO's way too.")
@click.option("--request", "path", default=EXAMPLES / "order-sign.json", type=Path)
def main(calls: int, naive: int, path: Path) -> None:
    """Print the table."""
    body = json.loads(path.read_text())
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(var_dir=Path(folder), deadline_ms=60_000, prefix_cache_mib=0)
        upgrade(settings.database_url)
        tools = build_tools(settings)
        remembering = RememberingScorer(tools.scorer)
        tools = build_tools(settings, scorer=remembering)
        client = _client(settings, tools)
        whole = [_post(client, body) for _ in range(calls + 3)][3:]
        stages = _stages(settings)[3:]
        own = [stage["score"] for stage in stages]
        theirs = [_one_by_one(tools, prompt) for prompt in remembering.prompts[:naive]]
    _print_table(whole, stages, own, theirs, tools)


def _client(settings: Settings, tools: Tools) -> FlaskClient:
    doors = Doors(
        settings=settings,
        recorder=tools.audit_log,
        decide=partial(decide, tools=tools),
        is_demonstration=tools.artifact.is_demonstration,
    )
    return create_app(doors).test_client()


def _post(client: FlaskClient, body: Mapping[str, Any]) -> float:
    started = time.perf_counter()
    answer = client.post("/cds-services/lamo-order-sign", json=body)
    if answer.status_code != 200:
        raise SystemExit(f"the service answered {answer.status_code}: {answer.get_data()!r}")
    return (time.perf_counter() - started) * 1000


def _stages(settings: Settings) -> list[dict[str, float]]:
    """Milliseconds by stage of each call, as its audit row tells."""
    with create_engine(settings.database_url).connect() as connection:
        rows = connection.execute(text("SELECT body FROM event ORDER BY event_id")).scalars()
        return [json.loads(row)["stage_ms"] for row in rows]


def _one_by_one(tools: Tools, prompt: Prompt) -> float:
    """One full prompt per candidate, as LAMO asks."""
    artifact = tools.artifact
    model = load_model(artifact)
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(str(artifact.base_model_folder))
    started = time.perf_counter()
    with torch.inference_mode():
        for entry in artifact.vocabulary:
            model.set_adapter(entry.group)
            ids = tokenizer(
                prompt.text + candidate_suffix(entry.label, artifact.layout), return_tensors="pt"
            )
            model(input_ids=ids["input_ids"], logits_to_keep=1)
    return (time.perf_counter() - started) * 1000


def _print_table(
    whole: list[float],
    stages: list[dict[str, float]],
    own: list[float],
    theirs: list[float],
    tools: Tools,
) -> None:
    click.echo(
        f"{len(whole)} order-sign calls, {len(tools.artifact.vocabulary)} candidates in "
        f"{len(tools.artifact.groups)} groups, {torch.get_num_threads()} threads, milliseconds\n"
    )
    click.echo(f"{'stage':<28}{'p50':>9}{'p95':>9}")
    for name in stages[0]:
        if name != "total":
            _row(name, [stage.get(name, 0.0) for stage in stages])
    _row("whole call (with audit)", whole)
    _row("LAMO's way: scoring", theirs)
    ratio = statistics.median(theirs) / statistics.median(own)
    click.echo(f"\nscoring is {ratio:.1f} times faster than LAMO's way (wanted: {WANTED_RATIO})")
    rest = statistics.median(whole) - statistics.median(own)
    call_ratio = (statistics.median(theirs) + rest) / statistics.median(whole)
    click.echo(f"the whole call is {call_ratio:.1f} times faster (wanted: {WANTED_RATIO})")
    p95 = _quantile(whole, 0.95)
    click.echo(f"p95 of the whole call is {p95:.0f} ms (limit: {LIMIT_MS:.0f})")


def _row(name: str, values: list[float]) -> None:
    click.echo(f"{name:<28}{_quantile(values, 0.5):>9.1f}{_quantile(values, 0.95):>9.1f}")


def _quantile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, round(share * (len(ordered) - 1)))]


if __name__ == "__main__":
    main()
