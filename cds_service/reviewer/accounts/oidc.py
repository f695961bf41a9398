"""Signing in at an identity provider: OpenID Connect Core 1.0, code flow with PKCE (RFC 7636).

What is remembered of a sign-in under way (state, nonce, verifier) stands sealed in a cookie of its
own, not in the session's: that one is SameSite=Strict, and no browser sends it along when it comes
back from another site.
"""

import hmac
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, get_args

from authlib.integrations.requests_client import OAuth2Session
from joserfc.errors import JoseError

from cds_service.keys.service import KeyService
from cds_service.oauth.exchange import NotExchanged, exchange
from cds_service.oauth.remembered import NotRemembered, recall, remember
from cds_service.outbound.errors import ReadFailed
from cds_service.outbound.fetch import fetch_json
from cds_service.outbound.guard import Guard
from cds_service.reviewer.accounts.id_token import IdTokenWanted, read_id_token
from cds_service.reviewer.accounts.provided import Vouched
from cds_service.reviewer.roles import Role
from cds_service.settings import Settings
from lamo.deadline import Deadline

CALLBACK = "/review/oidc/callback"  # below the base URL: what is registered at the provider
DISCOVERY = "/.well-known/openid-configuration"
ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")
MS = 5000  # for everything that is asked of the provider on one request
MAX_BYTES = 256 * 1024
FRESH_S = 600.0  # that what the provider says of itself is kept
CONTEXT = "sign-in under way"

Clock = Callable[[], datetime]


class ProviderRefused(Exception):  # noqa: N818 - a situation, named as such
    """Nobody is signed in. The reason is for the operator's log, and holds nothing of a person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderPlan:
    """What the settings say of the provider."""

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    redirect_uri: str
    roles_claim: str
    roles: Mapping[str, Role]  # by value of that claim


class Provider:
    """The identity provider of the settings. One per process."""

    def __init__(self, plan: ProviderPlan, guard: Guard, keys: KeyService, clock: Clock) -> None:
        self._plan, self._guard, self._keys, self._clock = plan, guard, keys, clock
        self._lock = threading.Lock()
        self._metadata: dict[str, str] = {}
        self._read_at = 0.0  # monotonic clock

    def begin(self, next_path: str) -> tuple[str, str]:
        """Where to send a person, and the cookie that remembers what was asked there.

        Raises:
            ProviderRefused: the provider cannot be asked now.
        """
        asked = {name: secrets.token_urlsafe(32) for name in ("state", "nonce", "verifier")}
        url = self._client().create_authorization_url(
            self._endpoint("authorization_endpoint", Deadline.after_ms(MS)),
            state=asked["state"],
            nonce=asked["nonce"],
            code_verifier=asked["verifier"],
        )[0]
        asked["next"] = next_path
        return url, remember(self._keys, asked, CONTEXT, self._clock())

    def finish(self, cookie: str, answer: Mapping[str, str]) -> tuple[Vouched, str]:
        """Whom the provider vouches for, and where they wanted to go.

        Args:
            cookie: of begin().
            answer: the parameters that the browser came back with.

        Raises:
            ProviderRefused: for nobody, or not in the way that was asked.
        """
        deadline = Deadline.after_ms(MS)
        asked = self._remembered(cookie)  # 1. this browser began, not long ago
        self._check_answer(asked, answer)  # 2. and this is the answer to what it asked
        token = self._token(answer["code"], asked["verifier"], deadline)  # 3. with its verifier
        wanted = IdTokenWanted(
            issuer=self._plan.issuer,
            client_id=self._plan.client_id,
            nonce=asked["nonce"],
            access_token=token.get("access_token"),
            now_s=int(self._clock().timestamp()),
        )
        keys = self._fetch(self._endpoint("jwks_uri", deadline), deadline)
        try:
            claims = read_id_token(token.get("id_token"), keys, wanted)  # 4. signed, for us, now
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise ProviderRefused(f"the ID token: {type(error).__name__}") from None
        return self._vouched(claims), asked["next"]  # 5. with a role here

    def _remembered(self, cookie: str) -> dict[str, Any]:
        try:
            return recall(self._keys, cookie, CONTEXT, self._clock())
        except NotRemembered as why:
            raise ProviderRefused(str(why)) from None

    def _check_answer(self, asked: Mapping[str, str], answer: Mapping[str, str]) -> None:
        if not hmac.compare_digest(answer.get("state", "").encode(), asked["state"].encode()):
            raise ProviderRefused("the state is another")
        if answer.get("iss", self._plan.issuer) != self._plan.issuer:  # RFC 9207
            raise ProviderRefused("the answer names another issuer")
        if "code" not in answer:
            raise ProviderRefused("the provider gave no code")

    def _token(self, code: str, verifier: str, deadline: Deadline) -> Mapping[str, Any]:
        """Exchange the code, where it may be asked and no longer than there is time."""
        url = self._endpoint("token_endpoint", deadline)
        asked = {"code": code, "code_verifier": verifier}
        try:
            return exchange(self._client(), url, self._guard, deadline, **asked)
        except NotExchanged as why:
            raise ProviderRefused(str(why)) from None

    def _vouched(self, claims: Mapping[str, Any]) -> Vouched:
        said = claims.get(self._plan.roles_claim, [])
        values = [said] if isinstance(said, str) else said
        if not isinstance(values, list):
            raise ProviderRefused("the claim of roles is neither a text nor a list")
        known = self._plan.roles
        roles = frozenset(known[one] for one in values if isinstance(one, str) and one in known)
        if not roles:
            raise ProviderRefused("the person has no role here")
        return Vouched(
            issuer=self._plan.issuer,
            subject=str(claims["sub"]),
            called=str(claims.get("preferred_username", "")),
            roles=roles,
        )

    def _endpoint(self, name: str, deadline: Deadline) -> str:
        with self._lock:
            if not self._metadata or time.monotonic() - self._read_at > FRESH_S:
                self._metadata, self._read_at = self._discover(deadline), time.monotonic()
            return self._metadata[name]

    def _discover(self, deadline: Deadline) -> dict[str, str]:
        """What the provider says of itself (OpenID Connect Discovery 1.0 section 4)."""
        said = self._fetch(self._plan.issuer.rstrip("/") + DISCOVERY, deadline)
        if not isinstance(said, dict) or said.get("issuer") != self._plan.issuer:
            raise ProviderRefused("what the provider says of itself is of another issuer")
        found = {name: str(said.get(name)) for name in ENDPOINTS}
        if not all(map(self._guard.allows_scheme, found.values())):
            raise ProviderRefused("an endpoint of the provider is missing, or not https")
        return found

    def _fetch(self, url: str, deadline: Deadline) -> Any:
        try:
            return fetch_json(url, self._guard, deadline, MAX_BYTES)
        except ReadFailed as failure:
            raise ProviderRefused(f"the provider {failure}") from None

    def _client(self) -> Any:
        """Authlib's client, which is untyped."""
        return OAuth2Session(
            client_id=self._plan.client_id,
            client_secret=self._plan.client_secret,
            scope="openid profile",
            redirect_uri=self._plan.redirect_uri,
            code_challenge_method="S256",
        )


def provider_of(settings: Settings, keys: KeyService, clock: Clock) -> Provider | None:
    """The identity provider of the settings, if there is one."""
    if settings.oidc_issuer is None or settings.oidc_client_secret is None:
        return None
    plan = ProviderPlan(
        issuer=settings.oidc_issuer,
        client_id=str(settings.oidc_client_id),
        client_secret=settings.oidc_client_secret.get_secret_value(),
        redirect_uri=settings.base_url + CALLBACK,
        roles_claim=settings.oidc_roles_claim,
        roles=_mapping(settings.oidc_roles),
    )
    return Provider(plan, Guard.of(settings), keys, clock)


def _mapping(words: tuple[str, ...]) -> Mapping[str, Role]:
    """Roles by what the provider calls them; without words, as they are called here."""
    by_name = {role: role for role in get_args(Role)}
    pairs = (word.rpartition("=") for word in words)
    return {value: by_name[role] for value, _, role in pairs} or by_name
