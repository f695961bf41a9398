"""Allergies that only the problem list tells: "Allergy status to penicillin" as a Condition.

They are checked like any other. The list of allergies comes first: what it holds is not said twice,
and what it says is over or refuted stays so, whatever an old problem says.
"""

import re
from collections.abc import Iterable, Iterator

from fhir_mappings.allergies import Meaning, is_none_known, meaning_of, meanings_that_ended, name_of
from fhir_mappings.diagnoses import Problem
from fhir_mappings.elements import Codeable
from fhir_mappings.inputs import Call
from fhir_mappings.record import Allergy
from fhir_mappings.words import one_line

# the whole of the words, so that "family history of penicillin allergy" tells nothing
_FRAME = re.compile(
    r"(?:(?:personal )?(?:history of|hx of|h/o) )?(?:known )?(?:drug )?"
    r"(?:allerg(?:y|ic)(?: status)? to .+|(?!.*\b(?:history|family|no)\b).+ allergy(?: status)?)"
    r"(?: \((?:finding|disorder|situation)\))?",
    re.IGNORECASE,
)


def allergies_of_problems(
    problems: Iterable[Problem], listed: Iterable[Allergy], call: Call
) -> Iterator[Allergy]:
    """The allergies to medications among the active problems that the list does not have."""
    known = {one.rxcui for allergy in listed for one in allergy.ingredients}
    known |= {allergy.substance_class for allergy in listed if allergy.substance_class}
    known |= {key for ended in meanings_that_ended(call) for key in ended.keys}
    for problem in problems:
        code = problem.element.codeable("code")
        found = _meaning(code, call) if problem.is_active else None
        if found is None or not found.keys or found.keys & known:
            continue
        known |= found.keys
        meaning = "a problem tells of an allergy, and the allergy list does not: it was checked"
        call.gaps.add("allergy-only-in-problems", problem.element.where, meaning)
        for place, known_class in enumerate(found.classes or (None,)):
            yield Allergy(
                display=name_of(code.display, found, (code,)),
                ingredients=() if place else found.ingredients,
                substance_class=known_class,
                reference=problem.diagnosis.reference,
                dated=problem.diagnosis.dated,
            )


def _meaning(code: Codeable, call: Call) -> Meaning | None:
    """What an allergy in a problem is to; None for a problem that is no allergy."""
    if is_none_known(code):
        return None
    is_coded = call.tables.allergy_codes.find(code.codings) is not None
    is_worded = any(_FRAME.fullmatch(one_line(name)) for name in code.names)
    return meaning_of((code,), call) if is_coded or is_worded else None
