"""What is looked at: the list of patients, and one chart with its orders and cards."""

from flask import redirect, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import NotFound

from cds_service.sandbox.ehr import panels
from cds_service.sandbox.ehr.cards import is_web_address, shown_cards
from cds_service.sandbox.ehr.chart import (
    age_of,
    allergies_of,
    chart_notes,
    chart_sections,
    day,
    dose_of,
    drug_of,
)
from cds_service.sandbox.ehr.desk import OpenChart
from cds_service.sandbox.ehr.door import desk, ehr, patient_or_404
from cds_service.sandbox.ehr.hooks import read_discovery
from cds_service.sandbox.ehr.orders import search_formulary
from cds_service.sandbox.patients import SandboxPatient

for _filter in (drug_of, day, dose_of):
    ehr.add_app_template_filter(_filter)


@ehr.get("/")
def patients() -> ResponseReturnValue:
    """The patients, and what each shows."""
    discovery = read_discovery(desk())
    return render_template(
        "ehr/patients.html",
        patients=[(one, age_of(one, desk().today)) for one in desk().patients],
        discovery=discovery,
        services=desk().sitting.services,
        panels=panels,
    )


@ehr.get("/ehr/charts/<patient_id>")
def chart(patient_id: str) -> ResponseReturnValue:
    """A chart with its orders, and the cards of the last hook that was fired."""
    patient = patient_or_404(patient_id)
    found = desk().sitting.chart(patient_id)
    query = request.args.get("q", "")
    return render_template(
        "ehr/chart.html",
        patient=patient,
        age=age_of(patient, desk().today),
        allergies=allergies_of(desk().store, patient_id),
        sections=chart_sections(desk().store, patient_id),
        notes=chart_notes(desk().store, patient_id),
        drafts=desk().orders(patient_id, "draft"),
        active=desk().orders(patient_id, "active"),
        query=query,
        entries=search_formulary(desk().formulary, query),
        opened=found,
        cards=shown_cards(found),
        may_sign=may_sign(found, patient),
        panels=panels,
    )


@ehr.get("/ehr/charts/<patient_id>/cards/<uuid>/links/<int:number>")
def open_link(patient_id: str, uuid: str, number: int) -> ResponseReturnValue:
    """Launch the app of a card's smart link (CDS Hooks 2.0, Link; SMART App Launch)."""
    patient = patient_or_404(patient_id)
    known = desk().sitting.chart(patient_id).card(uuid)
    links = known[1].get("links", ()) if known else ()
    link = links[number] if number < len(links) else {}
    if link.get("type") != "smart" or not is_web_address(link.get("url")):
        raise NotFound("there is no such link: fire the hook again")
    launch = desk().launch_of(patient, link.get("appContext"))
    return redirect(desk().smart.launch_url(link["url"], launch), 303)


def may_sign(found: OpenChart, patient: SandboxPatient) -> bool:
    """Whether the drafts that there are now have been before the service, for signing."""
    last = found.firings[0].occasion if found.firings else None
    drafts = {one["id"] for one in desk().orders(patient.patient_id, "draft")}
    asked = {one["id"] for one in last.drafts} if last and last.hook == "order-sign" else set()
    return bool(drafts) and drafts <= asked
