"""Orders: found in the formulary, written as drafts, signed, stopped, and changed by cards."""

from collections.abc import Mapping, Sequence
from typing import Any

from cds_service.sandbox.ehr.desk import EhrDesk
from cds_service.sandbox.fhir.errors import NotSupported, NotValid
from cds_service.sandbox.fhir.store import Resource
from cds_service.sandbox.patients import SandboxPatient
from fhir_mappings.drafts import RXNORM
from fhir_mappings.formulary import Formulary
from fhir_mappings.formulary_tables import FormularyEntry
from fhir_mappings.references import local_name

MOST_FOUND = 8
MOST_DOSE = 200  # characters


def search_formulary(formulary: Formulary, words: str) -> list[FormularyEntry]:
    """The entries with a name that contains the words; those that begin with them first."""
    wanted = " ".join(words.casefold().split())
    if not wanted:
        return []
    names = {entry: [name.casefold() for name in entry.names] for entry in formulary.entries}
    found = [entry for entry, known in names.items() if any(wanted in name for name in known)]
    found.sort(key=lambda entry: not any(name.startswith(wanted) for name in names[entry]))
    return found[:MOST_FOUND]


def new_draft(desk: EhrDesk, patient: SandboxPatient, entry: FormularyEntry, dose: str) -> Resource:
    """Keep a draft order of an ingredient."""
    coding = {"system": RXNORM, "code": entry.rxcui, "display": entry.label}
    draft: Resource = {
        "resourceType": "MedicationRequest",
        "status": "draft",
        "intent": "order",
        "medicationCodeableConcept": {"coding": [coding], "text": entry.label},
        "subject": {"reference": f"Patient/{patient.patient_id}"},
        "encounter": {"reference": f"Encounter/{patient.encounter_id}"},
        "requester": {"reference": desk.sitting.user.user_id},
        "authoredOn": desk.today.isoformat(),
    }
    return desk.store.create(_dosed(draft, dose))


def set_dose(desk: EhrDesk, draft: Resource, dose: str) -> None:
    """Write another dose text on a draft."""
    desk.store.update(_dosed(draft, dose), str(draft["id"]))


def set_status(desk: EhrDesk, order: Resource, status: str) -> None:
    """Sign an order ('active') or stop it ('stopped')."""
    desk.store.update({**order, "status": status}, str(order["id"]))


def apply_actions(desk: EhrDesk, patient_id: str, actions: Sequence[Mapping[str, Any]]) -> None:
    """Do what a suggestion proposes, for orders of this patient alone.

    Raises:
        FhirRefused: an action cannot be done; those before it are.
    """
    for action in actions:
        kind, resource = action.get("type"), action.get("resource")
        if kind == "delete":
            _delete(desk, patient_id, str(action.get("resourceId")))
        elif kind in ("create", "update") and isinstance(resource, dict):
            _require_own(resource, patient_id)
            if kind == "create":
                desk.store.create({name: one for name, one in resource.items() if name != "id"})
            else:
                _update(desk, patient_id, resource)
        else:
            raise NotSupported("an action has to be create or update with a resource, or delete")


def _delete(desk: EhrDesk, patient_id: str, reference: str) -> None:
    name = local_name(reference)
    order = desk.store.read(name.type or "MedicationRequest", name.id)
    _require_own(order, patient_id)
    desk.store.delete(str(order["resourceType"]), str(order["id"]))


def _update(desk: EhrDesk, patient_id: str, resource: Mapping[str, Any]) -> None:
    resource_id = str(resource.get("id"))
    _require_own(desk.store.read("MedicationRequest", resource_id), patient_id)
    desk.store.update(resource, resource_id)


def _require_own(resource: Mapping[str, Any], patient_id: str) -> None:
    subject = resource.get("subject")
    told = subject.get("reference") if isinstance(subject, dict) else None
    if told != f"Patient/{patient_id}":
        raise NotValid("an action is about another patient than the one whose chart is open")


def _dosed(draft: Resource, dose: str) -> Resource:
    text = " ".join(dose.split())[:MOST_DOSE]
    plain = {name: value for name, value in draft.items() if name != "dosageInstruction"}
    return plain | ({"dosageInstruction": [{"text": text}]} if text else {})
