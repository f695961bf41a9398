"""What a model's scores lead to once the rules have looked at it: of a call, and of a shadow."""

from collections.abc import Mapping, Sequence

from cds_service.hooks.request import HookRequest
from cds_service.tools import Tools
from fhir_mappings.record import Gap, PatientRecord
from lamo.selection import Choice, candidates_for, choose, withhold
from medication_safety.allergies import unknown_classes
from medication_safety.check import check_medications, unsaid
from medication_safety.findings import Finding
from medication_safety.organ_function import unread_labs
from medication_safety.pregnancy import unjudged_pregnancy
from medication_safety.rulebook import Rulebook

SELECTING = frozenset({"order-select"})  # one order is being chosen: no other is suggested


def candidates_of(request: HookRequest, record: PatientRecord, tools: Tools) -> Sequence[str]:
    """The candidates that a hook needs scores of: while an order is selected, it alone."""
    return candidates_for(record, tools.artifact, only_ordered=request.hook in SELECTING)


def choose_for(record: PatientRecord, log_odds: Mapping[str, float], tools: Tools) -> Choice:
    """What the scores lead to, with the indication table in view."""
    indicating = tools.indications.for_label
    return choose(record, log_odds, tools.artifact, tools.pairs, indicating)


def checked(
    record: PatientRecord, choice: Choice, rulebook: Rulebook
) -> tuple[Choice, tuple[Finding, ...], tuple[Gap, ...]]:
    """The choice without what the rules object to, that, and what they could not look at."""
    proposed = [score.ingredient for score in choice.proposed]
    findings = check_medications(record, proposed, rulebook)
    unknown = unknown_classes(record, rulebook.knowledge)
    unread = (
        *unread_labs(record, rulebook.organs),
        *unjudged_pregnancy(record, rulebook.pregnancy),
    )
    return withhold(choice, findings), findings, (*unknown, *unread, *unsaid(findings))
