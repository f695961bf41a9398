"""One hook call, read from JSON. Lenient where recorded CDS Clients are loose, strict elsewhere.

Members that nobody knows are ignored, each refusal names its field, and none repeats a value.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from cds_service.discovery import Service
from cds_service.errors import MalformedRequest, WrongHook
from cds_service.json_body import json_type

FHIR_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
USER_ID = re.compile(r"([A-Z][A-Za-z]{1,63}/)?[A-Za-z0-9\-.]{1,64}")
TOKEN = re.compile(r"[\x21-\x7e]{1,8192}")
UUID_TEXT = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
MAX_ORDERS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class HookRequest:
    """What the CDS Client sent, read and checked."""

    service_id: str
    hook: str
    hook_instance: str  # a UUID; not a nonce, retries repeat it
    user_id: str  # "Practitioner/123", as claimed
    patient_id: str
    encounter_id: str | None = None
    draft_orders: tuple[Mapping[str, Any], ...] = ()  # every resource of the bundle, as sent
    selections: tuple[str, ...] = ()  # "MedicationRequest/request-123"; order-select only
    prefetch: Mapping[str, Any] = field(default_factory=dict)
    fhir_server: str | None = None  # absolute http(s) URL, without a slash at the end
    fhir_authorization: str | None = field(default=None, repr=False)  # the access token
    names_orders: bool = True  # False: an order hook that came without any orders in context

    @classmethod
    def from_json(cls, service: Service, body: Mapping[str, Any]) -> "HookRequest":
        """Read the body of a call to `service`.

        Raises:
            MalformedRequest: a member is missing or of the wrong type; names it.
            WrongHook: the call is for another hook.
        """
        if _text(body, "hook", "the name of a hook") != service.hook:
            raise WrongHook(service.service_id, service.hook)
        context = _object(body, "context")
        names_orders = _names_orders(service, context)
        server = _fhir_server(body)
        return cls(
            service_id=service.service_id,
            hook=service.hook,
            hook_instance=_hook_instance(body),
            user_id=_matching(context, "context.userId", USER_ID, "a reference such as Type/id"),
            patient_id=_bare_id(context, "patientId", "Patient"),
            encounter_id=_encounter_id(context),
            draft_orders=_orders(service, context) if names_orders else (),
            selections=_selections(service, context) if names_orders else (),
            prefetch=_optional_object(body, "prefetch"),
            fhir_server=server,
            fhir_authorization=_access_token(body, server),
            names_orders=names_orders,
        )

    @property
    def context_tokens(self) -> dict[str, str]:
        """The values that prefetch templates may name."""
        tokens = {"patientId": self.patient_id, "userId": self.user_id}
        return tokens | ({"encounterId": self.encounter_id} if self.encounter_id else {})


def _names_orders(service: Service, context: Mapping[str, Any]) -> bool:
    """Whether orders are to be read, or the client only says whose chart is open.

    The sandbox client, when its prescribing view is clicked again, sends order-select and
    order-sign with patientId and userId alone. That is a screen without an order: it is served,
    and a gap says that no order was checked. Orders missing from any fuller context are an error.
    """
    if service.orders_field != "draftOrders":
        return service.orders_field is not None
    told = {name for name in ("draftOrders", "selections", "encounterId") if name in context}
    return bool(told)


def _orders(service: Service, context: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    """Every resource in the Bundle of drafts; entries that hold none are left out."""
    if service.orders_field is None:
        return ()
    name = f"context.{service.orders_field}"
    bundle = _object(context, service.orders_field, name, "a FHIR Bundle of draft orders")
    entries = bundle.get("entry") or []
    if bundle.get("resourceType") != "Bundle" or not isinstance(entries, list):
        raise MalformedRequest(name, "an object of another kind", "a FHIR Bundle of draft orders")
    if len(entries) > MAX_ORDERS:
        raise MalformedRequest(name, f"{len(entries)} entries", f"at most {MAX_ORDERS} entries")
    resources = (entry.get("resource") for entry in entries if isinstance(entry, dict))
    return tuple(resource for resource in resources if isinstance(resource, dict))


def _selections(service: Service, context: Mapping[str, Any]) -> tuple[str, ...]:
    if service.hook != "order-select":
        return ()
    wanted = "an array of references such as MedicationRequest/123"
    found = context.get("selections")
    if not isinstance(found, list) or not all(isinstance(item, str) for item in found):
        raise MalformedRequest("context.selections", _found(context, "selections"), wanted)
    return tuple(found)


def _hook_instance(body: Mapping[str, Any]) -> str:
    return str(UUID(_matching(body, "hookInstance", UUID_TEXT, "a UUID")))


def _bare_id(context: Mapping[str, Any], name: str, resource_type: str) -> str:
    """The bare id; 'Patient/123' for patientId is a common slip and means the same."""
    path, wanted = f"context.{name}", f"the bare FHIR id of the {resource_type.lower()}"
    text = _text(context, name, wanted, path).removeprefix(f"{resource_type}/")
    if not FHIR_ID.fullmatch(text):
        raise MalformedRequest(path, "a string of another form", wanted)
    return text


def _encounter_id(context: Mapping[str, Any]) -> str | None:
    if context.get("encounterId") is None:
        return None
    return _bare_id(context, "encounterId", "Encounter")


def _fhir_server(body: Mapping[str, Any]) -> str | None:
    if body.get("fhirServer") is None:
        return None
    wanted = "the absolute http or https base URL of a FHIR server"
    text = _text(body, "fhirServer", wanted).rstrip("/")
    if not is_plain_url(text):
        raise MalformedRequest("fhirServer", "a string of another form", wanted)
    return text


def is_plain_url(text: str) -> bool:
    """Whether the text is an absolute http(s) URL without user, query or fragment."""
    try:
        parts = urlsplit(text)
        port_is_readable = parts.port is None or parts.port > 0
    except ValueError:
        return False
    return (
        port_is_readable
        and re.fullmatch(r"[\x21-\x7e]{1,2048}", text) is not None
        and parts.scheme in ("http", "https")
        and bool(parts.hostname)
        and not (parts.username or parts.password or parts.query or parts.fragment)
    )


def _access_token(body: Mapping[str, Any], server: str | None) -> str | None:
    """The bearer token. Scope and the other members are the client's business, and often odd."""
    if body.get("fhirAuthorization") is None:
        return None
    if server is None:
        raise MalformedRequest(
            "fhirServer", "nothing", "the FHIR server that fhirAuthorization is for"
        )
    authorization = _object(body, "fhirAuthorization")
    name = "fhirAuthorization.access_token"
    return _matching(authorization, name, TOKEN, "an OAuth 2.0 access token")


def _found(members: Mapping[str, Any], name: str) -> str:
    return json_type(members[name]) if name in members else "nothing"


def _object(
    members: Mapping[str, Any], name: str, path: str = "", wanted: str = "an object"
) -> Mapping[str, Any]:
    value = members.get(name)
    if not isinstance(value, dict):
        raise MalformedRequest(path or name, _found(members, name), wanted)
    return value


def _optional_object(members: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    return {} if members.get(name) is None else _object(members, name)


def _text(members: Mapping[str, Any], name: str, wanted: str, path: str = "") -> str:
    value = members.get(name)
    if not isinstance(value, str) or not value:
        found = "an empty string" if value == "" else _found(members, name)
        raise MalformedRequest(path or name, found, wanted)
    return value


def _matching(members: Mapping[str, Any], path: str, form: re.Pattern[str], wanted: str) -> str:
    text = _text(members, path.rpartition(".")[2], wanted, path)
    if not form.fullmatch(text):
        raise MalformedRequest(path, "a string of another form", wanted)
    return text
