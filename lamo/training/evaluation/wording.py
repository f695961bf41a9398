"""What a report says in sentences, made from its numbers, whoever wins."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Body = Mapping[str, Any]
MICRO_TARGET, MEDICATION_TARGET = (0.95, 1.05), (0.7, 1.3)
FEW_PATIENTS = 200  # up to so many, a report says that they prove nothing


def sentences(body: Body) -> list[str]:
    """The findings of a report, the headline first."""
    return [
        _headline(body),
        *_limit(body),
        _best_baseline(body),
        *(_against_group(body, sees) for sees in ("codes", "codes and notes")),
        *_rivals(body),
        _best_rule(body),
        _ratio(body),
        *_calibration(body),
        *_signal(body),
        *_held_out(body),
        *_few(body),
    ]


def best_baseline(body: Body) -> str:
    """The name of the baseline with the highest Jaccard, the model's own original rule aside."""
    systems: Mapping[str, Any] = body["systems"]
    names = [name for name, part in systems.items() if part["role"] == "baseline"]
    return max(names, key=lambda name: systems[name]["jaccard"])


def interval_text(interval: Mapping[str, float | None]) -> str:
    """A value with its interval: 0.459 (0.450 to 0.468)."""
    if interval["low"] is None or interval["high"] is None:
        return "no value" if interval["value"] is None else f"{interval['value']:.3f}"
    return f"{interval['value']:.3f} ({interval['low']:.3f} to {interval['high']:.3f})"


def verdict(difference: Mapping[str, float]) -> str:
    """Who is better, by a paired interval of the model minus the other."""
    if difference["low"] > 0:
        return "the model is better"
    if difference["high"] < 0:
        return "the model is worse"
    return "no difference is shown"


def _headline(body: Body) -> str:
    part, counts = body["systems"][body["headline"]], body["counts"]
    return (
        f"{_capital(body['headline'])}: Jaccard {interval_text(part['intervals']['jaccard'])} on "
        f"{counts['test_visits']} visits of {counts['test_patients']} patients "
        f"({body['split']})."
    )


def _limit(body: Body) -> Iterator[str]:
    limit = body["bayes_optimal_jaccard"]
    if limit:
        yield (
            f"The best that any system could reach here is {limit:.3f}, as the true probabilities "
            f"are known; the model reaches {body['jaccard'] / limit:.1%} of it."
        )


def _best_baseline(body: Body) -> str:
    name = best_baseline(body)
    difference = body["systems"][name]["headline_minus_this"]
    if difference["high"] < 0:
        gap = {
            "value": -difference["value"],
            "low": -difference["high"],
            "high": -difference["low"],
        }
        return (
            f"The best baseline is {name}, and it wins: "
            f"the model's Jaccard is lower by {_gap(gap)}."
        )
    if difference["low"] > 0:
        return f"The best baseline is {name}; the model is ahead of it by {_gap(difference)}."
    return (
        f"The best baseline is {name}; the model is not shown to be better than it: "
        f"the difference is {_gap(difference)}."
    )


def _against_group(body: Body, sees: str) -> str:
    parts = {name: part for name, part in body["systems"].items() if _is_of(part, sees)}
    verdicts = {name: verdict(part["headline_minus_this"]) for name, part in parts.items()}
    winners = [name for name, word in verdicts.items() if word == "the model is worse"]
    equals = [name for name, word in verdicts.items() if word == "no difference is shown"]
    if not winners and not equals:
        return f"It beats every baseline that sees {sees}, each interval excluding zero."
    text = f"Of the baselines that see {sees}, "
    if winners:
        text += f"it loses to {'; '.join(winners)}"
    if equals:
        text += f"{', and ' if winners else ''}it is not shown to beat {'; '.join(equals)}"
    return f"{text}."


def _rivals(body: Body) -> Iterator[str]:
    """Other ways to use a language model, under the rule of the headline."""
    rule = body["headline"].rsplit(", ", 1)[-1]
    for name, part in body["systems"].items():
        is_rival = part["sees"] == "prompt" and part["role"] == "baseline"
        if is_rival and name.endswith(f", {rule}"):
            difference = part["headline_minus_this"]
            yield f"Against {name}: {verdict(difference)}, by {_gap(difference)}."


def _best_rule(body: Body) -> str:
    model = {n: p for n, p in body["systems"].items() if p["role"] == "model"}
    best = max(model, key=lambda name: model[name]["jaccard"])
    gains = "; ".join(
        f"{name.rsplit(', ', 1)[-1]} {interval_text(part['gain_over_greedy'])}"
        for name, part in list(model.items())[1:]
    )
    first = next(iter(model))
    tail = f" Gains in Jaccard over {first}: {gains}." if gains else ""
    return f"Of the model's own rules, the highest Jaccard has {best}.{tail}"


def _ratio(body: Body) -> str:
    micro = body["overprescription_ratio_micro"]
    low, high = body["overprescription_ratio_p10"], body["overprescription_ratio_p90"]
    text = f"It recommends {micro:.3f} times as much as was prescribed ({_target(micro, micro, 0)})"
    if low is None:
        return f"{text}; no medication was prescribed often enough for a ratio of its own."
    return (
        f"{text}; per medication, the ratio runs from {low:.2f} (p10) to {high:.2f} (p90) "
        f"({_target(low, high, 1)})."
    )


def _target(low: float, high: float, which: int) -> str:
    wanted = (MICRO_TARGET, MEDICATION_TARGET)[which]
    is_met = wanted[0] <= low and high <= wanted[1]
    return f"{'within' if is_met else 'outside'} {wanted[0]} to {wanted[1]}"


def _calibration(body: Body) -> Iterator[str]:
    before, after = body["calibration"]["before"], body["calibration"]["after"]
    yield (
        f"Calibration error (class-wise, 20 bins) {before['ece']:.4f} before and "
        f"{after['ece']:.4f} after calibration; Brier {before['brier']:.4f} and "
        f"{after['brier']:.4f}."
    )


def _signal(body: Body) -> Iterator[str]:
    for row in body["signal"]:
        share = "" if row["share_of_lift"] is None else f", {row['share_of_lift']:.0%} of its lift"
        shown = "lowers" if (row["loss"]["low"] or 0) > 0 else "is not shown to lower"
        yield f"{_capital(row['input'])}: this {shown} Jaccard (loss {_gap(row['loss'])}{share})."


def _held_out(body: Body) -> Iterator[str]:
    part = body["held_out"]
    if part:
        mean = part["mean"]
        yield (
            f"{len(part['medications'])} medications held out of training: AUROC "
            f"{mean['auroc']:.3f}, F1 {mean['f1']:.3f} in the mean, where prevalence alone gives "
            f"0.500 and {mean['baseline_f1']:.3f}; above it in F1 are "
            f"{part['above_baseline_f1']}."
        )


def _few(body: Body) -> Iterator[str]:
    patients = body["counts"]["test_patients"]
    if patients <= FEW_PATIENTS:
        yield f"{patients} patients prove nothing about accuracy."


def _is_of(part: Mapping[str, Any], sees: str) -> bool:
    return bool(part["role"] == "baseline" and part["sees"] == sees)


def _gap(interval: Mapping[str, float]) -> str:
    return (
        f"{interval['value']:.3f} (95 % interval {interval['low']:.3f} to {interval['high']:.3f})"
    )


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a Markdown table; the first column is text, the others are numbers."""
    rule = ["---", *["---:"] * (len(heads) - 1)]
    return [f"| {' | '.join(cells)} |" for cells in (heads, rule, *rows)]
