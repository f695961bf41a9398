"""The draft orders of the call to Medication."""

from collections.abc import Sequence, Set

from fhir_mappings.elements import Element
from fhir_mappings.inputs import Call
from fhir_mappings.medications import named_medication, read_medication
from fhir_mappings.pool import read_as, reference_to, type_of
from fhir_mappings.record import Medication
from fhir_mappings.unread import is_unread, tell_unread

_NOT_ORDERS = frozenset({"Medication", "Patient", "Practitioner", "Encounter", "Condition"})
_TOLD = frozenset({"other-patient"})
_TOLD_WHEN_SIGNED = _TOLD | {"order-without-medication"}
_OVER = frozenset({"entered-in-error", "cancelled", "stopped", "completed"})


def map_orders(drafts: Sequence[Element], call: Call) -> tuple[Medication, ...]:
    """The medications being ordered; drafts that are none, or not this patient's, are gaps."""
    kept: dict[tuple[Medication, str, int], Medication] = {}
    for place, element in enumerate(drafts):
        if _is_order(element, call):
            read = read_medication(element, call, is_checked=True)
            kept.setdefault((read, read.display, -1 if read.reference else place), read)
    tell_unread(drafts, call.gaps, is_draft=True)
    return tuple(kept.values())


def stopped_by(drafts: Sequence[Element], call: Call) -> frozenset[str]:
    """What this call stops, as "MedicationRequest/1": a draft with that id says that it is over."""
    over = (e for e in drafts if _is_ours(e, call) and _status(e) in _OVER)
    return frozenset(found for element in over if (found := reference_to(element)))


def replaced_by(drafts: Sequence[Element], call: Call) -> frozenset[str]:
    """What the drafts replace: the prescriptions that they name as the ones before them."""
    orders = (e for e in drafts if _is_ours(e, call) and _refusal(e, call) is None)
    prior = (call.pool.find(e.reference("priorPrescription"), e) for e in orders)
    return frozenset(found for one in prior if one and (found := reference_to(one)))


def _is_ours(element: Element, call: Call) -> bool:
    """Whether it is a medication order for the patient of the call."""
    is_medication = read_as(element) == "MedicationRequest"
    return is_medication and not call.pool.is_another_patients(element)


def _status(element: Element) -> str:
    return (element.text("status") or "").lower()


def _is_order(element: Element, call: Call) -> bool:
    if type_of(element) in _NOT_ORDERS or is_unread(element, is_draft=True):
        return False
    refusal = _refusal(element, call)
    if refusal is not None:
        kind, meaning = refusal
        call.gaps.add(kind, element.where, meaning, shown=kind in _shown(call))
    return refusal is None


def _shown(call: Call) -> Set[str]:
    """Kinds that a clinician has to know: a draft without a drug only once it is being signed."""
    return _TOLD_WHEN_SIGNED if call.orders_are_final else _TOLD


def _refusal(element: Element, call: Call) -> tuple[str, str] | None:
    if read_as(element) != "MedicationRequest":
        return "order-not-medication", "the draft orders no medication: it was not looked at"
    if call.pool.is_another_patients(element):
        return "other-patient", "a draft order is about another patient: it was not checked"
    if _status(element) in _OVER or element.is_true("doNotPerform"):
        return "order-withdrawn", "the draft is over, or says not to give: it was not checked"
    if not named_medication(element, call) and not element.has("medicationReference"):
        return "order-without-medication", "the draft names no medication, so it was not checked"
    return None
