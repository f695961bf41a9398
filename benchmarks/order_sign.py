"""Time whole order-sign calls, their stages, and the same scores made LAMO's way.

    make bench            (or: python -m benchmarks.order_sign --calls 60)

Each call goes through the real web part with a SQLite audit log; every candidate of the formulary
is scored with the bundled model, nothing is cached between calls.
"""

import json
import statistics
import tempfile
from pathlib import Path

import click

from benchmarks import lamo_way
from benchmarks.calls import EXAMPLES, RememberingScorer, alone, opened, quantile
from cds_service.settings import Settings
from cds_service.tools import build_tools
from lamo.artifact import Artifact

LIMIT_MS = 1500.0  # p95 of a whole call
WANTED_RATIO = 13.0
WARM_UP = 3


@click.command()
@click.option("--calls", default=60, show_default=True, help="Hook calls to time.")
@click.option("--naive", default=3, show_default=True, help="Of them, to score LAMO's way too.")
@click.option("--threads", default=2, show_default=True, help="Of the processor.")
@click.option("--request", "path", default=EXAMPLES / "order-sign.json", type=Path)
def main(calls: int, naive: int, threads: int, path: Path) -> None:
    """Print the table."""
    body = json.loads(path.read_text())
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(
            var_dir=Path(folder), deadline_ms=60_000, prefix_cache_mib=0, model_threads=threads
        )
        remembering = RememberingScorer(build_tools(settings).scorer)
        with opened(settings, remembering) as house:
            whole = [house.post(body) for _ in range(calls + WARM_UP)][WARM_UP:]
            stages = [event["stage_ms"] for event in house.events()][WARM_UP:]
            artifact = house.tools.artifact
    theirs = [
        alone(lamo_way.milliseconds, artifact.folder, prompt, threads)
        for prompt in remembering.prompts[:naive]
    ]
    _print_table(whole, stages, theirs, artifact, threads)


def _print_table(
    whole: list[float],
    stages: list[dict[str, float]],
    theirs: list[float],
    artifact: Artifact,
    threads: int,
) -> None:
    click.echo(
        f"{len(whole)} order-sign calls, {len(artifact.vocabulary)} candidates in "
        f"{len(artifact.groups)} groups, {threads} threads, milliseconds\n"
    )
    click.echo(f"{'stage':<28}{'p50':>9}{'p95':>9}")
    for name in stages[0]:
        if name != "total":
            _row(name, [stage.get(name, 0.0) for stage in stages])
    _row("whole call (with audit)", whole)
    _row("LAMO's way: scoring", theirs)
    own = statistics.median(stage["score"] for stage in stages)
    ratio = statistics.median(theirs) / own
    click.echo(f"\nscoring is {ratio:.1f} times faster than LAMO's way (wanted: {WANTED_RATIO})")
    rest = statistics.median(whole) - own
    call_ratio = (statistics.median(theirs) + rest) / statistics.median(whole)
    click.echo(f"the whole call is {call_ratio:.1f} times faster (wanted: {WANTED_RATIO})")
    p95 = quantile(whole, 0.95)
    click.echo(f"p95 of the whole call is {p95:.0f} ms (limit: {LIMIT_MS:.0f})")


def _row(name: str, values: list[float]) -> None:
    click.echo(f"{name:<28}{quantile(values, 0.5):>9.1f}{quantile(values, 0.95):>9.1f}")


if __name__ == "__main__":
    main()
