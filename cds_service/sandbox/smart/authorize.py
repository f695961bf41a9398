"""The authorization endpoint: from a launch to a code (SMART App Launch 2, RFC 6749, RFC 7636).

Who opens an app from the EHR page has signed in there, and is asked nothing more unless the app
wants that. Where an app is launched by itself, somebody has to choose the patient first.
"""

import re
from collections.abc import Mapping
from urllib.parse import urlencode

from cds_service.sandbox.smart.apps import RegisteredApp
from cds_service.sandbox.smart.desk import SmartDesk
from cds_service.sandbox.smart.errors import OAuthRefused
from cds_service.sandbox.smart.scopes import granted
from cds_service.sandbox.smart.sessions import Asked, Authorized, Launch, Session

CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")  # SHA-256 in base64url
CONSENT = "/ehr/apps/asked/"  # before the name of a request: the page on which a person is asked


def authorize(desk: SmartDesk, sent: Mapping[str, str]) -> str:
    """Where to send the browser on: to the app, with a code or what is wrong, or to a person.

    Raises:
        OAuthRefused: app or redirect_uri are not registered, so the browser is sent nowhere.
    """
    app = desk.apps.find(sent.get("client_id"))
    if app is None:
        raise OAuthRefused("invalid_request", "client_id is of no registered app")
    redirect_uri = sent.get("redirect_uri", "")
    if redirect_uri not in app.redirect_uris:
        raise OAuthRefused("invalid_request", "redirect_uri is none that the app registered")
    try:
        asked = _asked(desk, app, sent)
        prompt = sent.get("prompt", "").split()
        if asked.launch is not None and "consent" not in prompt:
            return allow(desk, asked, asked.launch)
        if "none" in prompt:  # OpenID Connect Core 3.1.2.1
            raise OAuthRefused("interaction_required", "a person has to be asked: leave out prompt")
    except OAuthRefused as refused:
        return _back(desk, redirect_uri, sent.get("state"), refused.to_json())
    return CONSENT + desk.asked.put(asked)


def allow(desk: SmartDesk, asked: Asked, launch: Launch) -> str:
    """Where to send the browser with a code for what was asked for."""
    session = Session(
        client_id=asked.app.client_id, scopes=asked.scopes, launch=launch, nonce=asked.nonce
    )
    authorized = Authorized(
        session=session, redirect_uri=asked.redirect_uri, challenge=asked.challenge
    )
    return _back(desk, asked.redirect_uri, asked.state, {"code": desk.codes.put(authorized)})


def deny(desk: SmartDesk, asked: Asked) -> str:
    """Where to send the browser when a person does not want it."""
    refused = OAuthRefused("access_denied", "the person who was asked did not allow it")
    return _back(desk, asked.redirect_uri, asked.state, refused.to_json())


def _back(desk: SmartDesk, redirect_uri: str, state: str | None, told: Mapping[str, str]) -> str:
    answer = {**told, **({"state": state} if state else {}), "iss": desk.issuer}  # RFC 9207
    return f"{redirect_uri}{'&' if '?' in redirect_uri else '?'}{urlencode(answer)}"


def _asked(desk: SmartDesk, app: RegisteredApp, sent: Mapping[str, str]) -> Asked:
    """What the code will stand for.

    1. A code is asked for, with a state, and a challenge by S256.
    2. The token is wanted for our FHIR server: another one must not get hold of it.
    3. Of the scopes, those that the app asks for and may have.
    4. The launch is one that the EHR page began, a short while ago; or there is none, and the app
       asks for a patient to be chosen.
    """
    if sent.get("response_type") != "code":
        raise OAuthRefused("unsupported_response_type", "response_type has to be code")
    if not sent.get("state"):
        raise OAuthRefused("invalid_request", "state is missing: send an unguessable one")
    if sent.get("code_challenge_method") != "S256":
        raise OAuthRefused("invalid_request", "code_challenge_method has to be S256")
    challenge = sent.get("code_challenge", "")
    if CHALLENGE.fullmatch(challenge) is None:
        raise OAuthRefused("invalid_request", "code_challenge is no SHA-256 in base64url")
    if sent.get("aud", "").rstrip("/") != desk.fhir_base:
        raise OAuthRefused("invalid_request", f"aud has to be {desk.fhir_base}")
    scopes = granted(sent.get("scope", ""), app.scopes)
    return Asked(
        app=app,
        redirect_uri=sent["redirect_uri"],
        state=sent["state"],
        scopes=scopes,
        challenge=challenge,
        nonce=sent.get("nonce"),
        launch=_launch(desk, sent, scopes),
    )


def _launch(desk: SmartDesk, sent: Mapping[str, str], scopes: tuple[str, ...]) -> Launch | None:
    """The launch by the EHR page; None for one by the app itself."""
    if "launch" not in sent and "launch/patient" in scopes:
        return None
    launch = desk.launches.find(sent.get("launch", ""))
    if launch is None:
        raise OAuthRefused(
            "invalid_request",
            "launch is unknown or too old: open the app from the EHR page again, or launch it by "
            "itself, without launch and with launch/patient in scope",
        )
    if "launch" not in scopes:
        raise OAuthRefused("invalid_scope", "scope has to name launch, and the app to be allowed")
    return launch
