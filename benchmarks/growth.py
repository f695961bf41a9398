"""How the time of one scoring grows, plotted: with the prefix, candidates, groups and callers.

    python -m benchmarks.growth --out docs/performance

The decoder of the bundled model, its adapters repeated or left out for other numbers of groups, and
random tokens. "Exact" reads the prefix once per group, "activated" once for all groups (the same
weights used that way: the time is right, the scores would be another model's), "kept" has read it
before.
"""

import json
import threading
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import click
import matplotlib
import torch

from benchmarks.calls import alone
from benchmarks.one_scoring import Case, Scoring, milliseconds
from lamo.artifact import bundled_artifact_folder, load_artifact
from lamo.deadline import Deadline
from lamo.scoring.engine.decoder import Decoder
from lamo.scoring.engine.weights import Layer, Linear, Lora, Source, Weights, load_weights
from lamo.scoring.turns import Turns

PREFIXES = (100, 200, 400, 800, 1600)
CANDIDATES = (10, 50, 100, 200, 400)
GROUPS = (1, 2, 4, 8, 16)
CALLERS = (1, 2, 4, 8, 16)
DESIGNS = ("exact", "activated", "kept")

Sweep = dict[str, Sequence[float]]  # design -> milliseconds, and "at": where


@click.command()
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), required=True)
@click.option("--rounds", default=7, show_default=True)
@click.option("--threads", default=2, show_default=True)
def main(out: Path, rounds: int, threads: int) -> None:
    """Measure, print, and write growth.json and growth.svg."""
    torch.set_num_threads(threads)
    weights = _bundled_weights()
    sweeps = {
        "prefix tokens": [Case(prefix=value) for value in PREFIXES],
        "candidates": [Case(candidates=value) for value in CANDIDATES],
        "groups": [Case(groups=value) for value in GROUPS],
        "tokens of a suffix": [Case(suffix=value) for value in (1, 2, 4, 8, 12)],
    }
    axes = {
        "prefix tokens": PREFIXES,
        "candidates": CANDIDATES,
        "groups": GROUPS,
        "tokens of a suffix": (1, 2, 4, 8, 12),
    }
    found: dict[str, Sweep] = {
        name: {
            design: [_median(weights, case, design, rounds) for case in cases] for design in DESIGNS
        }
        for name, cases in sweeps.items()
    }
    callers = {"exact": alone(_of_callers, threads, rounds)}
    found = {name: {"at": axes[name], **found[name]} for name in found}
    found["callers"] = {"at": CALLERS, **callers}
    out.mkdir(parents=True, exist_ok=True)
    body = {"threads": threads, "milliseconds": found}
    (out / "growth.json").write_text(json.dumps(body, indent=1) + "\n")
    _plot(found, out / "growth.svg")
    _print(found)


def _bundled_weights() -> Weights:
    artifact = load_artifact(bundled_artifact_folder())
    answers = (artifact.answer_token_ids["Yes"], artifact.answer_token_ids["No"])
    adapters = [artifact.folder / group.adapter for group in artifact.groups]
    return load_weights(Source(artifact.base_model_folder, adapters, answers))


def _with_groups(weights: Weights, count: int) -> Decoder:
    """The same decoder with so many groups of adapters."""

    def repeated(linear: Linear) -> Linear:
        if linear.lora is None:
            return linear
        place = torch.arange(count) % len(linear.lora.a)
        return Linear(linear.weight, linear.bias, Lora(linear.lora.a[place], linear.lora.b[place]))

    layers = tuple(
        Layer(
            linear={name: repeated(linear) for name, linear in layer.linear.items()},
            input_norm=layer.input_norm,
            post_attention_norm=layer.post_attention_norm,
        )
        for layer in weights.layers
    )
    return Decoder(replace(weights, layers=layers))


@torch.inference_mode()
def _median(weights: Weights, case: Case, design: str, rounds: int) -> float:
    scoring = Scoring(_with_groups(weights, case.groups), case)
    kept = scoring.read("exact")
    if design == "kept":
        return round(milliseconds(lambda: scoring.answer("exact", kept), rounds), 2)
    return round(milliseconds(lambda: scoring.answer(design, scoring.read(design)), rounds), 2)


def _of_callers(threads: int, rounds: int) -> list[float]:
    """Milliseconds until the last of so many callers has its answer, for each of CALLERS."""
    turns = Turns(most_waiting=max(CALLERS), threads=threads)
    scoring = turns.take(
        lambda: Scoring(Decoder(_bundled_weights()), Case()), Deadline.after_ms(60_000)
    )

    @torch.inference_mode()
    def work() -> None:
        scoring.answer("exact", scoring.read("exact"))

    def at_once(callers: int) -> None:
        call = partial(turns.take, work, Deadline.after_ms(60_000))
        waiting = [threading.Thread(target=call) for _ in range(callers)]
        for thread in waiting:
            thread.start()
        for thread in waiting:
            thread.join()

    few = max(3, rounds // 2)
    return [round(milliseconds(partial(at_once, callers), few), 2) for callers in CALLERS]


def _plot(sweeps: dict[str, Sweep], path: Path) -> None:
    matplotlib.use("svg")
    from matplotlib import pyplot

    matplotlib.rcParams["svg.hashsalt"] = "growth"
    figure, places = pyplot.subplots(1, len(sweeps), figsize=(16, 3.2), layout="constrained")
    for place, (name, sweep) in zip(places, sweeps.items(), strict=True):
        for design in sweep:
            if design != "at":
                place.plot(sweep["at"], sweep[design], marker="o", label=design)
        place.set_xlabel(name)
        place.set_ylim(bottom=0)
        place.legend(frameon=False)
    places[0].set_ylabel("milliseconds")
    figure.savefig(path, metadata={"Date": None})


def _print(sweeps: dict[str, Sweep]) -> None:
    for name, sweep in sweeps.items():
        click.echo(f"\n{name:<20}" + "".join(f"{value:>9}" for value in sweep["at"]))
        for design in sweep:
            if design != "at":
                click.echo(f"{design:<20}" + "".join(f"{value:>9.1f}" for value in sweep[design]))


if __name__ == "__main__":
    main()
