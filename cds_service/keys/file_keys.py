"""The key service without a KMS: the keys stand in a file or in an environment variable."""

import hmac
from pathlib import Path

from cds_service.keys.cipher import decrypt, encrypt, to_bytes
from cds_service.keys.files import read_key_file
from cds_service.keys.ring import KeyRing, parse_ring
from cds_service.keys.service import KEY_BYTES, NotOpened, WrappedKey


class FileKeys:
    """The KeyService over a key ring that this process holds. Reads no file after it was made.

    After a rotation workers that run go on with the keys that they have read: start them anew.
    """

    def __init__(self, ring: KeyRing) -> None:
        self._ring = ring

    @classmethod
    def from_file(cls, path: Path) -> "FileKeys":
        """Read a key file.

        Raises:
            KeysRefused: there is none, others may read it, or it holds no usable keys.
        """
        return cls(read_key_file(path))

    @classmethod
    def from_text(cls, text: str, where: str) -> "FileKeys":
        """Take the text of a key file from the environment variable `where`.

        Raises:
            KeysRefused: it holds no usable keys.
        """
        return cls(parse_ring(text, where))

    def wrap(self, data_key: bytes, context: str) -> WrappedKey:
        """Wrap a data key under the current tenant key; see KeyService."""
        if len(data_key) != KEY_BYTES:
            raise ValueError(
                f"data key: found {len(data_key)} bytes, wanted {KEY_BYTES}; make a random one"
            )
        key_id = self._ring.current
        tenant_key = self._ring.tenant_keys[key_id]
        wrapped = encrypt(tenant_key, data_key, _bound_to(key_id, context))
        return WrappedKey(key_id=key_id, wrapped=wrapped)

    def unwrap(self, key: WrappedKey, context: str) -> bytes:
        """Return the data key; see KeyService."""
        tenant_key = self._ring.tenant_keys.get(key.key_id)
        if tenant_key is None:
            raise NotOpened("key_unknown")
        return decrypt(tenant_key, key.wrapped, _bound_to(key.key_id, context))

    def pseudonym(self, kind: str, text: str) -> str:
        """Return HMAC-SHA-256 under the pseudonym key, in hex; see KeyService."""
        label = to_bytes(kind)
        message = len(label).to_bytes(2, "big") + label + to_bytes(text)
        return hmac.digest(self._ring.pseudonym_key, message, "sha256").hex()


def _bound_to(key_id: str, context: str) -> bytes:
    return b"\0".join((b"lamo wrapped key 1", to_bytes(key_id), to_bytes(context)))
