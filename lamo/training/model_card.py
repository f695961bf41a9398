"""The model card: the 31 source attributes of a predictive decision support, made by an evaluation.

No number in it is typed. What only an author can say stands in a data file, what was measured comes
from a report's JSON, and what was not measured says so. A card with a gap in the author's part is
refused: it would look complete.
"""

import json
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from lamo.model_card import FILE, NOT_MEASURED, source_attributes
from lamo.training.evaluation.subgroups import widest_gaps
from lamo.training.evaluation.wording import interval_text

Body = Mapping[str, Any]
DEMO_TEXTS = "model_card_demo.json"
LIVE = "not measured: it comes from the audit log of the deploying site"


class ModelCardIncomplete(ValueError):  # noqa: N818 - a situation, named as such
    """An attribute that an author has to state is missing; the message says which."""


def demo_texts() -> dict[str, Any]:
    """The author's texts of the demonstration model."""
    texts: dict[str, Any] = _read(DEMO_TEXTS)
    return texts


def model_card(
    texts: Mapping[str, Any], report: Body, external: Body | None = None
) -> dict[str, Any]:
    """All 31 attributes, each with its value, who gives it and whether it was measured.

    Args:
        texts: title, notice and the author's texts by number, as `demo_texts` holds them.
        report: JSON of the evaluation on test data of the training data's source.
        external: JSON of an evaluation on data from elsewhere, if there is one.

    Raises:
        ModelCardIncomplete: an author's text is missing, or one is given for a measured attribute.
    """
    attributes = source_attributes()
    _refuse_gaps(attributes, texts["texts"])
    measured = _measured(report, external)
    return {
        "title": texts["title"],
        "notice": texts["notice"],
        "attributes": [_filled(row, texts["texts"], measured) for row in attributes],
        "made_by": {
            "command": report.get("command"),
            "seed": report.get("seed"),
            "split": report.get("split"),
            "external": external.get("split") if external else None,
        },
    }


def write_model_card(card: Mapping[str, Any], folder: Path) -> Path:
    """Write it as JSON and as Markdown to a folder, which is made; returns the JSON."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / FILE
    path.write_text(json.dumps(card, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    path.with_suffix(".md").write_text(card_markdown(card), encoding="utf-8")
    return path


def card_markdown(card: Mapping[str, Any]) -> str:
    """The card as Markdown, one heading per section."""
    lines = [f"# Model card: {card['title']}", "", card["notice"], ""]
    lines += [f"Measured by `{card['made_by']['command']}`, seed {card['made_by']['seed']}."]
    section = ""
    for row in card["attributes"]:
        if row["section"] != section:
            section = row["section"]
            lines += ["", f"## {section}", ""]
        lines.append(f"{row['number']}. **{row['attribute']}.** {row['value']}")
    return "\n".join(lines) + "\n"


def _filled(
    row: Mapping[str, Any], texts: Mapping[str, str], measured: Mapping[int, str]
) -> dict[str, Any]:
    if row["by"] == "live log and site":
        return {**row, "value": LIVE, "status": NOT_MEASURED}
    if row["by"] == "evaluation":
        value = measured.get(row["number"])
        status = "measured" if value else NOT_MEASURED
        return {**row, "value": value or NOT_MEASURED, "status": status}
    return {**row, "value": texts[str(row["number"])].strip(), "status": "stated"}


def _refuse_gaps(attributes: Sequence[Body], texts: Mapping[str, str]) -> None:
    by_author = {str(row["number"]) for row in attributes if row["by"].startswith("author")}
    missing = sorted((n for n in by_author if not texts.get(n, "").strip()), key=int)
    if missing:
        raise ModelCardIncomplete(
            f"the author's texts lack attributes {', '.join(missing)}: "
            "write them; every release of a model has to state them"
        )
    if typed := sorted(set(texts) - by_author):
        raise ModelCardIncomplete(
            f"the author's texts hold attributes {', '.join(typed)}, which are measured: "
            "remove them; an evaluation fills them in"
        )


def _measured(report: Body, external: Body | None) -> dict[int, str]:
    """Text by attribute number; an attribute that nothing was measured for is left out."""
    found = {
        13: _population(report, "train"),
        17: external["split"] if external else "",
        19: _population(external, "test"),
        21: _validity(report),
        22: _fairness(report),
        23: _validity(external),
        24: _fairness(external),
    }
    return {number: text for number, text in found.items() if text}


def _population(report: Body | None, split: str) -> str:
    shares = ((report or {}).get("population") or {}).get(split)
    if not report or not shares:
        return ""
    counts = report["counts"]
    groups = "; ".join(
        f"{attribute}: {', '.join(f'{group} {share:.1%}' for group, share in members.items())}"
        for attribute, members in shares.items()
    )
    return f"{counts[f'{split}_visits']} visits of {counts[f'{split}_patients']} patients. {groups}"


def _validity(report: Body | None) -> str:
    if not report or "systems" not in report:
        return ""
    part, after = report["systems"][report["headline"]], report["calibration"]["after"]
    ratios = part["overprescription_intervals"]
    by_medication = ""
    if "medication_p10" in ratios:
        low, high = (ratios[name]["value"] for name in ("medication_p10", "medication_p90"))
        by_medication = f" (per medication {low:.2f} at p10, {high:.2f} at p90)"
    scores = ", ".join(
        f"{word} {interval_text(part['intervals'][key])}"
        for key, word in (
            ("jaccard", "Jaccard"),
            ("f1", "F1"),
            ("precision", "precision"),
            ("recall", "recall"),
        )
    )
    return (
        f"{report['split']}, {report['counts']['test_visits']} visits of "
        f"{report['counts']['test_patients']} patients: {scores}; recommended / prescribed "
        f"{interval_text(ratios['ratio_micro'])}{by_medication}; calibration error "
        f"{after['ece']:.4f}, Brier {after['brier']:.4f}. Intervals are 95 %, over patients."
    )


def _fairness(report: Body | None) -> str:
    rows = (report or {}).get("subgroups")
    if not rows:
        return ""
    by_group = {(row["attribute"], row["group"]): row["jaccard"] for row in rows}
    gaps = "; ".join(
        f"{attribute}: {gap['lowest']} {interval_text(by_group[attribute, gap['lowest']])}, "
        f"{gap['highest']} {interval_text(by_group[attribute, gap['highest']])}"
        for attribute, gap in widest_gaps(rows).items()
    )
    return f"Jaccard of the lowest and the highest group by {gaps}." if gaps else ""


def _read(name: str) -> Any:
    return json.loads((files("lamo.training") / "data" / name).read_text(encoding="utf-8"))
