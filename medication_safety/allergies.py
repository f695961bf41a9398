"""Medications against the recorded allergies: same ingredient, recorded class, cross-reaction.

An allergy without an ingredient and without a class can match nothing here: the mapping reports
it as a gap. A recorded class that the tables do not know is reported by `unknown_classes`. What was
recorded itself is critical at high criticality, or whatever that is after a severe reaction.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from fhir_mappings.record import Allergy, Fact, Gap, Ingredient, Medication, PatientRecord
from medication_safety.findings import Finding, Severity
from medication_safety.knowledge import Knowledge
from medication_safety.tables import CrossRule
from medication_safety.wording import short

RANK: dict[Severity, int] = {"critical": 0, "warning": 1, "info": 2}
PENICILLIN_G = "7980"  # the code that many records carry for "penicillin"

_JUST_PENICILLIN = re.compile(r"\bpenicillins?\b", re.I)
_ONE_PENICILLIN = re.compile(r"\b(?:[gv]|vk|benz\w*|procaine|potassium|sodium)\b", re.I)


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """One recorded allergy that speaks against one ingredient."""

    allergy: Allergy
    severity: Severity
    is_direct: bool  # the ingredient itself, or a member of the class that was recorded

    @property
    def rank(self) -> tuple[int, bool]:
        """Sorts the strongest match first."""
        return RANK[self.severity], not self.is_direct


def allergy_findings(
    record: PatientRecord, medication: Medication, knowledge: Knowledge
) -> tuple[Finding, ...]:
    """Find what the recorded allergies say against one medication: one finding, or none."""
    matches = sorted(
        (
            match
            for allergy in record.allergies
            for ingredient in medication.ingredients
            for match in _matches(allergy, ingredient, knowledge)
        ),
        key=lambda match: match.rank,
    )
    return (_finding(medication, matches, knowledge),) if matches else ()


def unknown_classes(record: PatientRecord, knowledge: Knowledge) -> tuple[Gap, ...]:
    """The recorded classes that no table knows: nothing was checked against them."""
    return tuple(
        Gap(
            kind="allergy-class-unknown",
            where=allergy.reference or "allergies",
            meaning="a recorded allergy to a class of medications could not be checked",
            shown=True,
        )
        for allergy in record.allergies
        if allergy.substance_class
        and not allergy.ingredients
        and not knowledge.recorded_groups(allergy.substance_class)
    )


def _matches(allergy: Allergy, ingredient: Ingredient, knowledge: Knowledge) -> Iterator[Match]:
    if ingredient in allergy.ingredients:
        severity = _direct_severity(allergy, knowledge)
        yield Match(allergy=allergy, severity=severity, is_direct=True)
        return
    classes = _recorded_groups(allergy, knowledge)
    for rule in knowledge.allergy.rules:
        if not _speaks(rule, allergy, ingredient, knowledge):
            continue
        in_class = rule.recorded in classes and rule.level == "warning"
        if in_class and rule.recorded == rule.against:
            severity = _direct_severity(allergy, knowledge)
            yield Match(allergy=allergy, severity=severity, is_direct=True)
        elif not _is_intolerance(allergy, knowledge):
            yield Match(allergy=allergy, severity=rule.level, is_direct=False)


def _recorded_groups(allergy: Allergy, knowledge: Knowledge) -> tuple[str, ...]:
    """The groups that the entry means: "penicillin" is its class, whatever its code."""
    groups = knowledge.recorded_groups(allergy.substance_class or "")
    name = allergy.display
    is_just = _JUST_PENICILLIN.search(name) and not _ONE_PENICILLIN.search(name)
    if is_just and any(one.rxcui == PENICILLIN_G for one in allergy.ingredients):
        return (*groups, *knowledge.recorded_groups("penicillins"))
    return groups


def _speaks(
    rule: CrossRule, allergy: Allergy, ingredient: Ingredient, knowledge: Knowledge
) -> bool:
    if not knowledge.holds(rule.against, ingredient.rxcui):
        return False
    codes = [one.rxcui for one in allergy.ingredients]
    in_class = rule.recorded in _recorded_groups(allergy, knowledge)
    by_ingredient = any(knowledge.holds(rule.recorded, code) for code in codes)
    excluded = any(
        knowledge.holds(group, code)
        for group in rule.excluded
        for code in (*codes, ingredient.rxcui)
    )
    is_about = in_class or (by_ingredient and not rule.class_only)
    return is_about and not excluded and rule.fits(allergy.reactions)


def _direct_severity(allergy: Allergy, knowledge: Knowledge) -> Severity:
    """Loud after a severe reaction too: what was recorded of it says more than no criticality."""
    is_high = allergy.criticality == "high" or allergy.worst is not None
    if _is_intolerance(allergy, knowledge):
        return "warning" if is_high else "info"
    return "critical" if is_high else "warning"


def _is_intolerance(allergy: Allergy, knowledge: Knowledge) -> bool:
    """Recorded as one, or with no more than the known side effects of its group.

    What threatened a life is none, whatever its type says.
    """
    if allergy.worst == "life-threatening":
        return False
    mild = knowledge.allergy.tolerance_reactions
    groups = set(_recorded_groups(allergy, knowledge))
    in_group = bool(groups & set(mild.groups)) or any(
        knowledge.holds(group, one.rxcui) for group in mild.groups for one in allergy.ingredients
    )
    only_mild = bool(allergy.reactions) and all(
        any(word in reaction.lower() for word in mild.words) for reaction in allergy.reactions
    )
    return allergy.is_intolerance or (in_group and only_mild)


def _finding(medication: Medication, matches: list[Match], knowledge: Knowledge) -> Finding:
    worst = matches[0]
    name, substance = short(medication.display), short(worst.allergy.display)
    kind = "intolerance" if worst.allergy.is_intolerance else "allergy"
    place = "in a note" if worst.allergy.quote else "on record"
    link = f"{kind} to {substance} {place}" if worst.is_direct else f"related to {substance}"
    named = "an allergy in a note" if worst.allergy.quote else "a recorded allergy"
    tail = "" if worst.is_direct else f", {named}"
    facts = {(match.allergy.reference, match.allergy.display): match.allergy for match in matches}
    return Finding(
        rule="allergy",
        severity=worst.severity,
        medication=medication,
        summary=f"Consider an alternative to {name}: {link}{tail}",
        because=tuple(_fact(allergy) for allergy in facts.values()),
        source=knowledge.source("Allergy and cross-reactivity table"),
        not_if="the patient has since tolerated it, or the entry is not a true allergy",
    )


def _fact(allergy: Allergy) -> Fact:
    kind = "intolerance" if allergy.is_intolerance else "allergy"
    reactions = f", reaction: {', '.join(allergy.reactions)}" if allergy.reactions else ""
    high = ", criticality high" if allergy.criticality == "high" else ""
    worst = f", {allergy.worst}" if allergy.worst else ""
    return replace(allergy.fact, text=f"{kind} to {allergy.display}{reactions}{worst}{high}")
