"""A hook is fired: discovery is read, the request built and sent, and the answer kept."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from cds_service.cds_client.answer import Answer
from cds_service.cds_client.client import DISCOVERY, NoAnswer
from cds_service.sandbox.ehr.desk import EhrDesk, Firing
from cds_service.sandbox.firing import FhirAccess, HookCall, Occasion, OwnChart, build_call
from cds_service.sandbox.patients import SandboxPatient
from cds_service.sandbox.smart.sessions import Session

SERVICE_CLIENT_ID = "lamo-cds"  # of the service, at the authorization server
ACCESS_S = 120  # that its token lasts
ACCESS_SCOPE = "patient/*.rs"


def fire(desk: EhrDesk, patient: SandboxPatient, hook: str, selected: Sequence[str] = ()) -> Firing:
    """Fire a hook for a patient, with every draft of theirs where the hook is about orders."""
    occasion = Occasion(
        hook=hook,
        patient_id=patient.patient_id,
        user_id=desk.sitting.user.user_id,
        encounter_id=patient.encounter_id,
        drafts=desk.orders(patient.patient_id, "draft"),
        selected=selected,
    )
    call, answer = _fired(desk, patient, occasion)
    firing = Firing(occasion=occasion, call=call, answer=answer, moment=desk.clock())
    desk.sitting.chart(patient.patient_id).firings.appendleft(firing)
    return firing


def read_discovery(desk: EhrDesk) -> Answer:
    """Ask the service what it offers, and keep that when it tells."""
    answer = shown(desk.client.discovery)
    if answer.services is not None:
        desk.sitting.services = answer.services
    return answer


def shown(ask: Callable[[], Answer]) -> Answer:
    """An answer, or, to be shown in its place, why there is none."""
    try:
        return ask()
    except NoAnswer as none:
        return none.answer


def _fired(
    desk: EhrDesk, patient: SandboxPatient, occasion: Occasion
) -> tuple[HookCall | None, Answer]:
    service = _service_for(desk, occasion.hook)
    if service is None:  # not read yet, or another version of the service runs now
        answer = read_discovery(desk)
        if answer.problem is not None:
            return None, answer
        service = _service_for(desk, occasion.hook)
    if service is None:
        problem = f"discovery lists no service for the hook {occasion.hook}"
        return None, Answer(url=desk.client.url + DISCOVERY, problem=problem)
    call = build_call(service, occasion, _chart(desk), _access(desk, patient))
    return call, shown(partial(desk.client.call, call.service_id, call.body))


def _service_for(desk: EhrDesk, hook: str) -> Mapping[str, Any] | None:
    return next((one for one in desk.sitting.services if one.get("hook") == hook), None)


def _chart(desk: EhrDesk) -> OwnChart | None:
    if not desk.sitting.sends_prefetch:
        return None
    return OwnChart(store=desk.store, base=desk.smart.fhir_base)


def _access(desk: EhrDesk, patient: SandboxPatient) -> FhirAccess:
    """A token for this patient, of which prefetch leaves the notes behind an URL alone."""
    session = Session(
        client_id=SERVICE_CLIENT_ID, scopes=(ACCESS_SCOPE,), launch=desk.launch_of(patient)
    )
    return FhirAccess(
        server=desk.smart.fhir_base,
        token=desk.smart.access_token(session, ACCESS_S),
        scope=ACCESS_SCOPE,
        seconds=ACCESS_S,
        subject=SERVICE_CLIENT_ID,
    )
