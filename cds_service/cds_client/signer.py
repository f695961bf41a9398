"""Tokens as CDS Hooks wants them of a CDS Client, signed with its private key."""

import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

TOKEN_S = 300  # CDS Hooks: short-lived, five minutes at most
ALGORITHMS = {"EC": "ES384", "RSA": "RS384"}  # by kty of a JWK
PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


class KeyFileRefused(Exception):  # noqa: N818 - a situation
    """A file holds no key that tokens can be signed with; says what is wanted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenSigner:
    """One client's private key, and the name that it goes by."""

    key: PrivateKey = field(repr=False)
    kid: str
    issuer: str  # the iss that the client is registered with
    jku: str = ""  # where its public keys are; empty where those were registered themselves

    @property
    def algorithm(self) -> str:
        """ES384 or RS384, the two of CDS Hooks."""
        return "RS384" if isinstance(self.key, rsa.RSAPrivateKey) else "ES384"

    def token(self, url: str, **changes: Any) -> str:
        """A token for one request, to be sent as Authorization: Bearer TOKEN.

        Args:
            url: that is called, exactly, without a query: discovery, a service, or its feedback.
            changes: claims in place of the good ones.
        """
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": url,
            "iat": now,
            "exp": now + TOKEN_S,
            "jti": str(uuid4()),
        }
        header = {"kid": self.kid} | ({"jku": self.jku} if self.jku else {})
        return jwt.encode(claims | changes, self.key, self.algorithm, header)


def read_signer(path: Path, issuer: str, kid: str | None) -> TokenSigner:
    """Read a private key: PEM, a JWK, or a JWK Set, whose first private key is taken.

    Args:
        path: of the file.
        issuer: the iss of its tokens.
        kid: of the key; a JWK may name it itself.

    Raises:
        KeyFileRefused: there is none in it, or nobody names its kid.
    """
    data = path.read_bytes()
    is_pem = data.lstrip().startswith(b"-----BEGIN")
    key, named = (_from_pem(data, path), None) if is_pem else _from_jwk(data, path)
    if isinstance(key, ec.EllipticCurvePrivateKey) and not isinstance(key.curve, ec.SECP384R1):
        raise KeyFileRefused(f"{path.name} holds a key of {key.curve.name}: ES384 wants P-384")
    kid = kid or named
    if not kid:
        raise KeyFileRefused(
            f"{path.name} does not name the kid of its key: give --kid, as in the registered JWK "
            "Set"
        )
    return TokenSigner(key=key, kid=kid, issuer=issuer)


def _from_pem(data: bytes, path: Path) -> PrivateKey:
    try:
        key = load_pem_private_key(data, password=None)
    except (ValueError, TypeError):  # TypeError: it is encrypted
        raise _unusable(path) from None
    if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise _unusable(path)
    return key


def _from_jwk(data: bytes, path: Path) -> tuple[PrivateKey, str | None]:
    try:
        found = json.loads(data)
        keys = found.get("keys", [found])
        jwk = next(one for one in keys if "d" in one)  # of a private key alone (RFC 7518, 6)
        key = jwt.PyJWK(jwk, ALGORITHMS[jwk["kty"]]).key
    except (ValueError, LookupError, AttributeError, TypeError, StopIteration, jwt.PyJWTError):
        raise _unusable(path) from None
    return key, jwk.get("kid")


def _unusable(path: Path) -> KeyFileRefused:
    return KeyFileRefused(
        f"{path.name} holds no private key that can be read: give a PEM file without a password, "
        "or a JWK, with an RSA key or one of P-384"
    )
