"""AES-256-GCM with a random nonce in front, as everything sealed here uses it."""

import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from cds_service.keys.service import NotOpened

NONCE_BYTES = 12  # 96 bits, random: at most 2**32 encryptions under one key
TAG_BYTES = 16


def encrypt(key: bytes, plaintext: bytes, bound_to: bytes) -> bytes:
    """Encrypt under a key of 32 bytes.

    Args:
        key: random bytes.
        plaintext: of any length, which shows: the result is NONCE_BYTES + TAG_BYTES longer.
        bound_to: is authenticated and not stored; decrypt() wants the same.

    Returns:
        Nonce, ciphertext and tag, one behind the other.
    """
    nonce = secrets.token_bytes(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plaintext, bound_to)


def decrypt(key: bytes, encrypted: bytes, bound_to: bytes) -> bytes:
    """Return what was encrypted.

    Raises:
        NotOpened: it was changed, or key or bound_to are not those of encrypt().
    """
    if len(encrypted) < NONCE_BYTES + TAG_BYTES:
        raise NotOpened("malformed")
    nonce, ciphertext = encrypted[:NONCE_BYTES], encrypted[NONCE_BYTES:]
    try:
        return AESGCM(key).decrypt(nonce, ciphertext, bound_to)
    except InvalidTag:
        raise NotOpened("not_authentic") from None


def to_bytes(text: str) -> bytes:
    """UTF-8, and bytes also for half a surrogate pair, which JSON lets into ids and texts."""
    return text.encode("utf-8", "surrogatepass")
