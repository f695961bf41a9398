# ruff: noqa: N818 - an error is named after the situation
"""Every way in which the service refuses a call.

ServiceError
 ├─ MalformedRequest      400  the call breaks the CDS Hooks rules
 │   └─ WrongHook         400  the hook is not the one that this service answers
 ├─ Untrusted             401  nobody who may call
 ├─ NotForClient          403  a client that may not call this service
 ├─ UnknownService        404  no service has this id
 ├─ NotAllowed            405  the address does not take this method
 ├─ PrefetchMissing       412  data that the service cannot do without, and no way to fetch it
 ├─ PayloadTooLarge       413  the body is over the size limit
 ├─ NotAnnouncedAsJson    415  the Content-Type is not JSON
 ├─ NotAdmitted                more than is taken at once; counted, and not audited
 │   ├─ TooManyRequests   429  a client sends more a second than it may
 │   └─ Overloaded        503  too much of it is being worked on
 ├─ SwitchedOff           503  the hospital has stopped the service
 └─ AuditUnavailable      503  the decision could not be recorded, so its cards are not given

A message says what was found, what is wanted and what to do. It never repeats a value of the
request, which may be a patient's.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar


class ServiceError(Exception):
    """A refusal that the CDS Client is told about, as an OperationOutcome."""

    status: ClassVar[int] = 500
    issue_code: ClassVar[str] = "exception"  # of FHIR's value set issue-type
    headers: Mapping[str, str] = {}  # of the answer, beside those of every answer
    elements: tuple[str, ...] = ()  # of the request that are at fault, as "context.patientId"


class MalformedRequest(ServiceError):
    """The call breaks the CDS Hooks rules. The message names the field."""

    status = 400
    issue_code = "invalid"

    def __init__(self, field: str, found: str, wanted: str, do: str = "") -> None:
        advice = do or f"send {wanted} as {field}"
        super().__init__(f"{field}: found {found}, wanted {wanted}; {advice}")
        self.elements = (field,) if field != "body" else ()


class WrongHook(MalformedRequest):
    """The call names a hook that this service does not answer."""

    def __init__(self, service_id: str, wanted: str) -> None:
        super().__init__(
            "hook",
            "another hook",
            f"'{wanted}', the hook of service '{service_id}'",
            "call the service that discovery lists for your hook",
        )


class Untrusted(ServiceError):
    """Nobody who may call. Operators see why, the caller does not (CDS Hooks best practices)."""

    status = 401
    issue_code = "login"
    headers: Mapping[str, str] = {"WWW-Authenticate": 'Bearer realm="cds-services"'}

    def __init__(self) -> None:
        super().__init__(
            "this request is not from a registered client; sign each request as CDS Hooks has it, "
            "and ask the operator of this service, who sees why it was refused"
        )


class NotForClient(ServiceError):
    """A registered client called a service that it is not registered for."""

    status = 403
    issue_code = "forbidden"

    def __init__(self) -> None:
        super().__init__(
            "this client is not registered for this service; "
            "call one that discovery lists, or have the operator of this service add it"
        )


class UnknownService(ServiceError):
    """No service has the id that stands in the address."""

    status = 404
    issue_code = "not-found"

    def __init__(self, known: tuple[str, ...]) -> None:
        super().__init__(
            "the address names a service that is not offered here; "
            f"the services are {', '.join(known)}: see GET /cds-services"
        )


class NotAllowed(ServiceError):
    """The address exists but does not take this method."""

    status = 405
    issue_code = "not-supported"

    def __init__(self, allowed: tuple[str, ...]) -> None:
        super().__init__(
            f"the method of the request is not taken here; use one of {', '.join(allowed)}"
        )
        self.headers = {"Allow": ", ".join(allowed)}


class PrefetchMissing(ServiceError):
    """The call lacks data that the service needs, and they could not be fetched."""

    status = 412
    issue_code = "incomplete"

    def __init__(self, missing: Sequence[tuple[str, str, str]]) -> None:
        """Name every key that is missing, with its template and why it could not be had."""
        told = "; ".join(
            f"prefetch.{key} is missing and {why}: "
            f"send the answer to '{template}' as prefetch.{key}"
            for key, template, why in missing
        )
        super().__init__(f"{told}, or send a fhirServer with a fhirAuthorization that may read it")
        self.elements = tuple(f"prefetch.{key}" for key, _, _ in missing)


class PayloadTooLarge(ServiceError):
    """The body is over the size limit."""

    status = 413
    issue_code = "too-long"

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(
            f"the body is larger than the {limit_bytes} bytes that are taken here; "
            "send fewer or smaller prefetched resources, or have the limit raised (max_body_bytes)"
        )


class NotAnnouncedAsJson(ServiceError):
    """The body is not announced as JSON."""

    status = 415
    issue_code = "not-supported"

    def __init__(self) -> None:
        super().__init__(
            "the Content-Type of the request is missing or not JSON, wanted application/json; "
            "send the body as UTF-8 JSON with that Content-Type"
        )


class NotAdmitted(ServiceError):
    """More than is taken at once. The same request may be sent again a little later."""

    issue_code = "throttled"

    def __init__(self, reason: str, text: str, retry_after_s: int) -> None:
        """Take why, as operators count it, the text, and whole seconds for Retry-After."""
        super().__init__(text)
        self.reason = reason
        self.headers = {"Retry-After": str(retry_after_s)}


class TooManyRequests(NotAdmitted):
    """A client sends more requests a second than it may."""

    status = 429

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(
            "rate",
            "this client sends more requests a second than it may; send fewer, call again after "
            "the seconds of Retry-After, or have the operator of this service raise client_rate",
            retry_after_s,
        )


class Overloaded(NotAdmitted):
    """Too many requests are being worked on, of this client or of all."""

    status = 503

    def __init__(self, reason: str) -> None:
        """Take one of OVERLOADS."""
        super().__init__(reason, f"{OVERLOADS[reason]}; call again in a second", retry_after_s=1)


OVERLOADS = {
    "in-flight": "more requests of this client are being worked on than may be at once",
    "clients": "more clients call than this service can tell apart at once",
    "busy": "more calls came than can be worked on at once, so nothing was checked",
}  # by reason


class SwitchedOff(ServiceError):
    """The hospital has switched the service off. No cards would say "checked, nothing found"."""

    status = 503
    issue_code = "business-rule"
    headers: Mapping[str, str] = {"Retry-After": "300"}

    def __init__(self) -> None:
        super().__init__(
            "this service is switched off by the hospital, so nothing was checked and no card is "
            "given; go on without its advice, and ask the operator of this service when it is back"
        )


class AuditUnavailable(ServiceError):
    """The audit log took no entry. No advice leaves without a record."""

    status = 503
    issue_code = "transient"
    headers: Mapping[str, str] = {"Retry-After": "1"}

    def __init__(self) -> None:
        super().__init__(
            "the audit database did not do its part in time, so nothing is given and no card "
            "leaves; call again, and if it stays so have the operator look at that database"
        )
