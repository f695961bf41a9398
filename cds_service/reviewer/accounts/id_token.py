"""What an ID token says, once it has been found to be the provider's, for us, and for now."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.jwk import KeySet

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
LEEWAY_S = 60  # that the provider's clock may be off


@dataclass(frozen=True, slots=True, kw_only=True)
class IdTokenWanted:
    """What an ID token is held against."""

    issuer: str
    client_id: str
    nonce: str = field(repr=False)
    access_token: str | None = field(repr=False)  # that at_hash is of, where there is one
    now_s: int  # seconds since 1970


def read_id_token(token: object, keys: Any, wanted: IdTokenWanted) -> Mapping[str, Any]:
    """The claims of an ID token (OpenID Connect Core 1.0 section 3.1.3.7).

    Args:
        token: as the token endpoint gave it.
        keys: the provider's JWK Set, as it was fetched.
        wanted: what it has to be.

    Raises:
        JoseError: signature, issuer, audience, nonce, times or another claim are wrong.
        ValueError, TypeError, KeyError: token or keys are not what these are.
    """
    if not isinstance(token, str):
        raise TypeError("there is no ID token")
    read = jwt.decode(token, KeySet.import_key_set(keys), algorithms=ALGORITHMS)
    claims: Any = CodeIDToken(
        read.claims,
        read.header,
        options={
            "iss": {"essential": True, "value": wanted.issuer},
            "aud": {"essential": True, "value": wanted.client_id},
            "sub": {"essential": True},
        },
        params={
            "nonce": wanted.nonce,
            "client_id": wanted.client_id,
            "access_token": wanted.access_token,
        },
    )
    claims.validate(now=wanted.now_s, leeway=LEEWAY_S)
    return dict(claims)
