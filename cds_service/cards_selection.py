"""Which of the cards that could be shown are: few, the loudest first, none that was answered.

What is quiet becomes one card; what is beyond the budget becomes a line of it; what a policy
switches off, or somebody overrode with a reason, is recorded and not shown.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from cds_service.cards_kinds import closing
from cds_service.cards_material import CardMaterial
from cds_service.cards_parts import Parts
from cds_service.cards_text import counted, detail_text
from medication_safety.allergies import RANK

APART = frozenset({"suggestion", "gap"})  # info cards that stay cards of their own
Why = Literal["policy", "overridden before"]


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
    """Apply the hospital's policy, earlier overrides and the budget of one call."""
    audience = material.policy.audience_of(material.user_id)
    loud: list[Parts] = []
    suppressed: list[Suppressed] = []
    for part in parts:
        severity = material.policy.loudness(part.topic, part.indicator, audience)
        if severity is None:
            suppressed.append(_suppressed(part, "policy"))
        elif severity != "critical" and _was_answered(part, material):
            suppressed.append(_suppressed(part, "overridden before"))
        else:
            loud.append(replace(part, indicator=severity))
    loud.sort(key=lambda part: RANK[part.indicator])
    return Selection(shown=tuple(_within_budget(loud, material)), suppressed=tuple(suppressed))


def _suppressed(part: Parts, why: Why) -> Suppressed:
    return Suppressed(rule=part.topic, rxcuis=part.rxcuis, why=why)


def _was_answered(part: Parts, material: CardMaterial) -> bool:
    """Whether each medication of the card had this rule's card overridden with a reason."""
    return bool(part.rxcuis) and all(
        (part.topic, rxcui) in material.overridden for rxcui in part.rxcuis
    )


def _within_budget(loud: Sequence[Parts], material: CardMaterial) -> list[Parts]:
    apart = [part for part in loud if part.indicator == "info" and part.topic in APART]
    quiet = [part for part in loud if part.indicator == "info" and part.topic not in APART]
    whole = [part for part in loud if part.indicator != "info"]
    critical = [part for part in whole if part.indicator == "critical"]
    more = bool(quiet) + len(apart)
    room = max(len(critical), 1, material.policy.most_cards - more)
    if len(whole) > room:
        whole, quiet = whole[:room], whole[room:] + quiet
    return [*whole, *([merged(quiet, material)] if quiet else []), *apart]


def merged(quiet: Sequence[Parts], material: CardMaterial) -> Parts:
    """One card of everything that is no reason to interrupt; a single one stays as it is."""
    if len(quiet) == 1:
        return replace(quiet[0], indicator="info", suggestions=())
    lines = "\n".join(f"- {part.line}" for part in quiet)
    reasons = tuple(dict.fromkeys(reason for part in quiet for reason in part.reasons))
    return Parts(
        topic="review",
        summary=f"Also worth a look: {counted(len(quiet), 'point', 'points')} about these "
        "medications",
        detail=detail_text((lines,), closing(material, basis="rules")),
        indicator="info",
        source=quiet[0].source,
        reasons=reasons[:3],
        rxcuis=tuple(dict.fromkeys(code for part in quiet for code in part.rxcuis)),
        covers=tuple((part.topic, code) for part in quiet for code in part.rxcuis),
    )
