"""Who looks, as the audit log names them."""

import re
from collections.abc import Mapping
from typing import Any

from cds_service.outbound.urls import is_under

REFERENCE = re.compile(r"[A-Z][A-Za-z]{1,63}/[A-Za-z0-9\-.]{1,64}")
ELSEWHERE = re.compile(rf".+/{REFERENCE.pattern}")


def user_of(claims: Mapping[str, Any], base: str) -> str:
    """The fhirUser of an id_token, as hook calls name users: "Practitioner/123".

    Args:
        claims: of the id_token, which was verified.
        base: of the FHIR server that the app was launched by; a user of another keeps its URL.

    Returns:
        A reference; for who is no resource, the issuer's subject.
    """
    said = claims.get("fhirUser")
    if isinstance(said, str):
        plain = said[len(base) :].lstrip("/") if is_under(said, base) else said
        if REFERENCE.fullmatch(plain):
            return plain
        if is_under(said, said) and len(said) <= 255 and ELSEWHERE.fullmatch(said):
            return said
    return f"subject/{str(claims['sub'])[:200]}"


def kind_of(user: str) -> str:
    """The type of a user's resource, as the audit log has it in place of a role."""
    return user.rpartition("/")[0].rpartition("/")[2] or "unknown"
