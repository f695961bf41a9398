"""Scoring on a processor, beside LAMO's way and beside the machine's own limit.

    python -m benchmarks.scoring --compact FOLDER

An order-sign call of a chart of 800 tokens, every candidate scored: cold, with the prefix kept from
an earlier call, and an order-select of one draft behind the kept prefix. Remembered scores are
switched off, or the second call would score nothing. FOLDER is an artifact with the compact prompt
and activated adapters (`lamo-cds train all --config demo-compact`).

The limit is the time of the bare matrix products: every product that the scoring makes is made
again by itself, with the same shapes, in the same run.
"""

import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from benchmarks import lamo_way
from benchmarks.calls import (
    House,
    RememberingScorer,
    alone,
    example,
    opened,
    renamed,
    with_long_chart,
    words_for,
)
from cds_service.settings import Settings
from cds_service.tools import build_tools
from lamo.artifact import load_artifact
from lamo.deadline import Deadline
from lamo.prompts import Prompt
from lamo.scoring.grouped import GroupedEngine
from lamo.scoring.local import LocalScorer
from lamo.scoring.plan import LocalPlan
from lamo.scoring.tokens import CandidateTokens

TOKENS = 800
LATER_MS = 60_000
WANTED_SHARE = 0.5
LIMITS_MS = {
    "order-sign, cold": 300.0,
    "order-sign, prefix kept": 150.0,
    "order-select, kept": 40.0,
}
ROUNDS = 9
CAUSAL = 5  # place of is_causal among the arguments of scaled_dot_product_attention
HOOKS = ("order-sign", "order-sign", "order-select")


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What was measured of one artifact, in milliseconds."""

    name: str
    tokens: int
    threads: int
    whole: Mapping[str, list[float]]  # whole calls, by the names of LIMITS_MS
    scoring: Mapping[str, float]  # medians of the scoring stage alone, by the same names
    theirs: float  # LAMO's way, scoring alone
    products: Mapping[str, tuple[float, float]]  # milliseconds and GFLOP of the bare products


@click.command()
@click.option("--compact", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--calls", default=20, show_default=True, help="Patients, each called three times.")
@click.option("--threads", default=2, show_default=True, help="Of the processor.")
def main(compact: Path | None, calls: int, threads: int) -> None:
    """Print the tables."""
    for folder in (None, compact) if compact else (None,):
        _print(_measure(folder, calls, threads))


def _measure(artifact: Path | None, calls: int, threads: int) -> Measured:
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(
            var_dir=Path(folder),
            artifact=artifact,
            deadline_ms=LATER_MS,
            prompt_tokens=4000,
            model_threads=threads,
        )
        local = build_tools(settings).scorer
        remembering = RememberingScorer(local)
        with opened(settings, remembering) as house:
            engine = _engine(local)
            words = words_for(house, remembering, TOKENS)
            before = len(house.events())
            engine.prefixes.clear()
            engine.remembers_scores = False
            whole = _calls(house, words, calls)
            stages = [event["stage_ms"]["score"] for event in house.events()[before:]]
            prompt, tokens = remembering.prompts[-1], remembering.tokens_of_last(house.tools)
            loaded = house.tools.artifact
    products = {
        name: alone(_products, loaded.folder, prompt, kept, threads)
        for name, kept in (("order-sign, cold", False), ("order-sign, prefix kept", True))
    }
    theirs = alone(lamo_way.milliseconds, loaded.folder, prompt, threads)
    names = list(LIMITS_MS)
    scoring = {names[i]: statistics.median(stages[i::3]) for i in range(3)}
    return Measured(
        name=loaded.name,
        tokens=tokens,
        threads=threads,
        whole=whole,
        scoring=scoring,
        theirs=theirs,
        products=products,
    )


def _engine(scorer: Any) -> GroupedEngine:
    if isinstance(scorer, LocalScorer) and isinstance(scorer.engine, GroupedEngine):
        return scorer.engine
    raise SystemExit("the artifact is not one that our own engine computes")


def _calls(house: House, words: int, calls: int) -> dict[str, list[float]]:
    """Three calls of each patient; the first patient warms up and is not counted."""
    spent: dict[str, list[float]] = {name: [] for name in LIMITS_MS}
    for number in range(calls + 1):
        chart = with_long_chart(
            renamed(example(), "order-sign", f"patient-{number}"), words, number
        )
        for name, hook in zip(LIMITS_MS, ("order-sign", "order-sign", "order-select"), strict=True):
            spent[name].append(house.post(renamed(chart, hook, f"patient-{number}")))
    return {name: times[1:] for name, times in spent.items()}


def _products(folder: Path, prompt: Prompt, kept: bool, threads: int) -> tuple[float, float]:
    """Milliseconds and GFLOP of the bare products of one scoring."""
    torch.set_num_threads(threads)
    artifact = load_artifact(folder)
    tokens = CandidateTokens(artifact)
    engine = GroupedEngine(artifact, tokens, LocalPlan())
    engine.remembers_scores = False
    labels = [entry.label for entry in artifact.vocabulary]
    prefix = tokens.encode(prompt.text)
    if kept:
        engine.score(prefix, labels, Deadline.after_ms(LATER_MS))
    with Shapes() as shapes:
        engine.score(prefix, labels, Deadline.after_ms(LATER_MS))
    with torch.inference_mode():
        spent = [_time_all(shapes.products) for _ in range(ROUNDS)]
    return statistics.median(spent), shapes.flop / 1e9


class Shapes(TorchDispatchMode):
    """Sees every matrix product that is made, and keeps its two factors."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.products: list[tuple[Tensor, Tensor]] = []

    @property
    def flop(self) -> float:
        """Multiplications and additions of all products."""
        return sum(2.0 * left.numel() * right.shape[-1] for left, right in self.products)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__
        if name == "linear":
            self.products.append((args[0], args[1].t()))
        elif name in ("matmul", "mm", "bmm"):
            self.products.append((args[0], args[1]))
        elif "scaled_dot_product" in name:
            is_causal = len(args) > CAUSAL and bool(args[CAUSAL])
            self.products += _attention(args[0], args[1], args[2], is_causal)
        return func(*args, **(kwargs or {}))


def _attention(
    query: Tensor, key: Tensor, value: Tensor, is_causal: bool
) -> Iterator[tuple[Tensor, Tensor]]:
    """Attention as its two products; causal, a token sees half of the keys on average."""
    seen = key.shape[-2] // 2 if is_causal else key.shape[-2]
    yield query, key[..., :seen, :].transpose(-1, -2)
    yield torch.ones(*query.shape[:-1], seen), value[..., :seen, :]


def _time_all(products: list[tuple[Tensor, Tensor]]) -> float:
    started = time.perf_counter()
    for left, right in products:
        torch.matmul(left, right)
    return (time.perf_counter() - started) * 1000


def _print(found: Measured) -> None:
    click.echo(f"\n{found.name}, chart of {found.tokens} tokens, {found.threads} threads")
    click.echo(f"{'whole call, ms':<28}{'p50':>8}{'p95':>8}{'limit':>8}")
    for name, times in found.whole.items():
        p95 = sorted(times)[round(0.95 * (len(times) - 1))]
        click.echo(f"{name:<28}{statistics.median(times):>8.1f}{p95:>8.1f}{LIMITS_MS[name]:>8.0f}")
    click.echo(f"\n{'scoring alone, ms':<28}{'p50':>8}{'times faster':>14}")
    click.echo(f"{'a prompt per candidate':<28}{found.theirs:>8.0f}")
    for name in list(LIMITS_MS)[:2]:
        ratio = found.theirs / found.scoring[name]
        click.echo(f"{name:<28}{found.scoring[name]:>8.1f}{ratio:>14.0f}")
    click.echo(
        f"\n{'bare matrix products':<28}{'ms':>8}{'GFLOP':>8}{'GFLOP/s':>9}{'ours':>9}{'share':>8}"
    )
    for name, (milliseconds, gflop) in found.products.items():
        limit, ours = gflop / milliseconds * 1000, gflop / found.scoring[name] * 1000
        click.echo(
            f"{name:<28}{milliseconds:>8.1f}{gflop:>8.2f}{limit:>9.0f}{ours:>9.0f}"
            f"{ours / limit:>8.0%}  (wanted: {WANTED_SHARE:.0%})"
        )


if __name__ == "__main__":
    main()
