"""What is done: each click changes something, fires a hook where an EHR does, and comes back."""

from collections.abc import Mapping

from flask import redirect, request, url_for
from flask.typing import ResponseReturnValue

from cds_service.sandbox.ehr import orders
from cds_service.sandbox.ehr.chart import drug_of
from cds_service.sandbox.ehr.desk import Firing, OpenChart
from cds_service.sandbox.ehr.door import desk, ehr, patient_or_404
from cds_service.sandbox.ehr.hooks import fire
from cds_service.sandbox.ehr.pages import may_sign
from cds_service.sandbox.fhir.errors import FhirRefused, NotThere
from cds_service.sandbox.fhir.store import Resource
from cds_service.sandbox.patients import SandboxPatient
from fhir_mappings.formulary import UnknownIngredient


def back(patient_id: str) -> ResponseReturnValue:
    """Go to a chart after a click (303, so that a reload clicks nothing)."""
    return redirect(url_for("ehr.chart", patient_id=patient_id), 303)


@ehr.post("/ehr/sitting")
def change_sitting() -> ResponseReturnValue:
    """Be somebody else; send the prefetch, or leave the service to read the FHIR server."""
    sitting, user_id = desk().sitting, request.form.get("user")
    sitting.sends_prefetch = request.form.get("prefetch") == "yes"
    sitting.user = next((one for one in desk().users if one.user_id == user_id), sitting.user)
    patient_id = request.form.get("patient", "")
    if desk().patient(patient_id) is None:
        return redirect(url_for("ehr.patients"), 303)
    sends = "with" if sitting.sends_prefetch else "without"
    sitting.chart(patient_id).tell(
        f"You are {sitting.user.name} now, and calls go {sends} prefetch."
    )
    return back(patient_id)


@ehr.post("/ehr/charts/<patient_id>/open")
def open_chart(patient_id: str) -> ResponseReturnValue:
    """Open a chart: patient-view."""
    patient = patient_or_404(patient_id)
    _told(patient, fire(desk(), patient, "patient-view"), "Chart opened.")
    return back(patient_id)


@ehr.post("/ehr/charts/<patient_id>/discharge")
def discharge(patient_id: str) -> ResponseReturnValue:
    """Begin the discharge: encounter-discharge."""
    patient = patient_or_404(patient_id)
    _told(patient, fire(desk(), patient, "encounter-discharge"), "Discharge begun.")
    return back(patient_id)


@ehr.post("/ehr/charts/<patient_id>/select")
def select(patient_id: str) -> ResponseReturnValue:
    """Choose a medication of the formulary, or one of the drafts to try: order-select."""
    patient, form = patient_or_404(patient_id), request.form
    try:
        draft = _draft(patient, form)
    except (FhirRefused, UnknownIngredient, LookupError):
        _chart(patient).tell("No such medication: choose one of the list.", is_refused=True)
        return back(patient_id)
    firing = fire(desk(), patient, "order-select", [draft["id"]])
    _told(patient, firing, f"Draft order of {drug_of(draft)} written.")
    return back(patient_id)


@ehr.post("/ehr/charts/<patient_id>/drafts/<order_id>/dose")
def dose(patient_id: str, order_id: str) -> ResponseReturnValue:
    """Write the dose text of a draft."""
    patient = patient_or_404(patient_id)
    orders.set_dose(desk(), _order(patient, order_id, "draft"), request.form.get("dose", ""))
    _chart(patient).tell("Dose saved.")
    return back(patient_id)


@ehr.post("/ehr/charts/<patient_id>/drafts/<order_id>/remove")
def remove(patient_id: str, order_id: str) -> ResponseReturnValue:
    """Take a draft away."""
    patient = patient_or_404(patient_id)
    desk().store.delete("MedicationRequest", _order(patient, order_id, "draft")["id"])
    _chart(patient).tell("Draft removed.")
    return back(patient_id)


@ehr.post("/ehr/charts/<patient_id>/sign")
def sign(patient_id: str) -> ResponseReturnValue:
    """Begin to sign: order-sign. Where the service has nothing to say, the orders are signed."""
    patient = patient_or_404(patient_id)
    if not desk().orders(patient_id, "draft"):
        _chart(patient).tell("There is no draft to sign: choose one first.", is_refused=True)
        return back(patient_id)
    firing = fire(desk(), patient, "order-sign")
    _told(patient, firing, "Before signing: read the cards, then sign.")
    if firing.answer.problem is None and not firing.answer.cards:
        _sign(patient)
    return back(patient_id)


@ehr.post("/ehr/charts/<patient_id>/sign/confirm")
def confirm(patient_id: str) -> ResponseReturnValue:
    """Sign what has been before the service."""
    patient = patient_or_404(patient_id)
    if may_sign(_chart(patient), patient):
        _sign(patient)
    else:
        text = "The drafts are others than those that were checked: begin to sign again."
        _chart(patient).tell(text, is_refused=True)
    return back(patient_id)


@ehr.post("/ehr/charts/<patient_id>/orders/<order_id>/stop")
def stop(patient_id: str, order_id: str) -> ResponseReturnValue:
    """Stop an order."""
    patient = patient_or_404(patient_id)
    orders.set_status(desk(), _order(patient, order_id, "active"), "stopped")
    _chart(patient).tell("Order stopped.")
    return back(patient_id)


@ehr.errorhandler(FhirRefused)
def tell_refused(error: FhirRefused) -> ResponseReturnValue:
    """What the FHIR store refuses of a click is said on the chart."""
    patient_id = str((request.view_args or {}).get("patient_id"))
    desk().sitting.chart(patient_id).tell(f"Not done: {error}.", is_refused=True)
    return back(patient_id)


def _draft(patient: SandboxPatient, form: Mapping[str, str]) -> Resource:
    """The draft of the form: `trial`, the place of one to try, or `rxcui` and `dose`."""
    if "trial" in form:
        trials = {str(place): one for place, one in enumerate(patient.drafts)}
        trial = trials[form["trial"]]
        return desk().store.create({name: one for name, one in trial.items() if name != "id"})
    entry = desk().formulary.entry(form.get("rxcui", ""))
    return orders.new_draft(desk(), patient, entry, form.get("dose", ""))


def _sign(patient: SandboxPatient) -> None:
    drafts = desk().orders(patient.patient_id, "draft")
    for draft in drafts:
        orders.set_status(desk(), draft, "active")
    count = "1 order is" if len(drafts) == 1 else f"{len(drafts)} orders are"
    _chart(patient).tell(f"{count} signed and active.")


def _order(patient: SandboxPatient, order_id: str, status: str) -> Resource:
    for one in desk().orders(patient.patient_id, status):
        if one["id"] == order_id:
            return one
    raise NotThere("this order is not there any more, or in another state")


def _chart(patient: SandboxPatient) -> OpenChart:
    return desk().sitting.chart(patient.patient_id)


def _told(patient: SandboxPatient, firing: Firing, done: str) -> None:
    """Say what a click did, and how the hook went."""
    answer, cards = firing.answer, len(firing.answer.cards)
    if answer.problem is not None:
        text = f"{done} {firing.occasion.hook} failed: {answer.problem}."
    elif cards:
        text = f"{done} The service gave {cards} {'card' if cards == 1 else 'cards'}."
    else:
        text = f"{done} The service checked it and has nothing to say."
    _chart(patient).tell(text, is_refused=answer.problem is not None)
