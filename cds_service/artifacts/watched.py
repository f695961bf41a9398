"""What another model would have made of one decision, beside what was made of it."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from cds_service.audit.entries import ShadowEntry
from cds_service.audit.ids import new_event_id
from cds_service.cards.build import build_cards
from cds_service.cards.material import CardMaterial
from cds_service.decided import Decided
from cds_service.judging import candidates_of, checked, choose_for
from cds_service.rows import score_table
from cds_service.served.identity import model_identity
from cds_service.tools import Tools
from lamo.deadline import Deadline
from lamo.explanation import Explanation
from lamo.notes.digest import NoteDigest
from lamo.prompts import render_prompt
from lamo.selection import CandidateScore, Choice

SCORE_MS = 60_000.0  # nobody waits for it


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """A decision that is committed, with what it was made from."""

    decided: Decided
    digest: NoteDigest | None
    material: CardMaterial
    client: str
    card_count: int  # of the cards that were sent
    score_ms: float  # that the served model took
    served: str  # hash of the served artifact
    offered_at: float = field(default_factory=time.monotonic)


def shadow_entry(watched: Watched, tools: Tools) -> ShadowEntry:
    """Score the same record with another model, and choose and build cards as a call does.

    Args:
        watched: the decision.
        tools: with the other model.

    Raises:
        ScorerUnavailable: the other model does not score.
    """
    decided, request = watched.decided, watched.decided.request
    prompt, _ = render_prompt(decided.record, watched.digest, tools.prompts)
    asked = candidates_of(request, decided.record, tools)
    started = time.perf_counter()
    log_odds = tools.scorer.score(prompt, asked, Deadline.after_ms(SCORE_MS))
    score_ms = round((time.perf_counter() - started) * 1000, 3)
    choice = choose_for(decided.record, log_odds, tools)
    choice, findings, _ = checked(decided.record, choice, tools.rulebook)
    other = _instead(decided, choice)
    material = replace(other, findings=findings).card_material(
        tools, watched.material.originals, watched.material.overridden
    )
    return ShadowEntry(
        event_id=new_event_id(),
        decision_event_id=decided.event_id,
        service_id=request.service_id,
        hook=request.hook,
        client=watched.client,
        patient_id=request.patient_id,
        served=watched.served,
        model=model_identity(tools.artifact, tools.rulebook, tools.policy),
        score_ms={"served": watched.score_ms, "shadow": score_ms},
        cards={"served": watched.card_count, "shadow": len(build_cards(material).cards)},
        proposed=_agreement(_proposed(decided.choice), _proposed(choice)),
        unsupported=_agreement(_unsupported(decided.choice), _unsupported(choice)),
        chosen={"proposed": _proposed(choice), "unsupported": _unsupported(choice)},
        differences=_differences(decided.choice.scores, choice.scores, tools),
        scores=score_table(choice.scores),
    )


def _instead(decided: Decided, choice: Choice) -> Decided:
    """The decision with another choice: nothing was explained, and its own orders are unknown."""
    others = tuple(gap for gap in decided.gaps if gap not in decided.choice.gaps)
    return replace(decided, choice=choice, explanation=Explanation(), gaps=(*others, *choice.gaps))


def _proposed(choice: Choice) -> list[str]:
    return sorted(score.ingredient.rxcui for score in choice.proposed)


def _unsupported(choice: Choice) -> list[str]:
    return sorted({one.score.ingredient.rxcui for one in choice.unsupported})


def _agreement(served: Iterable[str], shadow: Iterable[str]) -> dict[str, int]:
    """How many both have, and how many each has alone."""
    one, other = set(served), set(shadow)
    return {"both": len(one & other), "served": len(one - other), "shadow": len(other - one)}


def _differences(
    served: Iterable[CandidateScore], shadow: Iterable[CandidateScore], tools: Tools
) -> dict[str, dict[str, float]]:
    """By medication group, of the candidates that both models know: shadow less served."""
    before = {score.ingredient.rxcui: score.log_odds for score in served}
    apart: dict[str, list[float]] = {}
    for score in shadow:
        rxcui = score.ingredient.rxcui
        if rxcui in before:
            group = tools.artifact.by_rxcui[rxcui].group
            apart.setdefault(group, []).append(score.log_odds - before[rxcui])
    return {group: _summed(values) for group, values in apart.items()}


def _summed(values: list[float]) -> dict[str, float]:
    sizes = [abs(value) for value in values]
    sums: Mapping[str, float] = {"sum": sum(values), "sum_abs": sum(sizes), "most": max(sizes)}
    return {"count": len(values)} | {name: round(value, 4) for name, value in sums.items()}
