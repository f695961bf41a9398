"""The request of one hook, as an EHR builds it from what its chart holds (CDS Hooks 2.0)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl
from uuid import uuid4

from cds_service.hooks.discovery import resolve_template
from cds_service.sandbox.fhir.errors import Deleted, FhirRefused, NotThere
from cds_service.sandbox.fhir.search import search, searchset
from cds_service.sandbox.fhir.store import Resource, Store
from fhir_mappings.outcome import operation_outcome

PHYSICIAN = "Practitioner/sandbox-physician"  # of the sandbox's users, where nobody is named
ORDER_HOOKS = frozenset({"order-select", "order-sign"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Occasion:
    """What happens in the EHR, and with whose chart."""

    hook: str
    patient_id: str
    user_id: str = PHYSICIAN
    encounter_id: str | None = None
    drafts: Sequence[Resource] = ()  # of the two order hooks: every draft of the patient
    selected: Sequence[str] = ()  # order-select: ids of the drafts that are being chosen

    def context(self) -> dict[str, Any]:
        """The `context` that the definition of the hook asks for."""
        told: dict[str, Any] = {"userId": self.user_id, "patientId": self.patient_id}
        if self.encounter_id:
            told["encounterId"] = self.encounter_id
        if self.hook == "order-select":
            told["selections"] = [f"MedicationRequest/{one}" for one in self.selected]
        if self.hook in ORDER_HOOKS:
            told["draftOrders"] = {
                "resourceType": "Bundle",
                "type": "collection",
                "entry": [{"resource": draft} for draft in self.drafts],
            }
        return told


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnChart:
    """Where the prefetch of a request is filled from."""

    store: Store
    base: str  # the URL of its FHIR server, which stands in Bundles


@dataclass(frozen=True, slots=True, kw_only=True)
class FhirAccess:
    """Leave for the service to read the FHIR server itself, for one call."""

    server: str  # base URL
    token: str
    scope: str
    seconds: int  # that the token lasts
    subject: str  # the client id of the service at the authorization server

    def members(self, patient_id: str) -> dict[str, Any]:
        """The members of a request that give the leave."""
        authorization = {
            "access_token": self.token,
            "token_type": "Bearer",
            "expires_in": self.seconds,
            "scope": self.scope,
            "subject": self.subject,
            "patient": patient_id,
        }
        return {"fhirServer": self.server, "fhirAuthorization": authorization}


@dataclass(frozen=True, slots=True, kw_only=True)
class HookCall:
    """One request, ready to be sent."""

    service_id: str
    body: Mapping[str, Any]

    @property
    def hook(self) -> str:
        """The hook of the request."""
        return str(self.body["hook"])


def build_call(
    service: Mapping[str, Any],
    occasion: Occasion,
    chart: OwnChart | None,
    access: FhirAccess | None = None,
    new_uuid: Callable[[], str] = lambda: str(uuid4()),
) -> HookCall:
    """The request to one service.

    Args:
        service: its entry in the answer of discovery.
        occasion: what it is told of.
        chart: what every prefetch template of the service is filled from; None for no prefetch.
        access: the leave to read what is not in the prefetch; None for none.
        new_uuid: makes the hookInstance.
    """
    body: dict[str, Any] = {"hook": occasion.hook, "hookInstance": new_uuid()}
    if access is not None:
        body |= access.members(occasion.patient_id)
    body["context"] = occasion.context()
    if chart is not None:
        body["prefetch"] = fill_prefetch(chart, service.get("prefetch") or {}, occasion)
    return HookCall(service_id=str(service["id"]), body=body)


def fill_prefetch(
    chart: OwnChart, templates: Mapping[str, str], occasion: Occasion
) -> dict[str, Resource | None]:
    """The answer to every template; null where there is nothing, an OperationOutcome on an error.

    CDS Hooks 2.0, Prefetch Template.
    """
    context = occasion.context()
    tokens = {name: value for name, value in context.items() if isinstance(value, str)}
    filled = {key: resolve_template(template, tokens) for key, template in templates.items()}
    return {key: _answer(chart, query) for key, query in filled.items()}


def _answer(chart: OwnChart, query: str) -> Resource | None:
    path, _, parameters = query.partition("?")
    resource_type, _, resource_id = path.partition("/")
    try:
        if resource_id:
            return chart.store.read(resource_type, resource_id)
        found = search(chart.store, resource_type, parse_qsl(parameters, keep_blank_values=True))
    except (NotThere, Deleted):
        return None
    except FhirRefused as refused:
        return operation_outcome("error", refused.code, str(refused))
    return searchset(found, chart.base, resource_type)
