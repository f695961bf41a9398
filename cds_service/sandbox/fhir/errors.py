"""What the sandbox's FHIR server refuses, each told as an OperationOutcome."""

from typing import ClassVar


class FhirRefused(Exception):  # noqa: N818 - a situation
    """A request that is not answered; the message says what was found and what is wanted."""

    status: ClassVar[int] = 400
    code: ClassVar[str] = "invalid"  # of FHIR's value set issue-type


class OtherMedia(FhirRefused):
    """A body of a kind that is not read here."""

    status = 415
    code = "not-supported"


class NotSupported(FhirRefused):
    """A resource type, parameter or interaction that this server does not have."""

    code = "not-supported"


class NotThere(FhirRefused):
    """No resource has this type and id."""

    status = 404
    code = "not-found"


class Deleted(FhirRefused):
    """The resource was there, and was deleted."""

    status = 410
    code = "deleted"


class Conflict(FhirRefused):
    """The resource is not in the state that the request takes for granted."""

    status = 409
    code = "conflict"


class OtherVersion(FhirRefused):
    """If-Match names a version that is not the present one."""

    status = 412
    code = "conflict"


class NotValid(FhirRefused):
    """The resource is no valid FHIR R4."""

    status = 422
    code = "structure"


class LoginNeeded(FhirRefused):
    """The access token is missing, unknown or expired."""

    status = 401
    code = "login"


class ScopeMissing(FhirRefused):
    """The access token does not cover this."""

    status = 403
    code = "forbidden"
