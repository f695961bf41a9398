"""One function for each kind of card. Hedged words: a card asks to consider, it never directs."""

from collections.abc import Sequence
from typing import Literal

from cds_service.cards.earlier import overridden_by_another
from cds_service.cards.material import CardMaterial
from cds_service.cards.offers import stopping, withdrawal
from cds_service.cards.parts import Json, Parts, relative_reference
from cds_service.cards.text import (
    SUMMARY_LIMIT,
    counted,
    detail_text,
    escaped,
    fact_line,
    fact_lines,
    plain,
    share,
    strength_against,
)
from fhir_mappings.record import Fact, Gap, Medication
from lamo.explanation import Moved
from lamo.selection import CandidateScore, Regimen, Unsupported
from medication_safety.check import is_on_current
from medication_safety.findings import Finding

Basis = Literal["model", "rules", "model and rules", "record"]  # what a card rests on

NAME_IN_SUMMARY = 50
REASON_LIMIT = 150  # of a fact with the reason why it matters
MOST_MOVING = 2  # facts that are named for, and against, a medication
COMMON_REASONS = ("will-monitor", "tolerated-before", "recipient-disagrees-evidence")
RULE_REASONS = {
    "allergy": ("tolerated-before", "will-monitor", "recipient-disagrees-evidence"),
    "duplicate-ingredient": ("meant-together", "will-monitor", "recipient-disagrees-evidence"),
    "duplicate-class": ("meant-together", "will-monitor", "recipient-disagrees-evidence"),
}


def overprescription_card(equal: Sequence[Unsupported], material: CardMaterial) -> Parts:
    """An order that the model does not support for this patient; equal orders share a card."""
    medication, score = equal[0].medication, equal[0].score
    earlier = overridden_by_another("overprescription", medication, material)
    body = (
        what_paragraph(medication) + _likewise([one.medication for one in equal[1:]]),
        why_paragraph(score, material),
        f"**Strength:** the model's support for it is {strength_against(score)}; it was "
        f"prescribed in {share(score.base_rate)} of the visits that the model was validated on.",
        *_before_stopping(medication, material),
        *earlier,
    )
    return Parts(
        topic="overprescription",
        summary=f"Consider reviewing {plain(medication.display, NAME_IN_SUMMARY)}: "
        "little in the record supports this order",
        detail=detail_text(body, closing(material)),
        indicator="warning",
        source=material.model_name,
        suggestions=[offer for one in equal for offer in withdrawal(one.medication, material)],
        behavior="any" if len(equal) > 1 else "at-most-one",
        reasons=("indication-not-recorded", "tolerated-before", "will-monitor"),
        about="" if equal[1:] else relative_reference(medication.reference) or "",
        rxcuis=_codes(medication),
        line=" ".join(
            (
                f"**{escaped(medication.display, 60)}:** little in the record supports this order.",
                *earlier,
            )
        ),
        is_faint=equal[0].short_by < material.policy.unsupported_margin,
    )


def regimen_card(regimen: Regimen, material: CardMaterial) -> Parts:
    """A list that is longer than the model expects for such a patient."""
    record = material.record
    facts = [medication.fact for medication in (*record.ordered, *record.current)]
    listed = counted(regimen.listed, "active ingredient", "active ingredients")
    body = (
        f"**What:** {listed} taken or ordered. The model expects about {regimen.expected:.0f} "
        f"for such a patient, and rarely more than {regimen.upper:.0f}.",
        f"**Why:** on the list: {fact_lines(facts, most=5)}.",
        "**Before shortening it:** consider reviewing each indication; "
        "stopping some medications abruptly may do harm.",
    )
    return Parts(
        topic="regimen",
        summary=f"Consider reviewing the medication list: {listed}, "
        f"where about {regimen.expected:.0f} would be usual",
        detail=detail_text(body, closing(material)),
        indicator="warning",
        source=material.model_name,
        reasons=("indication-not-recorded", "will-monitor", "recipient-disagrees-evidence"),
        line=f"**The medication list:** {listed}, where about {regimen.expected:.0f} would be "
        "usual for such a patient.",
    )


def finding_card(finding: Finding, material: CardMaterial) -> Parts:
    """A medication that a rule objects to."""
    medication = finding.medication
    is_current = is_on_current(finding, material.record)
    is_warning = finding.severity != "info"
    body = (
        what_paragraph(medication),
        f"**Why:** {fact_lines(finding.because, most=3, limit=REASON_LIMIT)}.",
        f"**Does not apply if** {escaped(finding.not_if, 150)}.",
        *(_before_stopping(medication, material) if is_warning else ()),
        *overridden_by_another(finding.rule, medication, material, _basis(finding)),
    )
    return Parts(
        topic=finding.rule,
        summary=finding.summary,
        detail=detail_text(body, closing(material, basis="rules")),
        indicator=finding.severity,
        source=finding.source,
        suggestions=_offers(medication, material) if is_warning or is_current else (),
        reasons=RULE_REASONS.get(finding.rule, COMMON_REASONS),
        about=relative_reference(medication.reference) or "",
        rxcuis=_codes(medication),
        line=_line(finding, material),
        basis=_basis(finding),
        is_current=is_current,
    )


def doubtful_part(doubtful: Unsupported, material: CardMaterial) -> Parts:
    """What is taken already and little in the record supports: a line of the card for review."""
    medication = doubtful.medication
    return Parts(
        topic="overprescription",
        summary=f"Consider reviewing {plain(medication.display, NAME_IN_SUMMARY)}: "
        "little in the record supports it",
        detail="",
        indicator="info",
        source=material.model_name,
        reasons=("indication-not-recorded", "tolerated-before", "will-monitor"),
        about=relative_reference(medication.reference) or "",
        rxcuis=_codes(medication),
        line=" ".join(
            (
                f"**{escaped(medication.display, 60)}:** little in the record supports it; the "
                f"model's support is {strength_against(doubtful.score)}.",
                *overridden_by_another("overprescription", medication, material),
            )
        ),
        is_faint=doubtful.short_by < material.policy.unsupported_margin,
        is_current=True,
    )


def _offers(medication: Medication, material: CardMaterial) -> tuple[Json, ...]:
    return withdrawal(medication, material) or stopping(medication, material)


def _before_stopping(medication: Medication, material: CardMaterial) -> tuple[str, ...]:
    """What to think of where the order repeats what is taken, and stopping may do harm."""
    taken = {one for current in material.record.current for one in current.ingredients}
    caution = material.tapers.caution_of(medication)
    if caution is None or taken.isdisjoint(medication.ingredients):
        return ()
    return (f"**Before stopping it,** as the patient already takes it: {caution.sentence}",)


def _basis(finding: Finding) -> str:
    """How loud a finding is and what it rests on beside its own medication.

    With another medication, a newer value or a graver reason it is another one: what was answered
    before does not answer it.
    """
    facts = {fact.reference or fact.text for fact in _beside(finding)}
    return " ".join((finding.severity, *sorted(facts)))


def _beside(finding: Finding) -> list[Fact]:
    """The facts that are not the medication itself; two may have one id."""
    own = finding.medication
    return [
        fact
        for fact in finding.because
        if fact.reference is None
        or fact.reference != own.reference
        or not fact.text.startswith(own.display)
    ]


def _line(finding: Finding, material: CardMaterial) -> str:
    """The finding as one line of a card that holds several; its own medication is named once."""
    others = _beside(finding)
    why = f" ({fact_lines(others, most=2)})" if others else ""
    summary, not_if = escaped(finding.summary, SUMMARY_LIMIT), escaped(finding.not_if, 110)
    caution = material.tapers.caution_of(finding.medication)
    is_current = is_on_current(finding, material.record)
    return " ".join(
        (
            f"**{summary}**{why}. Does not apply if {not_if}.",
            *((caution.sentence,) if caution and is_current else ()),
            *overridden_by_another(finding.rule, finding.medication, material, _basis(finding)),
        )
    )


def _codes(medication: Medication) -> tuple[str, ...]:
    return tuple(ingredient.rxcui for ingredient in medication.ingredients)


def gap_card(material: CardMaterial, gaps: Sequence[Gap]) -> Parts:
    """What could not be checked, so that silence is not read as "nothing found"."""
    more = f" (and {len(gaps) - 1} more)" if len(gaps) > 1 else ""
    lines = "\n".join(
        f"- {escaped(gap.meaning.rstrip('. '), 140)} ({escaped(gap.where, 60)})" for gap in gaps[:5]
    )
    rest = f"\n- and {len(gaps) - 5} more" if len(gaps) > 5 else ""
    return Parts(
        topic="gap",
        summary=f"Could not check everything: {plain(gaps[0].meaning, 95)}{more}",
        detail=detail_text(
            (f"**Not available:**\n\n{lines}{rest}",), _signature(material, "record")
        ),
        indicator="info",
        source="Completeness check of the record received",
    )


def what_paragraph(medication: Medication) -> str:
    """Which order a card is about: a card has no field for it."""
    codes = ", ".join(f"RxNorm {escaped(one.rxcui)}" for one in medication.ingredients[:3])
    reference = relative_reference(medication.reference)
    notes = "; ".join(part for part in (codes, escaped(reference or "")) if part)
    return f"**What:** {escaped(medication.display)}" + (f" ({notes})." if notes else ".")


def _likewise(equal: Sequence[Medication]) -> str:
    """The other orders that a card is about as well, at most three."""
    found = [escaped(one.reference or one.display) for one in equal[:3]]
    return f" Likewise: {', '.join(found)}." if found else ""


def why_paragraph(score: CandidateScore, material: CardMaterial) -> str:
    """What the model's judgement rests on: the reasons for and against, as far as there are any.

    Where there are none, or none was looked for, the diagnoses that it was read beside.
    """
    label = score.ingredient.label
    weighed = {
        "most for it": _named(material.explanation.speaking_for(label, MOST_MOVING)),
        "most against it": _named(material.explanation.speaking_against(label, MOST_MOVING)),
    }
    told = "; ".join(f"{which}: {reasons}" for which, reasons in weighed.items() if reasons)
    if told:
        return (
            "**Why:** the model sees too little in the record that usually goes with this "
            f"medication. {told[0].upper()}{told[1:]}."
        )
    facts = [diagnosis.fact for diagnosis in material.record.diagnoses]
    if not facts:
        return "**Why:** no active diagnosis stands in the record that was received."
    return (
        f"**Why:** the record shows {fact_lines(facts)}; "
        "the model sees too little there that usually goes with this medication."
    )


def _named(moved: Sequence[Moved]) -> str:
    return "; ".join(
        fact_line(one.fact) if isinstance(one.fact, Fact) else escaped(one.named) for one in moved
    )


def closing(material: CardMaterial, basis: Basis = "model") -> Sequence[str]:
    """What stands at the end of every card: what was missing, who speaks, where it is kept."""
    gaps = material.shown_gaps
    if not gaps:
        return _signature(material, basis)
    more = f"; and {len(gaps) - 2} more" if len(gaps) > 2 else ""
    missing = "; ".join(escaped(gap.meaning.rstrip(". "), 110) for gap in gaps[:2])
    return (f"**Not available:** {missing}{more}.", *_signature(material, basis))


def _signature(material: CardMaterial, basis: Basis) -> tuple[str, ...]:
    """Who speaks, how far it may be trusted, and where the decision is kept."""
    named = f" by {escaped(material.model_name)}" if "model" in basis else ""
    sentences = [f"AI-generated{named} from this record; please verify before acting."]
    if "rules" in basis:
        version = escaped(material.knowledge_version, 40)
        sentences.append(f"Rule tables ({version}): draft, not reviewed by a pharmacist.")
    if material.is_demonstration:
        sentences.append("Demonstration on synthetic patients, not for clinical use.")
    sentences.append(f"Decision {escaped(material.event_id, 40)}.")
    return (" ".join(sentences),)
