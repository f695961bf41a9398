"""Tokens as CDS Clients sign them, and as attackers do."""

import base64
import json
import time
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
ISSUER = "https://ehr.example.org/fhir"
KID = "key/1+a="


def ec_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP384R1())


def rsa_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def jwk_of(key: PrivateKey, kid: str = KID, **members: Any) -> dict[str, Any]:
    """The public JWK of a key."""
    if isinstance(key, rsa.RSAPrivateKey):
        jwk = RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
        jwk |= {"alg": "RS384"}
    else:
        jwk = ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
        jwk |= {"alg": "ES384"}
    return {name: value for name, value in (jwk | {"kid": kid, "use": "sig"} | members).items()}


@dataclass(frozen=True)
class Signer:
    """One client's private key."""

    key: PrivateKey = field(default_factory=ec_key)
    kid: str = KID
    issuer: str = ISSUER

    @property
    def jwks(self) -> dict[str, Any]:
        return {"keys": [jwk_of(self.key, self.kid)]}

    @property
    def algorithm(self) -> str:
        return "RS384" if isinstance(self.key, rsa.RSAPrivateKey) else "ES384"

    def claims(self, aud: Any, **changes: Any) -> dict[str, Any]:
        """Good claims; a change replaces one, `...` removes it."""
        now = int(time.time())
        good = {"iss": self.issuer, "aud": aud, "iat": now, "exp": now + 300, "jti": str(uuid4())}
        return {name: value for name, value in (good | changes).items() if value is not ...}

    def sign(self, claims: dict[str, Any], **header: Any) -> str:
        """A token with exactly these claims; a header of `...` is left out."""
        head = {"alg": self.algorithm, "typ": "JWT", "kid": self.kid} | header
        head = {name: value for name, value in head.items() if value is not ...}
        signing_input = f"{encoded(head)}.{encoded(claims)}"
        algorithm = jwt.get_algorithm_by_name(self.algorithm)
        return f"{signing_input}.{b64(algorithm.sign(signing_input.encode(), self.key))}"

    def token(self, aud: Any, **changes: Any) -> str:
        """A good token, but for the changed claims."""
        return self.sign(self.claims(aud, **changes))

    def headers(self, aud: str) -> dict[str, str]:
        """What a good request carries."""
        return {"Authorization": f"Bearer {self.token(aud)}"}


def encoded(value: Any) -> str:
    return b64(json.dumps(value).encode())


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
