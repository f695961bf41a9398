"""The authorization endpoint: from a launch to a code (SMART App Launch 2, RFC 6749, RFC 7636).

The person has signed in to the EHR page and opened the app there, so nothing more is asked.
"""

import re
from collections.abc import Mapping
from urllib.parse import urlencode

from cds_service.sandbox.smart.apps import RegisteredApp
from cds_service.sandbox.smart.desk import SmartDesk
from cds_service.sandbox.smart.errors import OAuthRefused
from cds_service.sandbox.smart.scopes import granted
from cds_service.sandbox.smart.sessions import Authorized, Session

CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")  # SHA-256 in base64url


def authorize(desk: SmartDesk, asked: Mapping[str, str]) -> str:
    """Where to send the browser on, with a code or with what is wrong.

    Raises:
        OAuthRefused: app or redirect_uri are not registered, so the browser is sent nowhere.
    """
    app = desk.apps.find(asked.get("client_id"))
    if app is None:
        raise OAuthRefused("invalid_request", "client_id is of no registered app")
    redirect_uri = asked.get("redirect_uri", "")
    if redirect_uri not in app.redirect_uris:
        raise OAuthRefused("invalid_request", "redirect_uri is none that the app registered")
    try:
        answer = {"code": desk.codes.put(_authorized(desk, app, asked))}
    except OAuthRefused as refused:
        answer = {"error": refused.code, "error_description": str(refused)}
    if asked.get("state"):
        answer["state"] = asked["state"]
    answer["iss"] = desk.issuer  # RFC 9207
    return f"{redirect_uri}{'&' if '?' in redirect_uri else '?'}{urlencode(answer)}"


def _authorized(desk: SmartDesk, app: RegisteredApp, asked: Mapping[str, str]) -> Authorized:
    """What the code will stand for.

    1. A code is asked for, with a state, and a challenge by S256.
    2. The token is wanted for our FHIR server: another one must not get hold of it.
    3. The launch is one that the EHR page began, a short while ago.
    4. Of the scopes, those that the app asks for and may have.
    """
    if asked.get("response_type") != "code":
        raise OAuthRefused("unsupported_response_type", "response_type has to be code")
    if not asked.get("state"):
        raise OAuthRefused("invalid_request", "state is missing: send an unguessable one")
    if asked.get("code_challenge_method") != "S256":
        raise OAuthRefused("invalid_request", "code_challenge_method has to be S256")
    challenge = asked.get("code_challenge", "")
    if CHALLENGE.fullmatch(challenge) is None:
        raise OAuthRefused("invalid_request", "code_challenge is no SHA-256 in base64url")
    if asked.get("aud", "").rstrip("/") != desk.fhir_base:
        raise OAuthRefused("invalid_request", f"aud has to be {desk.fhir_base}")
    launch = desk.launches.find(asked.get("launch", ""))
    if launch is None:
        raise OAuthRefused(
            "invalid_request", "launch is unknown or too old: open the app from the EHR page again"
        )
    scopes = granted(asked.get("scope", ""), app.scopes)
    if "launch" not in scopes:
        raise OAuthRefused("invalid_scope", "scope has to name launch, and the app to be allowed")
    session = Session(
        client_id=app.client_id, scopes=scopes, launch=launch, nonce=asked.get("nonce")
    )
    return Authorized(session=session, redirect_uri=asked["redirect_uri"], challenge=challenge)
