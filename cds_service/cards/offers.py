"""What a card offers to do with the order that it is about."""

from cds_service.cards.material import CardMaterial
from cds_service.cards.parts import LABEL_LIMIT, Json, relative_reference, suggestion_json
from cds_service.cards.text import plain
from cds_service.cards.which import shared_names, which_draft, which_taken
from fhir_mappings.pruned import pruned
from fhir_mappings.record import Medication


def withdrawal(medication: Medication, material: CardMaterial) -> tuple[Json, ...]:
    """The offer to take the draft back; none for what is no draft or has no id of its own.

    Equal drafts get one each, told apart: whether one or all of them go is the prescriber's choice.
    """
    ordered = material.record.ordered
    reference = relative_reference(medication.reference)
    is_draft = medication in ordered and medication.status in (None, "draft")
    if reference is None or not reference.startswith("MedicationRequest/") or not is_draft:
        return ()
    if _is_shared(reference, material):
        return ()
    name = plain(medication.display)
    which = which_draft(reference, material) if name in shared_names(ordered) else ""
    action = {
        "type": "delete",
        "description": f"Remove the draft order of {name}{which}",
        "resourceId": reference,
    }
    return (
        suggestion_json(_label(f"Remove the draft of {name}", which), action, material.new_uuid),
    )


def stopping(medication: Medication, material: CardMaterial) -> tuple[Json, ...]:
    """The offer to mark a current order as stopped, written on the client's own resource.

    None for what is no order of the record, as a statement of the patient's, and for an order
    that is no valid one itself or has no id of its own.
    """
    current = material.record.current
    reference = relative_reference(medication.reference)
    original = pruned(material.originals.get(reference or ""))  # no null or "" leaves with it
    if original is None or not (original.get("subject") and original.get("intent")):
        return ()
    if _is_shared(reference, material):
        return ()
    name = plain(medication.display)
    which = which_taken(medication, current) if name in shared_names(current) else ""
    action = {
        "type": "update",
        "description": f"Mark the order of {name}{which} as stopped",
        "resource": {**original, "status": "stopped"},
    }
    return (suggestion_json(_label(f"Mark {name} as stopped", which), action, material.new_uuid),)


def _label(words: str, which: str) -> str:
    return plain(words, LABEL_LIMIT - len(which)) + which


def _is_shared(reference: str | None, material: CardMaterial) -> bool:
    """Whether it stands for several orders: an action on it might be done to another of them."""
    orders = (*material.record.ordered, *material.record.current)
    return [relative_reference(one.reference) for one in orders].count(reference) > 1
