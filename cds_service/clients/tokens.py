"""Verifying the JSON Web Token of a CDS Client (CDS Hooks, Trusting CDS Clients; RFC 7519, 8725).

PyJWT checks the signature under one fixed algorithm, the issuer and the audience. The rest is here:
what it leaves to its caller, and the claims that CDS Hooks adds.
"""

import base64
import binascii
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jwt

from cds_service.clients.client import SANDBOX_ISSUERS, RegisteredClient
from cds_service.clients.key_sets import ALGORITHMS, VerifyingKey
from cds_service.clients.keys import ClientKeys, KeysUnavailable
from cds_service.clients.registry import ClientRegistry
from cds_service.web.json_body import JsonRefused, json_type, read_json
from lamo.deadline import Deadline

MOST_CHARACTERS = 8_190  # of a token: what the server takes of a header
MOST_NAME = 512  # characters of kid, iss, jti
FARTHEST = 1e12  # seconds since 1970
LEEWAY_S = 60  # by which the clocks of two machines may differ
WANTED = ("iss", "aud", "exp", "iat", "jti")  # REQUIRED by CDS Hooks
MISTYPED = "found {found}, wanted {wanted}"


class TokenRefused(Exception):  # noqa: N818 - a situation, named as such
    """A token is not believed. For operators: whoever sent it hears 401 and nothing more."""

    def __init__(self, reason: str, detail: str = "", client: str = "") -> None:
        super().__init__(reason)
        self.reason = reason  # one of refused.REASONS
        self.detail = detail
        self.client = client  # name of the registered one, once it is known


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """A token that is believed, but for its having been used before."""

    client: RegisteredClient
    jti: str
    expires_at: int  # seconds since 1970, from when on it is refused in any case


@dataclass(frozen=True, slots=True, kw_only=True)
class _Claimed:
    """What a token says of itself before anything is verified."""

    algorithm: str
    kid: str
    key_url: str | None
    issuer: str


def verify_token(
    token: str,
    url: str,
    now: float,
    clients: tuple[ClientRegistry, ClientKeys],
    deadline: Deadline,
) -> Verified:
    """Believe a token, or say why not.

    1. It has the form of a signed token, and its header asks for nothing unusual.
    2. Its issuer is that of a registered client that is not disabled.
    3. Its kid names a key of that client, from the registered place, for its algorithm.
    4. The signature fits, and issuer and audience are as registered and called.
    5. It is of now, and lives no longer than the client's tokens may.
    6. Its tenant is one of the client's, where those are registered.

    The caller has to see to it that the jti was not used before.

    Args:
        token: as it stood behind "Bearer".
        url: the public URL that is called.
        now: seconds since 1970.
        clients: the registry, and where keys are found.
        deadline: of the call; fetching keys gets a part of it.

    Raises:
        TokenRefused: names the step.
        AuditFailure: the registry cannot be read.
    """
    registry, keys = clients
    claimed = _claimed(token)  # 1
    client = _client(claimed, registry)  # 2
    try:
        key = _key(claimed, client, keys, deadline)  # 3
        claims = _verified_claims(token, key, client, url)  # 4
        expires_at = _lifetime(claims, client, now)  # 5
        _check_tenant(claims, client)  # 6
    except TokenRefused as refused:
        refused.client = client.name
        raise
    return Verified(client=client, jti=claims["jti"], expires_at=expires_at)


def _claimed(token: str) -> _Claimed:
    segments = token.split(".")
    if len(token) > MOST_CHARACTERS or len(segments) != 3:
        raise TokenRefused("not-a-token", f"{len(token)} characters in {len(segments)} segments")
    header, payload = _segment(segments[0]), _segment(segments[1])
    algorithm = header.get("alg")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        raise TokenRefused(
            "algorithm", f"found {_shown(algorithm)}, wanted {', '.join(ALGORITHMS)}"
        )
    if "crit" in header or "b64" in header:
        raise TokenRefused("header", "found crit or b64, wanted neither")
    if str(header.get("typ", "JWT")).upper() != "JWT":
        raise TokenRefused("header", f"found typ {_shown(header['typ'])}, wanted JWT")
    kid, key_url = header.get("kid"), header.get("jku")
    if not isinstance(kid, str) or not 0 < len(kid) <= MOST_NAME:
        raise TokenRefused("key-id", f"found {_shown(kid)}, wanted the id of a key")
    if key_url is not None and not isinstance(key_url, str):
        raise TokenRefused("key-url", f"found {json_type(key_url)}, wanted a URL")
    issuer = payload.get("iss")
    if not isinstance(issuer, str) or not issuer:
        raise TokenRefused("claims", f"iss: found {_shown(issuer)}, wanted the client's issuer")
    return _Claimed(algorithm=algorithm, kid=kid, key_url=key_url, issuer=issuer)


def _segment(text: str) -> Mapping[str, Any]:
    """One part of a token, read as strictly as a body: no key twice, no depth, no NaN."""
    try:
        value = read_json(base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True))
    except (binascii.Error, JsonRefused, ValueError) as error:
        raise TokenRefused(
            "not-a-token", f"a segment is not JSON ({type(error).__name__})"
        ) from None
    if not isinstance(value, dict):
        raise TokenRefused("not-a-token", f"a segment is {json_type(value)}, wanted an object")
    return value


def _client(claimed: _Claimed, registry: ClientRegistry) -> RegisteredClient:
    if claimed.issuer in SANDBOX_ISSUERS:
        raise TokenRefused("public-key", _shown(claimed.issuer))
    listed = registry.by_issuer(claimed.issuer)
    if listed is None:
        raise TokenRefused("issuer", f"found {_shown(claimed.issuer)}")
    if listed.disabled_at is not None:
        raise TokenRefused("disabled", f"since {listed.disabled_at}", listed.client.name)
    return listed.client


def _key(
    claimed: _Claimed, client: RegisteredClient, keys: ClientKeys, deadline: Deadline
) -> VerifyingKey:
    """The key, from the registered place alone: a jku may agree with it, and is never followed."""
    if claimed.key_url is not None and client.jwks_url not in (None, claimed.key_url):
        detail = f"jku: found {_shown(claimed.key_url)}, wanted {client.jwks_url}"
        raise TokenRefused("key-url", detail)
    try:
        key = keys.find(client, claimed.kid, claimed.algorithm, deadline)
    except KeysUnavailable as unavailable:
        raise TokenRefused("keys-unavailable", f"the key server {unavailable}") from None
    if key is None:
        raise TokenRefused("key-id", f"kid {_shown(claimed.kid)} for {claimed.algorithm}")
    return key


def _verified_claims(
    token: str, key: VerifyingKey, client: RegisteredClient, url: str
) -> Mapping[str, Any]:
    accepted = [url, *client.audiences]
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            key.jwk,
            algorithms=[key.algorithm],
            audience=accepted,
            issuer=client.issuer,
            options={
                "require": list(WANTED),
                # by our own clock, and strictly, in _lifetime
                "verify_exp": False,
                "verify_iat": False,
                "verify_nbf": False,
            },
        )
    except jwt.InvalidAudienceError:
        found = _segment(token.split(".")[1]).get("aud")
        shown = _shown(found) if isinstance(found, str) else json_type(found)
        detail = f"found {shown}, wanted {' or '.join(accepted)}"
        raise TokenRefused("audience", detail) from None
    except jwt.MissingRequiredClaimError as missing:
        raise TokenRefused("claims", f"{missing.claim}: found nothing") from None
    except (jwt.InvalidSignatureError, jwt.DecodeError):
        raise TokenRefused("signature", f"kid {_shown(key.kid)}") from None
    except jwt.PyJWTError as error:
        raise TokenRefused("claims", type(error).__name__) from None
    _check_audience(claims["aud"], accepted)
    if not isinstance(claims["jti"], str) or not 0 < len(claims["jti"]) <= MOST_NAME:
        raise TokenRefused("claims", "jti: wanted a string of its own for every token")
    return claims


def _check_audience(found: str | Sequence[str], accepted: Sequence[str]) -> None:
    """Of several audiences every one has to be ours: another could send the token on to us."""
    strange = [] if isinstance(found, str) else [one for one in found if one not in accepted]
    if strange:
        raise TokenRefused("audience", f"found {_shown(strange[0])} beside ours")


def _lifetime(claims: Mapping[str, Any], client: RegisteredClient, now: float) -> int:
    exp, iat = _seconds(claims, "exp"), _seconds(claims, "iat")
    if exp <= now - LEEWAY_S:
        raise TokenRefused("expired", f"{now - exp:.0f} s ago")
    begins = max(iat, _seconds(claims, "nbf") if "nbf" in claims else iat)
    if begins > now + LEEWAY_S:
        raise TokenRefused("not-yet-valid", f"{begins - now:.0f} s from now: compare the clocks")
    if not 0 < exp - iat <= client.longest_token_s:
        detail = f"found {exp - iat:.0f} s, wanted 1 to {client.longest_token_s} s"
        raise TokenRefused("lifetime", detail)
    return math.ceil(exp) + LEEWAY_S


def _seconds(claims: Mapping[str, Any], name: str) -> float:
    """A NumericDate (RFC 7519 section 2); a number in a string is none."""
    value: float = claims[name]
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not abs(value) < FARTHEST:
        found = MISTYPED.format(found=json_type(value), wanted="seconds since 1970, below 1e12")
        raise TokenRefused("claims", f"{name}: {found}")
    return value


def _check_tenant(claims: Mapping[str, Any], client: RegisteredClient) -> None:
    if client.tenants and claims.get("tenant") not in client.tenants:
        detail = f"found {_shown(claims.get('tenant'))}, wanted {' or '.join(client.tenants)}"
        raise TokenRefused("tenant", detail)


def _shown(value: object) -> str:
    """A name from an unverified token, fit for a log that people read."""
    if not isinstance(value, str):
        return "nothing" if value is None else json_type(value)
    return ascii(value[:120])
