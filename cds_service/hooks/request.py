"""One hook call, read from JSON. Lenient where recorded CDS Clients are loose, strict elsewhere.

Members that nobody knows are ignored, each refusal names its field, and none repeats a value.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from cds_service.errors import MalformedRequest, WrongHook
from cds_service.hooks.discovery import Service
from cds_service.hooks.members import matching_at, object_at, optional_object_at, text_at
from cds_service.hooks.orders import Orders, read_orders

FHIR_ID = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9\-.]{1,64}")  # dots alone lead elsewhere in a URL
USER_ID = re.compile(r"([A-Z][A-Za-z]{1,63}/)?(?!\.{1,2}$)[A-Za-z0-9\-.]{1,64}")
TOKEN = re.compile(r"[\x21-\x7e]{1,8192}")
UUID_TEXT = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


@dataclass(frozen=True, slots=True, kw_only=True)
class HookRequest:
    """What the CDS Client sent, read and checked."""

    service_id: str
    hook: str
    hook_instance: str  # a UUID; not a nonce, retries repeat it
    user_id: str  # "Practitioner/123", as claimed
    patient_id: str
    encounter_id: str | None = None
    orders: Orders = field(default_factory=Orders)
    prefetch: Mapping[str, Any] = field(default_factory=dict)
    fhir_server: str | None = None  # absolute http(s) URL, without a slash at the end
    fhir_authorization: str | None = field(default=None, repr=False)  # the access token
    token_fault: str | None = None  # why fhir_server may not be read with what came

    @classmethod
    def from_json(cls, service: Service, body: Mapping[str, Any]) -> "HookRequest":
        """Read the body of a call to `service`.

        Raises:
            MalformedRequest: a member is missing or of the wrong type; names it.
            WrongHook: the call is for another hook.
        """
        if text_at(body, "hook", "the name of a hook") != service.hook:
            raise WrongHook(service.service_id, service.hook)
        context = object_at(body, "context")
        patient_id = _bare_id(context, "patientId", "Patient")
        server = _fhir_server(body)
        token, token_fault = _access(body, server, patient_id)
        return cls(
            service_id=service.service_id,
            hook=service.hook,
            hook_instance=_hook_instance(body),
            user_id=matching_at(context, "context.userId", USER_ID, "a reference such as Type/id"),
            patient_id=patient_id,
            encounter_id=_encounter_id(service, context),
            orders=read_orders(service, context),
            prefetch=optional_object_at(body, "prefetch"),
            fhir_server=server,
            fhir_authorization=token,
            token_fault=token_fault,
        )

    @property
    def context_tokens(self) -> dict[str, str]:
        """The values that prefetch templates may name."""
        tokens = {"patientId": self.patient_id, "userId": self.user_id}
        return tokens | ({"encounterId": self.encounter_id} if self.encounter_id else {})


def _hook_instance(body: Mapping[str, Any]) -> str:
    return str(UUID(matching_at(body, "hookInstance", UUID_TEXT, "a UUID")))


def _bare_id(context: Mapping[str, Any], name: str, resource_type: str) -> str:
    """The bare id; 'Patient/123' for patientId is a common slip and means the same."""
    path, wanted = f"context.{name}", f"the bare FHIR id of the {resource_type.lower()}"
    text = text_at(context, path, wanted).removeprefix(f"{resource_type}/")
    if not FHIR_ID.fullmatch(text):
        raise MalformedRequest(path, "a string of another form", wanted)
    return text


def _encounter_id(service: Service, context: Mapping[str, Any]) -> str | None:
    if context.get("encounterId") is None and not service.needs_encounter:
        return None
    return _bare_id(context, "encounterId", "Encounter")


def _fhir_server(body: Mapping[str, Any]) -> str | None:
    if body.get("fhirServer") is None:
        return None
    wanted = "the absolute http or https base URL of a FHIR server"
    text = text_at(body, "fhirServer", wanted).rstrip("/")
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


def _access(
    body: Mapping[str, Any], server: str | None, patient_id: str
) -> tuple[str | None, str | None]:
    """(the access token, why it is of no use); the scope is the client's business."""
    if body.get("fhirAuthorization") is None:
        return None, None
    if server is None:
        raise MalformedRequest(
            "fhirServer", "nothing", "the FHIR server that fhirAuthorization is for"
        )
    authorization = object_at(body, "fhirAuthorization")
    _check_patient(authorization, patient_id)
    path = "fhirAuthorization.access_token"
    token = matching_at(authorization, path, TOKEN, "an OAuth 2.0 access token")
    return token, _token_fault(authorization)


def _check_patient(authorization: Mapping[str, Any], patient_id: str) -> None:
    """A token that is restricted to a patient has to be one for the patient in context."""
    told = authorization.get("patient")
    if told is not None and told not in (patient_id, f"Patient/{patient_id}"):
        wanted = "the patient of context.patientId"
        advice = "send a token for that patient, or leave the member out"
        raise MalformedRequest("fhirAuthorization.patient", "another value", wanted, advice)


def _token_fault(authorization: Mapping[str, Any]) -> str | None:
    """What makes the token of no use: CDS Hooks has bearer tokens that are still to expire.

    A clause, as it stands in a refusal or on a card. What is left out, or of another type, says
    nothing: the FHIR server knows best.
    """
    kind, seconds = authorization.get("token_type"), authorization.get("expires_in")
    if isinstance(kind, str) and kind.lower() != "bearer":
        return "the token_type of fhirAuthorization is not Bearer"
    if isinstance(seconds, int | float) and not isinstance(seconds, bool) and seconds <= 0:
        return "the access token of fhirAuthorization has expired, by its expires_in"
    return None
