"""The token endpoint: codes and refresh tokens into tokens (RFC 6749, SMART App Launch 2)."""

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from cds_service.sandbox.smart.apps import RegisteredApp
from cds_service.sandbox.smart.desk import ACCESS_S, CODE_S, SmartDesk
from cds_service.sandbox.smart.errors import OAuthRefused
from cds_service.sandbox.smart.sessions import Session

VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")  # RFC 7636 section 4.1
LASTING = frozenset({"offline_access", "online_access"})  # scopes that a refresh token needs


def exchange(desk: SmartDesk, form: Mapping[str, str]) -> dict[str, Any]:
    """The token response to a form.

    Raises:
        OAuthRefused: it gets none.
    """
    app = desk.apps.proven(form)
    kind = form.get("grant_type")
    if kind == "authorization_code":
        session = _by_code(desk, app, form)
        return _response(desk, session) | _identity(desk, session)
    if kind == "refresh_token":
        return _response(desk, _by_refresh_token(desk, app, form))
    raise OAuthRefused(
        "unsupported_grant_type", "grant_type has to be authorization_code or refresh_token"
    )


def _by_code(desk: SmartDesk, app: RegisteredApp, form: Mapping[str, str]) -> Session:
    """The session of a code, which is good for one try.

    1. The code is known and not older than a minute. One that comes again was stolen, now or
       before, so every token of it ends (RFC 6749 section 4.1.2).
    2. It was given to this app, for this redirect_uri.
    3. The verifier is the one whose challenge was sent (RFC 7636 section 4.6).
    """
    code = form.get("code", "")
    found = desk.codes.find(code)
    if found is None:
        raise OAuthRefused("invalid_grant", "code is unknown or expired: launch the app again")
    if not desk.used_codes.take(code, desk.clock() + CODE_S):
        desk.end(found.session)
        raise OAuthRefused("invalid_grant", "code was used before: launch the app again")
    if found.session.client_id != app.client_id:
        raise OAuthRefused("invalid_grant", "code was given to another app")
    if form.get("redirect_uri") != found.redirect_uri:
        raise OAuthRefused("invalid_grant", "redirect_uri is not that of the authorization")
    verifier = form.get("code_verifier", "")
    is_well = VERIFIER.fullmatch(verifier) is not None
    if not is_well or not hmac.compare_digest(challenge_of(verifier), found.challenge):
        raise OAuthRefused("invalid_grant", "code_verifier does not fit code_challenge")
    return found.session


def challenge_of(verifier: str) -> str:
    """The S256 challenge of a verifier (RFC 7636 section 4.2)."""
    digest = hashlib.sha256(verifier.encode("ascii")).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")


def _by_refresh_token(desk: SmartDesk, app: RegisteredApp, form: Mapping[str, str]) -> Session:
    """The session of a refresh token, which is replaced by a new one at every use."""
    session = desk.refresh.take(form.get("refresh_token", ""))
    if session is None or session.client_id != app.client_id:
        raise OAuthRefused("invalid_grant", "refresh_token is unknown, used or expired")
    asked = form.get("scope")
    if asked is None:
        return session
    if strange := set(asked.split()) - set(session.scopes):
        raise OAuthRefused("invalid_scope", f"{len(strange)} scopes were not granted before")
    return replace(session, scopes=tuple(asked.split()))


def _response(desk: SmartDesk, session: Session) -> dict[str, Any]:
    launch = session.launch
    told: dict[str, Any] = {
        "access_token": desk.access_token(session),
        "token_type": "Bearer",
        "expires_in": int(ACCESS_S),
        "scope": " ".join(session.scopes),
        "patient": launch.patient,
        "need_patient_banner": True,
    }
    if launch.encounter:
        told["encounter"] = launch.encounter
    if launch.app_context is not None:
        told["appContext"] = launch.app_context
    if LASTING & set(session.scopes):
        told["refresh_token"] = desk.refresh.put(session)
    return told


def _identity(desk: SmartDesk, session: Session) -> dict[str, str]:
    """The id_token, for an app that asked who the user is (OpenID Connect Core, SMART)."""
    if "openid" not in session.scopes:
        return {}
    now, user = int(desk.clock()), session.launch.user
    claims = {
        "iss": desk.issuer,
        "sub": user.rpartition("/")[2],
        "aud": session.client_id,
        "iat": now,
        "exp": now + int(ACCESS_S),
    }
    if session.nonce is not None:
        claims["nonce"] = session.nonce
    if "fhirUser" in session.scopes:
        claims["fhirUser"] = f"{desk.fhir_base}/{user}"
    return {"id_token": desk.keys.identity_token(claims)}
