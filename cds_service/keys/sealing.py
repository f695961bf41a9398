"""Sealing one record: AES-256-GCM under a data key of its own, which a tenant key wraps.

    version 1 | length of key id | key id | length of wrapped key (2) | wrapped key
              | nonce (12), ciphertext and tag (16)

The context says which row the record belongs to. It is authenticated and not stored, so a record
that was moved to another row does not open.
"""

import secrets
from dataclasses import dataclass

from cds_service.keys.cipher import decrypt, encrypt, to_bytes
from cds_service.keys.service import KEY_BYTES, KeyService, NotOpened, WrappedKey

VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """One sealed record."""

    key: WrappedKey  # the data key, which nothing else was sealed under
    encrypted: bytes  # nonce, ciphertext and tag

    def to_bytes(self) -> bytes:
        """One value for one column."""
        key_id = self.key.key_id.encode("ascii")
        wrapped = self.key.wrapped
        lengths = bytes((VERSION, len(key_id))), len(wrapped).to_bytes(2, "big")
        return b"".join((lengths[0], key_id, lengths[1], wrapped, self.encrypted))

    @classmethod
    def from_bytes(cls, value: bytes) -> "Sealed":
        """Read one value.

        Raises:
            NotOpened: it is none that to_bytes() of this version made.
        """
        if value[:1] != bytes((VERSION,)):
            raise NotOpened("malformed")
        key_id, rest = _take(value[1:], length_bytes=1)
        wrapped, encrypted = _take(rest, length_bytes=2)
        if not key_id.isascii():
            raise NotOpened("malformed")
        return cls(key=WrappedKey(key_id=key_id.decode(), wrapped=wrapped), encrypted=encrypted)


def seal(keys: KeyService, plaintext: bytes, context: str) -> Sealed:
    """Seal a record under a fresh data key.

    Args:
        keys: wraps the data key.
        plaintext: what nobody may read without the keys.
        context: names the row; open_sealed() wants the same.
    """
    data_key = secrets.token_bytes(KEY_BYTES)
    encrypted = encrypt(data_key, plaintext, _bound_to(context))
    return Sealed(key=keys.wrap(data_key, context), encrypted=encrypted)


def open_sealed(keys: KeyService, sealed: Sealed, context: str) -> bytes:
    """Return what was sealed.

    Raises:
        NotOpened: it was changed, belongs to another context, or its tenant key is not at hand.
    """
    data_key = keys.unwrap(sealed.key, context)
    return decrypt(data_key, sealed.encrypted, _bound_to(context))


def _bound_to(context: str) -> bytes:
    return b"lamo sealed record 1\0" + to_bytes(context)


def _take(value: bytes, *, length_bytes: int) -> tuple[bytes, bytes]:
    """Part a value that begins with its length from what comes after it."""
    end = length_bytes + int.from_bytes(value[:length_bytes], "big")
    if len(value) < end:
        raise NotOpened("malformed")
    return value[length_bytes:end], value[end:]
