"""The apps that may be launched, and how each proves who it is."""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import jwt

from cds_service.clients.key_sets import ALGORITHMS, KeySetRefused, find_key, read_key_set
from cds_service.sandbox.smart.errors import ClientUnproven
from cds_service.sandbox.smart.once import Once

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
MOST_ASSERTION_S = 300  # SMART: five minutes at most
MOST_JTI = 512  # characters
READING = (
    *("launch", "launch/patient", "openid", "fhirUser", "offline_access", "online_access"),
    *("patient/*.rs", "patient/*.read"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredApp:
    """One app."""

    client_id: str
    redirect_uris: tuple[str, ...]  # compared exactly
    name: str = ""
    launch_url: str | None = None  # where the EHR sends the browser
    jwks: Mapping[str, Any] | None = None  # None: a public app, which proves itself by PKCE alone
    scopes: tuple[str, ...] = READING  # the most that it is granted


class Apps:
    """The registered ones."""

    def __init__(
        self,
        apps: Iterable[RegisteredApp],
        token_url: str,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Take the apps, and the address that their assertions are for."""
        self._apps = {app.client_id: app for app in apps}
        self._token_url, self._clock = token_url, clock
        self._seen = Once(clock)

    def all(self) -> tuple[RegisteredApp, ...]:
        """Every app, as registered."""
        return tuple(self._apps.values())

    def find(self, client_id: str | None) -> RegisteredApp | None:
        """The app of an id."""
        return self._apps.get(client_id or "")

    def proven(self, form: Mapping[str, str]) -> RegisteredApp:
        """The app that sent a form to the token endpoint.

        Raises:
            ClientUnproven: no registered one, or a confidential one without a good assertion.
        """
        assertion = form.get("client_assertion")
        if assertion is None:
            app = self.find(form.get("client_id"))
            if app is None:
                raise ClientUnproven("client_id is of no registered app")
            if app.jwks is not None:
                raise ClientUnproven("this app is confidential: send a client_assertion")
            return app
        if form.get("client_assertion_type") != ASSERTION_TYPE:
            raise ClientUnproven(f"client_assertion_type has to be {ASSERTION_TYPE}")
        app = self._asserted(assertion)
        if form.get("client_id", app.client_id) != app.client_id:
            raise ClientUnproven("client_id is not that of the client_assertion")
        return app

    def _asserted(self, assertion: str) -> RegisteredApp:
        """Believe an assertion (RFC 7523 section 3, SMART asymmetric authentication).

        1. It names a registered app as iss, and a key of it, for ES384 or RS384.
        2. The signature fits; iss and sub are the app, aud is our token endpoint; it is of now.
        3. It lives five minutes at most, and its jti was not seen before.
        """
        try:
            header = jwt.get_unverified_header(assertion)
            told = jwt.decode(assertion, options={"verify_signature": False})
        except jwt.PyJWTError:
            raise ClientUnproven("client_assertion is no signed JWT") from None
        app = self.find(str(told.get("iss")))
        if app is None or app.jwks is None:
            raise ClientUnproven("iss of client_assertion is no app with registered keys")
        claims = self._verified(assertion, header, app)
        jti, lasts = claims["jti"], claims["exp"] - self._clock()
        if lasts > MOST_ASSERTION_S:
            raise ClientUnproven(f"client_assertion lives longer than {MOST_ASSERTION_S} s")
        if not isinstance(jti, str) or not 0 < len(jti) <= MOST_JTI:
            raise ClientUnproven("jti of client_assertion has to be a string of its own")
        if not self._seen.take(f"{app.client_id} {jti}", claims["exp"]):
            raise ClientUnproven("jti of client_assertion was used before: sign a new one")
        return app

    def _verified(
        self, assertion: str, header: Mapping[str, Any], app: RegisteredApp
    ) -> Mapping[str, Any]:
        kid, algorithm = header.get("kid"), header.get("alg")
        try:
            keys = read_key_set(app.jwks)
        except KeySetRefused as refused:
            raise ClientUnproven(f"the app's keys cannot be used: {refused}") from None
        key = find_key(keys, str(kid), str(algorithm))
        if algorithm not in ALGORITHMS or key is None:
            raise ClientUnproven(f"kid is of no key of the app for {' or '.join(ALGORITHMS)}")
        try:
            claims: Mapping[str, Any] = jwt.decode(
                assertion,
                key.jwk,
                algorithms=[key.algorithm],
                audience=self._token_url,
                issuer=app.client_id,
                subject=app.client_id,
                options={"require": ["iss", "sub", "aud", "exp", "jti"], "strict_aud": True},
            )
        except jwt.PyJWTError as error:
            reason = type(error).__name__
            raise ClientUnproven(f"client_assertion is not believed ({reason})") from None
        return claims
