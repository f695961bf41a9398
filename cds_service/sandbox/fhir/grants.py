"""What an access token of the sandbox allows (SMART App Launch 2 scopes)."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cds_service.sandbox.fhir.errors import LoginNeeded, ScopeMissing

SCOPE = re.compile(  # level, type, and what may be done: of version 2 or version 1
    r"(patient|user|system)/(\*|[A-Z][A-Za-z]+)\.((?=[cruds])c?r?u?d?s?|read|write|\*)"
)
V1 = {"read": "rs", "write": "cud", "*": "cruds"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """Who may do what, until the token ends."""

    scopes: tuple[str, ...]
    patient: str | None = None  # whose chart `patient/` scopes are about

    def allows(self, resource_type: str, interaction: str) -> bool:
        """Whether one of c, r, u, d, s is covered for a type."""
        return self._by(resource_type, interaction) is not None

    def is_bound_to_patient(self, resource_type: str, interaction: str) -> bool:
        """Whether it is covered for the patient of the launch alone."""
        return self._by(resource_type, interaction) == "patient"

    def _by(self, resource_type: str, interaction: str) -> str | None:
        found = None
        for scope in self.scopes:
            match = SCOPE.fullmatch(scope)
            if match is None or match[2] not in ("*", resource_type):
                continue
            if interaction in V1.get(match[3], match[3]):
                found = match[1] if found in (None, "patient") else found
        return found


FindGrant = Callable[[str], Grant | None]  # by the access token


def require_grant(grant: Grant | None, resource_type: str, interaction: str) -> None:
    """Return when a token covers an interaction; an open server asks for none.

    Raises:
        ScopeMissing: it does not.
    """
    if grant is not None and not grant.allows(resource_type, interaction):
        raise ScopeMissing(f"the access token has no scope for {resource_type}.{interaction}")


def may_see(grant: Grant | None, resource: Mapping[str, Any], interaction: str) -> bool:
    """Whether a resource is one that a token is about, for r or s; an open server hides none."""
    resource_type = str(resource["resourceType"])
    if grant is None:
        return True
    if not grant.is_bound_to_patient(resource_type, interaction):
        return grant.allows(resource_type, interaction)
    return patient_of(resource) in (None, grant.patient)


def require_own(grant: Grant | None, resource: Mapping[str, Any], interaction: str) -> None:
    """Return when a resource that is to be written is of the token's patient.

    Raises:
        ScopeMissing: it is another patient's, or does not say whose it is.
    """
    resource_type = str(resource["resourceType"])
    if grant is None or not grant.is_bound_to_patient(resource_type, interaction):
        return
    if patient_of(resource) != grant.patient:
        raise ScopeMissing("the access token is for another patient")


def patient_of(resource: Mapping[str, Any]) -> str | None:
    """The id of the patient whose resource it is; None for one of nobody."""
    if resource["resourceType"] == "Patient":
        return str(resource["id"])
    for name in ("subject", "patient", "securityContext"):
        if name in resource:
            return str(resource[name].get("reference")).removeprefix("Patient/")
    return None


def bearer(header: str | None, find: FindGrant, *, is_open: bool) -> Grant | None:
    """The grant of an Authorization header; None where none is asked for.

    Raises:
        LoginNeeded: a token is needed, or the one that came is unknown or expired.
    """
    if not header:
        if is_open:
            return None
        raise LoginNeeded("send an access token as Authorization: Bearer TOKEN")
    kind, _, token = header.partition(" ")
    grant = find(token.strip()) if kind.lower() == "bearer" else None
    if grant is None:
        raise LoginNeeded("the access token is unknown or expired: get a new one")
    return grant
