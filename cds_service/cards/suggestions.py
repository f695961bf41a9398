"""The one card with suggestions: drafts that the record supports and no rule objects to."""

from collections.abc import Sequence
from dataclasses import dataclass

from cds_service.cards.kinds import closing
from cds_service.cards.material import CardMaterial
from cds_service.cards.parts import Json, Parts, relative_reference, suggestion_json
from cds_service.cards.text import (
    counted,
    detail_text,
    escaped,
    fact_lines,
    plain,
    share,
    strength_for,
    that_fit,
)
from fhir_mappings.drafts import draft_medication_request
from fhir_mappings.record import Diagnosis, Fact
from lamo.selection import CandidateScore

LEAD = "**What:** medications that the record supports and that are not on the list."


@dataclass(frozen=True, kw_only=True)
class Suggested:
    """One medication to suggest, with the facts that indicate it."""

    score: CandidateScore
    facts: tuple[Fact, ...]

    @property
    def line(self) -> str:
        """What a reader needs to judge it: the drug, the reason, the strength."""
        name, code = escaped(self.score.ingredient.label, 50), escaped(self.score.ingredient.rxcui)
        return (
            f"- **{name}** (RxNorm {code}): {fact_lines(self.facts, most=1)}; "
            f"{strength_for(self.score)}, prescribed in {share(self.score.base_rate)} "
            "of validation visits"
        )


def suggestions_card(material: CardMaterial) -> Parts | None:
    """All suggestions of a call in one card; None when there is nothing to suggest."""
    ending = closing(material, basis="model and rules")
    found = _supported(material)
    chosen = found[: that_fit([one.line for one in found], (LEAD, *ending))]
    if not chosen:
        return None
    lines = "\n".join(suggested.line for suggested in chosen)
    return Parts(
        topic="suggestion",
        summary=_summary(chosen),
        detail=detail_text((LEAD, lines), ending),
        indicator="info",
        source=material.model_name,
        suggestions=[_suggestion(one, material) for one in chosen if material.offers_drafts],
        behavior="any",
        reasons=("patient-contraindication", "patient-refuses", "recipient-disagrees-evidence"),
    )


def _supported(material: CardMaterial) -> list[Suggested]:
    """The best proposals with a fact behind them and not on the list, at most so many."""
    listed = set(material.record.on_list())
    found = [
        Suggested(score=score, facts=facts)
        for score in material.choice.proposed
        if score.ingredient not in listed
        and (facts := tuple(material.supports.get(score.ingredient.rxcui, ())))
    ]
    return found[: material.policy.most_suggestions]


def _summary(chosen: Sequence[Suggested]) -> str:
    names = [suggested.score.ingredient.label for suggested in chosen]
    if len(names) == 1:
        return f"Consider {plain(names[0])}: the record supports it and it is not on the list"
    lead = f"Consider {counted(len(names), 'medication', 'medications')} that the record supports: "
    return lead + plain(", ".join(names), 139 - len(lead))


def _suggestion(suggested: Suggested, material: CardMaterial) -> Json:
    ingredient = suggested.score.ingredient
    name = plain(ingredient.label)
    draft = draft_medication_request(
        ingredient=ingredient,
        name=name,
        patient_id=material.record.patient_id,
        requester=relative_reference(material.user_id),
        reason=_reason(suggested.facts, material.record.diagnoses),
        encounter_id=material.encounter_id,
        authored=material.record.decided_at.date(),
    )
    action = {
        "type": "create",
        "description": f"Create a draft order of {name}, without a dose",
        "resource": draft,
    }
    return suggestion_json(f"Add a draft order of {name}", action, material.new_uuid)


def _reason(facts: Sequence[Fact], diagnoses: Sequence[Diagnosis]) -> Diagnosis | None:
    """The diagnosis behind the facts, when one of them is a diagnosis of the record."""
    references = {fact.reference for fact in facts if fact.reference}
    return next((one for one in diagnoses if one.reference in references), None)
