"""The keys of the sandbox: for its tokens to services (CDS Hooks) and for identities (OpenID)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from cds_service.cds_client.signer import TokenSigner

RSA_BITS = 2048
SERVICE_KID = "sandbox-es384"
IDENTITY_KID = "sandbox-rs256"
JWKS_PATH = "/.well-known/jwks.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class EhrKeys:
    """Two key pairs, made at the start and thrown away at the end."""

    issuer: str  # the sandbox's URL, registered with the service
    _service: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP384R1()), repr=False
    )
    _identity: rsa.RSAPrivateKey = field(
        default_factory=lambda: rsa.generate_private_key(65537, RSA_BITS), repr=False
    )

    @property
    def signer(self) -> TokenSigner:
        """Signs the tokens of requests to a service."""
        return TokenSigner(
            key=self._service,
            kid=SERVICE_KID,
            issuer=self.issuer,
            jku=f"{self.issuer}{JWKS_PATH}",
        )

    def identity_token(self, claims: Mapping[str, Any]) -> str:
        """An id_token with these claims, signed as SMART wants it (RS256)."""
        return jwt.encode(dict(claims), self._identity, "RS256", {"kid": IDENTITY_KID})

    def service_jwks(self) -> dict[str, Any]:
        """The public key that services verify calls with."""
        key = ECAlgorithm.to_jwk(self._service.public_key(), as_dict=True)
        return {"keys": [key | {"kid": SERVICE_KID, "use": "sig", "alg": "ES384"}]}

    def jwks(self) -> dict[str, Any]:
        """Both public keys, as they are published."""
        key = RSAAlgorithm.to_jwk(self._identity.public_key(), as_dict=True)
        identity = key | {"kid": IDENTITY_KID, "use": "sig", "alg": "RS256"}
        identity.pop("key_ops", None)
        return {"keys": [*self.service_jwks()["keys"], identity]}
