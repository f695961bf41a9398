"""The plots of a report, drawn from its JSON: reliability, ratio per medication, Jaccard."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from lamo.training.evaluation.wording import MEDICATION_TARGET

Body = Mapping[str, Any]
INK, PALE, WARM = "#1f4e79", "#9db8d2", "#c0504d"
COLOURS = {"model": INK, "baseline": PALE, "limit": WARM}


def draw_plots(body: Body, folder: Path, name: str) -> dict[str, str]:
    """Write the PNG files; returns file name by caption."""
    drawn: dict[str, tuple[str, Callable[[Axes, Body], None], tuple[float, float]]] = {
        "Reliability of the probabilities": ("reliability", _reliability, (5, 5)),
        "Recommended / prescribed, per medication": ("ratios", _ratios, (8, 4)),
        "Jaccard of every system, with 95 % intervals": (
            "jaccard",
            _jaccard,
            (9, 1 + 0.28 * len(body["systems"])),
        ),
    }
    files = {}
    for caption, (stem, draw, size) in drawn.items():
        figure = Figure(figsize=size, layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        axes.set_title(caption, fontsize=10)
        draw(axes, body)
        files[caption] = f"{name}-{stem}.png"
        # no software version in the file: the same numbers give the same bytes
        figure.savefig(folder / files[caption], dpi=110, metadata={"Software": None})
    return files


def _reliability(axes: Axes, body: Body) -> None:
    axes.plot([0, 1], [0, 1], color="#888888", linewidth=1, linestyle="--")
    for stage, colour in (("before", PALE), ("after", INK)):
        rows = body["calibration"][stage]["reliability"]
        axes.plot(
            [row["probability"] for row in rows],
            [row["prescribed"] for row in rows],
            marker="o",
            markersize=4,
            color=colour,
            label=f"{stage} calibration",
        )
    axes.set_xlabel("probability given")
    axes.set_ylabel("share prescribed")
    axes.legend(frameon=False)


def _ratios(axes: Axes, body: Body) -> None:
    rows = [row for row in body["medications"] if row["ratio"] is not None]
    rows.sort(key=lambda row: -row["prescribed"])
    axes.axhspan(*MEDICATION_TARGET, color="#e8eef5")
    axes.axhline(1, color="#888888", linewidth=1)
    axes.scatter(range(len(rows)), [row["ratio"] for row in rows], s=12, color=INK)
    axes.set_xlabel("medications, the most prescribed first")
    axes.set_ylabel("recommended / prescribed")


def _jaccard(axes: Axes, body: Body) -> None:
    names = list(body["systems"])[::-1]
    for place, name in enumerate(names):
        part = body["systems"][name]
        interval = part["intervals"]["jaccard"]
        axes.plot([interval["low"], interval["high"]], [place, place], color=COLOURS[part["role"]])
        axes.plot(
            interval["value"],
            place,
            marker="D" if name == body["headline"] else "o",
            markersize=6,
            color=COLOURS[part["role"]],
        )
    axes.set_yticks(range(len(names)), names, fontsize=8)
    axes.set_xlim(0, 1)
    axes.set_xlabel("Jaccard, mean over visits")
