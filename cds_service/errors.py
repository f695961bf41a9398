# ruff: noqa: N818 - an error is named after the situation
"""Every way in which the service refuses a call.

ServiceError
 ├─ MalformedRequest      400  the call breaks the CDS Hooks rules
 ├─ NotAnnouncedAsJson    400  the Content-Type is not JSON
 │   └─ WrongHook         400  the hook is not the one that this service answers
 ├─ UnknownService        404  no service has this id
 ├─ NotAllowed            405  the address does not take this method
 ├─ PrefetchMissing       412  data that the service cannot do without, and no way to fetch it
 ├─ PayloadTooLarge       413  the body is over the size limit
 └─ AuditUnavailable      503  the decision could not be recorded, so its cards are not given

A message says what was found, what is wanted and what to do. It never repeats a value of the
request, which may be a patient's.
"""

from typing import ClassVar


class ServiceError(Exception):
    """A refusal that the CDS Client is told about, as an OperationOutcome."""

    status: ClassVar[int] = 500
    issue_code: ClassVar[str] = "exception"  # of FHIR's value set issue-type


class MalformedRequest(ServiceError):
    """The call breaks the CDS Hooks rules. The message names the field."""

    status = 400
    issue_code = "invalid"

    def __init__(self, field: str, found: str, wanted: str, do: str = "") -> None:
        advice = do or f"send {wanted} as {field}"
        super().__init__(f"{field}: found {found}, wanted {wanted}; {advice}")
        self.field = field


class WrongHook(MalformedRequest):
    """The call names a hook that this service does not answer."""

    def __init__(self, service_id: str, wanted: str) -> None:
        super().__init__(
            "hook",
            "another hook",
            f"'{wanted}', the hook of service '{service_id}'",
            "call the service that discovery lists for your hook",
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
        self.allowed = allowed


class PrefetchMissing(ServiceError):
    """The call lacks data that the service needs, and they could not be fetched."""

    status = 412
    issue_code = "incomplete"

    def __init__(self, key: str, template: str, why: str) -> None:
        super().__init__(
            f"prefetch.{key} is missing and {why}: send the answer to '{template}' as "
            f"prefetch.{key}, or send a fhirServer with a fhirAuthorization that may read it"
        )
        self.key = key


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

    status = 400
    issue_code = "not-supported"

    def __init__(self) -> None:
        super().__init__(
            "the Content-Type of the request is missing or not JSON, wanted application/json; "
            "send the body as UTF-8 JSON with that Content-Type"
        )


class AuditUnavailable(ServiceError):
    """The audit log took no entry. No advice leaves without a record."""

    status = 503
    issue_code = "transient"

    def __init__(self) -> None:
        super().__init__(
            "the decision could not be recorded in the audit log, so no card is given; "
            "call again, and if it stays so have the operator look at the audit database"
        )
