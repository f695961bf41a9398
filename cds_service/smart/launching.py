"""From a launch to a session: SMART App Launch 2, EHR launch, code flow with PKCE (RFC 7636).

What is remembered on the way (state, nonce, verifier, and what the EHR said of itself) stands
sealed in the browser that began.
"""

import hmac
import secrets
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from authlib.integrations.requests_client import OAuth2Session
from joserfc.errors import JoseError

from cds_service.clients.client import RegisteredClient
from cds_service.clients.listed import Listed
from cds_service.clients.registry import ClientRegistry
from cds_service.hooks.request import FHIR_ID, TOKEN
from cds_service.keys.service import KeyService
from cds_service.oauth.exchange import NotExchanged, exchange
from cds_service.oauth.remembered import NotRemembered, recall, remember
from cds_service.outbound.guard import Guard
from cds_service.outbound.urls import is_same_base
from cds_service.reviewer.accounts.id_token import IdTokenWanted, read_id_token
from cds_service.smart.app_key import AppKey
from cds_service.smart.configuration import SmartServer, read_configuration, read_json_of
from cds_service.smart.errors import LaunchRefused, NotAllowed
from cds_service.smart.scopes import scopes
from cds_service.smart.sessions import LONGEST, Session
from cds_service.smart.users import user_of
from lamo.deadline import Deadline

CALLBACK = "/smart/callback"  # below the base URL: what is registered at the EHR
MS = 5000  # for everything that is asked of the EHR on one request
CONTEXT = "smart launch under way"
MOST_LAUNCH = 4096  # characters of `launch`, which is opaque
UNKNOWN = (
    "This app is not registered for the EHR that opened it. Ask the operator of this service to "
    "register it: `lamo-cds clients set NAME --smart-client-id ID --fhir-base URL`."
)
AGAIN = "Signing in from your EHR did not succeed. Open the evidence from the card again."
TOLD = frozenset(  # of RFC 6749 section 4.1.2.1: what a log may repeat
    "invalid_request unauthorized_client access_denied unsupported_response_type invalid_scope "
    "server_error temporarily_unavailable".split()
)
NO_CARD = "The app was opened without a card. Open it from the link on a card."


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A session that may begin, and how long it may last."""

    session: Session
    lasts: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Launching:
    """Sends people to their EHR's authorization server, and takes them back. One per process."""

    redirect_uri: str
    registry: ClientRegistry
    guard: Guard
    keys: KeyService = field(repr=False)
    app_key: AppKey = field(repr=False)
    clock: Callable[[], datetime]

    def begin(self, iss: str, launch: str) -> tuple[str, str, str]:
        """Where to send the browser, the state, and the cookie that remembers what was asked.

        1. The FHIR server is one of a client that the app is registered for: no other is asked.
        2. It says where its people sign in.
        3. They are sent there with a state, a nonce and a challenge that are good once.

        Raises:
            LaunchRefused: it is nobody's who may launch, or cannot be asked.
        """
        client = self._client(self.registry.by_launch(iss))  # 1.
        if not 0 < len(launch) <= MOST_LAUNCH:
            raise LaunchRefused(AGAIN, "launch is missing or too long")
        base = next(one for one in client.fhir_bases if is_same_base(iss, one))
        server = read_configuration(base, self.guard, Deadline.after_ms(MS))  # 2.
        asked = {name: secrets.token_urlsafe(32) for name in ("state", "nonce", "verifier")}
        url: str = self._oauth(client).create_authorization_url(  # 3.
            server.authorization_endpoint,
            state=asked["state"],
            nonce=asked["nonce"],
            code_verifier=asked["verifier"],
            launch=launch,
            aud=base,
        )[0]
        told = {**asked, "client": client.name, "base": base, "server": asdict(server)}
        return url, asked["state"], remember(self.keys, told, CONTEXT, self.clock())

    def finish(self, cookie: str, answer: Mapping[str, str]) -> Opened:
        """The session of somebody who came back.

        Args:
            cookie: of begin().
            answer: the parameters that the browser came back with.

        Raises:
            LaunchRefused: they come from elsewhere, or the EHR vouches for nobody.
        """
        asked = self._remembered(cookie)  # 1. this browser began, not long ago
        way = _Way(
            client=self._client(self.registry.by_name(asked["client"])),
            server=SmartServer(**asked["server"]),
            asked=asked,
            deadline=Deadline.after_ms(MS),
        )
        _check_answer(way, answer)  # 2. and this is the answer to what it asked
        told = self._tokens(way, answer["code"])  # 3. exchanged with its verifier
        claims = self._claims(way, told)  # 4. signed, for us, now
        return Opened(session=_session(asked, told, claims), lasts=_lasts(told))  # 5. one patient

    def _client(self, listed: Listed | None) -> RegisteredClient:
        if listed is None or listed.disabled_at is not None:
            raise LaunchRefused(UNKNOWN, "iss is of no client, of two, or of a disabled one")
        return listed.client

    def _remembered(self, cookie: str) -> dict[str, Any]:
        try:
            return recall(self.keys, cookie, CONTEXT, self.clock())
        except NotRemembered as why:
            raise LaunchRefused(
                f"{AGAIN} If it fails again, this browser keeps no cookies for the app where the "
                "EHR shows it: open it in a window of its own.",
                str(why),
            ) from None

    def _tokens(self, way: "_Way", code: str) -> Mapping[str, Any]:
        client, server = way.client, way.server
        form = {"code": code, "code_verifier": way.asked["verifier"]}
        if client.smart_auth == "private_key_jwt":
            now_s = int(self.clock().timestamp())
            client_id = str(client.smart_client_id)
            form |= self.app_key.proof(client_id, server.token_endpoint, now_s)
        try:
            oauth = self._oauth(client)
            return exchange(oauth, server.token_endpoint, self.guard, way.deadline, **form)
        except NotExchanged as why:
            raise LaunchRefused(AGAIN, str(why)) from None

    def _claims(self, way: "_Way", told: Mapping[str, Any]) -> Mapping[str, Any]:
        wanted = IdTokenWanted(
            issuer=way.server.issuer,
            client_id=str(way.client.smart_client_id),
            nonce=way.asked["nonce"],
            access_token=told.get("access_token"),
            now_s=int(self.clock().timestamp()),
        )
        keys = read_json_of(way.server.jwks_uri, self.guard, way.deadline)
        try:
            return read_id_token(told.get("id_token"), keys, wanted)
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise LaunchRefused(AGAIN, f"the id_token: {type(error).__name__}") from None

    def _oauth(self, client: RegisteredClient) -> Any:
        """Authlib's client, which is untyped. Without a secret: PKCE, and a signed assertion."""
        return OAuth2Session(
            client_id=client.smart_client_id,
            token_endpoint_auth_method="none",  # noqa: S106 - a method, not a password
            scope=scopes(),
            redirect_uri=self.redirect_uri,
            code_challenge_method="S256",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Way:
    """One launch on its way back."""

    client: RegisteredClient
    server: SmartServer  # as it was when the launch began
    asked: Mapping[str, Any] = field(repr=False)
    deadline: Deadline


def _check_answer(way: _Way, answer: Mapping[str, str]) -> None:
    state, issuer = str(way.asked["state"]), way.server.issuer
    if not hmac.compare_digest(answer.get("state", "").encode(), state.encode()):
        raise LaunchRefused(AGAIN, "the state is another")
    if answer.get("iss", None if way.server.names_itself else issuer) != issuer:  # RFC 9207
        raise LaunchRefused(AGAIN, "the answer names another issuer, or none")
    if (error := answer.get("error")) is not None:
        why = f"the EHR answered {error if error in TOLD else 'with an error of its own'}"
        raise NotAllowed(why) if error == "access_denied" else LaunchRefused(AGAIN, why)
    if "code" not in answer:
        raise LaunchRefused(AGAIN, "the authorization server gave no code")


def _session(
    asked: Mapping[str, Any], told: Mapping[str, Any], claims: Mapping[str, Any]
) -> Session:
    """What the token response opens: SMART's launch parameters beside the token."""
    token, patient = told.get("access_token"), told.get("patient")
    is_bearer = str(told.get("token_type", "")).lower() == "bearer"
    if not (is_bearer and isinstance(token, str) and TOKEN.fullmatch(token)):
        raise LaunchRefused(AGAIN, "there is no bearer token in the token response")
    if not (isinstance(patient, str) and FHIR_ID.fullmatch(patient)):
        raise LaunchRefused("No patient's chart is open. Open the app from a card in one.")
    encounter = told.get("encounter")
    is_encounter = isinstance(encounter, str) and FHIR_ID.fullmatch(encounter)
    return Session(
        client=asked["client"],
        base=asked["base"],
        event_id=_event_id(told.get("appContext")),
        user=user_of(claims, asked["base"]),
        patient_id=patient,
        encounter_id=encounter if is_encounter else None,
        token=token,
    )


def _event_id(app_context: object) -> str:
    """The decision that the card's link named; an EHR hands it through as it is."""
    try:
        return str(UUID(app_context if isinstance(app_context, str) else ""))
    except ValueError:
        raise LaunchRefused(NO_CARD) from None


def _lasts(told: Mapping[str, Any]) -> timedelta:
    """As long as the token, where it says so."""
    seconds = told.get("expires_in")
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        return LONGEST
    return timedelta(seconds=max(0, min(seconds, LONGEST.total_seconds())))
