"""What the authorization server works with, and what it says of itself."""

import time
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlencode

from cds_service.clients.key_sets import ALGORITHMS
from cds_service.sandbox.ehr_keys import JWKS_PATH, EhrKeys
from cds_service.sandbox.fhir.grants import Grant
from cds_service.sandbox.smart.apps import Apps, RegisteredApp
from cds_service.sandbox.smart.kept import Kept
from cds_service.sandbox.smart.once import Once
from cds_service.sandbox.smart.sessions import Asked, Authorized, Launch, Session

LAUNCH_S = 300.0  # from the EHR page to the authorization
ASKED_S = 600.0  # from the authorization to the click of a person
CODE_S = 60.0
ACCESS_S = 3600.0
REFRESH_S = 86_400.0
CAPABILITIES = (
    "launch-ehr launch-standalone authorize-post client-public client-confidential-asymmetric "
    "context-ehr-patient context-ehr-encounter context-standalone-patient sso-openid-connect "
    "permission-patient permission-user permission-offline permission-online "
    "permission-v1 permission-v2"
).split()


class SmartDesk:
    """The registered apps, and the launches, codes and tokens of now; all in memory."""

    def __init__(
        self,
        keys: EhrKeys,
        fhir_base: str,
        apps: Iterable[RegisteredApp] = (),
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Take the keys, whose issuer is the server's URL, and the FHIR server behind it."""
        self.keys, self.fhir_base, self.clock = keys, fhir_base, clock
        self.issuer = keys.issuer
        self.apps = Apps(apps, f"{self.issuer}/auth/token", clock)
        self.launches: Kept[Launch] = Kept(LAUNCH_S, clock)
        self.asked: Kept[Asked] = Kept(ASKED_S, clock)
        self.codes: Kept[Authorized] = Kept(CODE_S, clock)
        self.used_codes = Once(clock)
        self.access: Kept[Session] = Kept(ACCESS_S, clock)
        self.refresh: Kept[Session] = Kept(REFRESH_S, clock)

    def launch_url(self, url: str, launch: Launch) -> str:
        """Where the EHR sends a browser to open an app (SMART App Launch, EHR launch).

        Args:
            url: the app's launch URL, as a card's smart link gives it.
            launch: what it is opened for.
        """
        query = urlencode({"iss": self.fhir_base, "launch": self.launches.put(launch)})
        return f"{url}{'&' if '?' in url else '?'}{query}"

    def access_token(self, session: Session, seconds: float = ACCESS_S) -> str:
        """A token for the FHIR server; also for `fhirAuthorization` of a hook call."""
        return self.access.put(session, seconds)

    def find_grant(self, token: str) -> Grant | None:
        """What a token allows; None for one that is unknown or expired."""
        session = self.access.find(token)
        return session.grant if session else None

    def end(self, session: Session) -> None:
        """Make every token of a session void."""
        for kept in (self.access, self.refresh):
            kept.drop(lambda one: one.session_id == session.session_id)

    def configuration(self) -> dict[str, Any]:
        """The content of .well-known/smart-configuration."""
        return {
            "issuer": self.issuer,
            "jwks_uri": f"{self.issuer}{JWKS_PATH}",
            "authorization_endpoint": f"{self.issuer}/auth/authorize",
            "token_endpoint": f"{self.issuer}/auth/token",
            "introspection_endpoint": f"{self.issuer}/auth/introspect",
            "revocation_endpoint": f"{self.issuer}/auth/revoke",
            "token_endpoint_auth_methods_supported": ["none", "private_key_jwt"],
            "token_endpoint_auth_signing_alg_values_supported": list(ALGORITHMS),
            "grant_types_supported": ["authorization_code", "refresh_token"],
            "response_types_supported": ["code"],
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": True,
            "scopes_supported": sorted({s for app in self.apps.all() for s in app.scopes}),
            "capabilities": list(CAPABILITIES),
        }

    def openid_configuration(self) -> dict[str, Any]:
        """The same for OpenID Connect Discovery, from where id_tokens are verified."""
        return self.configuration() | {
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
        }
