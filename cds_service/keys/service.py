"""What the service asks of whoever keeps its keys: a file today, a KMS with the same three verbs.

tenant key (in the file or the KMS, never in a database)
 ├─ wraps data keys: one per record (digests of notes) or per patient (the audit log)
 └─ names itself in what it wrapped, so that older ones go on unwrapping after a rotation
pseudonym key (its own): the same patient has the same pseudonym for as long as it lives
"""

from dataclasses import dataclass
from typing import Literal, Protocol

KEY_BYTES = 32  # 256 bits: AES-256 keys, and the key of HMAC-SHA-256
KEY_ID_CHARS = 64  # at most; ASCII letters, digits, dots, dashes and underscores

Reason = Literal["malformed", "key_unknown", "not_authentic"]

_WHY: dict[Reason, str] = {
    "malformed": "found bytes that are not a sealed record, wanted what seal() made: write it anew",
    "key_unknown": (
        "the tenant key that it was sealed under is not among those at hand: "
        "put the older key back, or write the record anew"
    ),
    "not_authentic": (
        "found a sealed record that was changed, belongs to another row or was sealed under "
        "another key: restore it, or write it anew"
    ),
}


class KeysRefused(Exception):  # noqa: N818 - a situation, named as such
    """The keys cannot be used as they are configured. Never quotes a key."""


class NotOpened(Exception):  # noqa: N818 - a situation, named as such
    """A sealed record does not open. Says why, and quotes nothing of it."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(_WHY[reason])
        self.reason: Reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class WrappedKey:
    """A data key as it may be stored: only the tenant key that it names unwraps it."""

    key_id: str  # of the tenant key, up to KEY_ID_CHARS characters
    wrapped: bytes  # opaque: what the key service made of the data key, up to 65535 bytes


class KeyService(Protocol):
    """Keeps the tenant's keys. Safe to share among threads."""

    def wrap(self, data_key: bytes, context: str) -> WrappedKey:
        """Wrap a data key of KEY_BYTES bytes under the current tenant key.

        Args:
            data_key: random bytes that nobody else holds.
            context: what the key belongs to, for example its row; not secret.
        """
        ...

    def unwrap(self, key: WrappedKey, context: str) -> bytes:
        """Return the data key.

        Raises:
            NotOpened: the tenant key is not at hand, or key or context are not those of wrap().
        """
        ...

    def pseudonym(self, kind: str, text: str) -> str:
        """Return 64 hex digits that stand for a text and tell nothing of it without the key.

        Args:
            kind: what the text is, for example "patient"; the same text of two kinds has two
                pseudonyms.
            text: anything, for example a patient's id.
        """
        ...
