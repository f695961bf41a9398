"""What the authorization server of an EHR says of itself (SMART App Launch 2, section 2.1)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cds_service.outbound.errors import ReadFailed
from cds_service.outbound.fetch import fetch_json
from cds_service.outbound.guard import Guard
from cds_service.smart.errors import EhrSilent
from lamo.deadline import Deadline

PATH = "/.well-known/smart-configuration"
MAX_BYTES = 256 * 1024
MOST_URL = 500  # characters: three of them travel in a cookie
URLS = ("issuer", "authorization_endpoint", "token_endpoint", "jwks_uri")
NAMES_ITSELF = "authorization_response_iss_parameter_supported"  # RFC 9207


@dataclass(frozen=True, slots=True, kw_only=True)
class SmartServer:
    """Where people sign in, and whose word on them is taken."""

    issuer: str  # exactly as it names itself
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    names_itself: bool = False  # in every answer, so one that names nobody is not its own

    @classmethod
    def of(cls, said: Any, guard: Guard) -> "SmartServer":
        """Read a configuration.

        Raises:
            EhrSilent: a member is missing, or is no address that may be visited.
        """
        found: dict[str, str] = {}
        for name in URLS:
            url = said.get(name) if isinstance(said, Mapping) else None
            if not isinstance(url, str) or len(url) > MOST_URL or not guard.allows_scheme(url):
                why = f"{name} of the smart-configuration is missing, too long, or not https"
                raise EhrSilent(why)
            found[name] = url
        if "S256" not in said.get("code_challenge_methods_supported", ["S256"]):
            raise EhrSilent("the smart-configuration offers no PKCE by S256")
        return cls(**found, names_itself=said.get(NAMES_ITSELF) is True)


def read_configuration(base: str, guard: Guard, deadline: Deadline) -> SmartServer:
    """Ask a FHIR server, which is a registered one, where its people sign in.

    Raises:
        EhrSilent: it does not say so.
    """
    return SmartServer.of(read_json_of(f"{base}{PATH}", guard, deadline), guard)


def read_json_of(url: str, guard: Guard, deadline: Deadline) -> Any:
    """A JSON document of the EHR's.

    Raises:
        EhrSilent: there is none.
    """
    try:
        return fetch_json(url, guard, deadline, MAX_BYTES)
    except ReadFailed as failure:
        raise EhrSilent(f"the server {failure}") from None
