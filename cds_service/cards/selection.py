"""Which of the cards that could be shown are: few, the loudest first, none that was answered.

What is quiet becomes one card; what is beyond the budget becomes a line of it; what the stop switch
or a policy switches off, or the user overrode with a reason, is recorded and not shown.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from cds_service.answers import Answer
from cds_service.cards.kinds import closing
from cds_service.cards.material import CardMaterial
from cds_service.cards.parts import Parts
from cds_service.cards.text import counted, detail_text, that_fit
from medication_safety.allergies import RANK

MORE = "- and {} more, in the record of this decision"
OF_THE_MODEL = frozenset({"overprescription", "regimen"})
SOON = frozenset(  # may do harm within days: before a duplicate, an age or a usual course
    {"allergy", "interaction", "pregnancy", "lactation", "renal", "hepatic", "potassium"}
)
APART = frozenset({"suggestion", "gap"})  # info cards that stay cards of their own
Why = Literal["switched off", "policy", "overridden before"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Suppressed:
    """A card that was not shown, and why."""

    rule: str
    rxcuis: tuple[str, ...]
    why: Why


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What is shown, loudest first, and what is not."""

    shown: tuple[Parts, ...]
    suppressed: tuple[Suppressed, ...]


def select_parts(parts: Iterable[Parts], material: CardMaterial) -> Selection:
    """Apply the hospital's policy, the user's overrides and the budget of one call."""
    audience = material.policy.audience_of(material.user_id)
    loud: list[Parts] = []
    suppressed: list[Suppressed] = []
    for part in parts:
        severity = material.policy.loudness(part.topic, part.indicator, audience)
        if part.topic in material.stopped:
            suppressed.append(_suppressed(part, "switched off"))
        elif severity is None or part.is_faint:
            suppressed.append(_suppressed(part, "policy"))
        elif severity != "critical" and _was_answered(part, material):
            suppressed.append(_suppressed(part, "overridden before"))
        else:
            loud.append(replace(part, indicator=severity))
    loud.sort(key=_place)
    current = [part for part in loud if part.is_current]
    orders = [part for part in loud if not part.is_current]
    shown = _within_budget(orders, material, reserved=1 if current else 0)
    if current:
        shown.append(for_review(current, material))
        shown.sort(key=lambda part: RANK[part.indicator])
    return Selection(shown=tuple(shown), suppressed=tuple(suppressed))


def _place(part: Parts) -> tuple[int, int]:
    """Where a card stands: the loudest first, among equals what harms soon, the model last."""
    after = 0 if part.topic in SOON else 2 if part.topic in OF_THE_MODEL else 1
    return RANK[part.indicator], after


def _suppressed(part: Parts, why: Why) -> Suppressed:
    return Suppressed(rule=part.topic, rxcuis=part.rxcuis, why=why)


def _was_answered(part: Parts, material: CardMaterial) -> bool:
    """Whether the user overrode this rule's card on each medication of it with a reason."""
    answers = part.answers
    return bool(answers) and all(material.overridden.is_by_user(answer) for answer in answers)


def _within_budget(loud: Sequence[Parts], material: CardMaterial, reserved: int) -> list[Parts]:
    apart = [part for part in loud if part.indicator == "info" and part.topic in APART]
    quiet = [part for part in loud if part.indicator == "info" and part.topic not in APART]
    whole = [part for part in loud if part.indicator != "info"]
    critical = [part for part in whole if part.indicator == "critical"]
    more = bool(quiet) + len(apart) + reserved
    room = max(len(critical), 1, material.policy.most_cards - more)
    if len(whole) > room:
        whole, quiet = whole[:room], whole[room:] + quiet
    return [*whole, *([merged(quiet, material)] if quiet else []), *apart]


def merged(quiet: Sequence[Parts], material: CardMaterial) -> Parts:
    """One card of everything that is no reason to interrupt; a single one stays as it is."""
    if len(quiet) == 1:
        return replace(quiet[0], indicator="info", suggestions=())
    ending = closing(material, basis="rules")
    quiet = sorted(quiet, key=_place)
    shown = _that_fit(quiet, ending)
    return Parts(
        topic="review",
        summary=f"Also worth a look: {counted(len(quiet), 'point', 'points')} about these "
        "medications",
        detail=detail_text(_listed(shown, quiet), ending),
        indicator="info",
        source=quiet[0].source,
        reasons=_reasons(shown),
        covers=_answers(shown),
    )


def for_review(current: Sequence[Parts], material: CardMaterial) -> Parts:
    """One card of what is taken already and might be stopped: it offers, and chooses nothing.

    A warning only where what is taken is contraindicated: it has been taken until now.
    """
    ending = closing(material, basis="model and rules")
    shown = _that_fit(current, ending)
    count = len({part.about for part in current})
    offers = {
        offer["actions"][0]["resource"]["id"]: offer for part in shown for offer in part.suggestions
    }
    return Parts(
        topic="deprescribing",
        summary=current[0].summary
        if count == 1
        else f"Consider reviewing {count} current medications",
        detail=detail_text(_listed(shown, current), ending),
        indicator="warning" if current[0].indicator == "critical" else "info",
        source=current[0].source,
        suggestions=tuple(offers.values()),
        behavior="any",
        reasons=_reasons(shown),
        covers=_answers(shown),
    )


def _that_fit(parts: Sequence[Parts], ending: Sequence[str]) -> Sequence[Parts]:
    return parts[: that_fit([f"- {part.line}" for part in parts], (MORE.format(99), *ending))]


def _listed(shown: Sequence[Parts], parts: Sequence[Parts]) -> list[str]:
    """Each of those shown in a line; how many more there are, when there are."""
    more = len(parts) - len(shown)
    return [*(f"- {part.line}" for part in shown), *([MORE.format(more)] if more else [])]


def _answers(parts: Sequence[Parts]) -> tuple[Answer, ...]:
    return tuple(answer for part in parts for answer in part.answers)


def _reasons(parts: Sequence[Parts]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(reason for part in parts for reason in part.reasons))[:3]
