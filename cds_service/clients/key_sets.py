"""JSON Web Key Sets (RFC 7517): which of their keys may verify a client's token."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt import PyJWK
from jwt.exceptions import PyJWTError

ALGORITHMS = {"ES384": "EC", "RS384": "RSA"}  # what CDS Hooks recommends, with their key types
FEWEST_RSA_BITS = 2048
MOST_KEYS = 100
PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "k", "oth"})


class KeySetRefused(ValueError):  # noqa: N818 - a situation, named as such
    """A key set cannot be used; says why."""


@dataclass(frozen=True, slots=True)
class VerifyingKey:
    """One public key, by its id and the one algorithm that it is used with."""

    kid: str
    algorithm: str
    jwk: PyJWK


def read_key_set(value: Any) -> tuple[VerifyingKey, ...]:
    """The keys of a set that signatures may be verified with; others in it are passed over.

    Raises:
        KeySetRefused: it is no key set, holds private or weak keys, or none that can be used.
    """
    keys = value.get("keys") if isinstance(value, Mapping) else None
    if not isinstance(keys, list) or not all(isinstance(key, dict) for key in keys):
        raise KeySetRefused("wanted a JWK Set: an object whose member keys is an array of objects")
    if len(keys) > MOST_KEYS:
        raise KeySetRefused(f"found {len(keys)} keys, wanted at most {MOST_KEYS}")
    if any(PRIVATE_MEMBERS & set(key) for key in keys):
        raise KeySetRefused("found a private or secret key: publish the public part alone")
    usable = tuple(found for key in keys if (found := _verifying(key)))
    if not usable:
        raise KeySetRefused(
            "found no key with a kid for ES384 (EC, P-384) or RS384 "
            f"(RSA, {FEWEST_RSA_BITS} bits or more)"
        )
    return usable


def find_key(keys: tuple[VerifyingKey, ...], kid: str, algorithm: str) -> VerifyingKey | None:
    """The key of this id for this algorithm, if there is one."""
    named = (key for key in keys if key.kid == kid and key.algorithm == algorithm)
    return next(named, None)


def _verifying(key: Mapping[str, Any]) -> VerifyingKey | None:
    kid, algorithm = key.get("kid"), _algorithm(key)
    if not isinstance(kid, str) or not kid or algorithm is None or not _may_verify(key):
        return None
    try:
        jwk = PyJWK(dict(key), algorithm)
    except (PyJWTError, ValueError, TypeError) as error:
        raise KeySetRefused(f"a key is not as RFC 7518 has it ({type(error).__name__})") from None
    if isinstance(jwk.key, RSAPublicKey) and jwk.key.key_size < FEWEST_RSA_BITS:
        return None
    return VerifyingKey(kid, algorithm, jwk)


def _algorithm(key: Mapping[str, Any]) -> str | None:
    """The algorithm that a key is for, from its type; one that says otherwise is for none."""
    kinds = {"EC": "ES384" if key.get("crv") == "P-384" else None, "RSA": "RS384"}
    kty = key.get("kty")
    algorithm = kinds.get(kty) if isinstance(kty, str) else None
    return algorithm if key.get("alg", algorithm) == algorithm else None


def _may_verify(key: Mapping[str, Any]) -> bool:
    operations = key.get("key_ops", ["verify"])
    return (
        key.get("use", "sig") == "sig" and isinstance(operations, list) and "verify" in operations
    )
