"""The keys of one tenant as one JSON text.

    {"version": 1, "current": "ID", "tenant_keys": {"ID": "BASE64"}, "pseudonym_key": "BASE64"}

New data is wrapped under the current tenant key; the others only unwrap. No message and no repr
shows a key.
"""

import binascii
import json
import re
import secrets
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from cds_service.keys.service import KEY_BYTES, KEY_ID_CHARS, KeysRefused

VERSION = 1
_FIELDS = frozenset({"version", "current", "tenant_keys", "pseudonym_key"})
_KEY_ID = re.compile(rf"[A-Za-z0-9._-]{{1,{KEY_ID_CHARS}}}")
_RESTORE = "restore it from its backup, or name another place where a new one may be made"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRing:
    """Several tenant keys, one of them current, and the pseudonym key."""

    current: str  # the id of a tenant key
    tenant_keys: Mapping[str, bytes] = field(repr=False)  # by id, KEY_BYTES bytes each
    pseudonym_key: bytes = field(repr=False)  # KEY_BYTES bytes; rotating it would lose every row

    def rotated(self) -> "KeyRing":
        """The same keys and a new tenant key, which is the current one."""
        key_id = _new_key_id()
        return replace(
            self,
            current=key_id,
            tenant_keys={**self.tenant_keys, key_id: secrets.token_bytes(KEY_BYTES)},
        )

    def to_text(self) -> str:
        """The JSON text, which parse_ring() reads back."""
        plain = {
            "version": VERSION,
            "current": self.current,
            "tenant_keys": {name: _encode(key) for name, key in self.tenant_keys.items()},
            "pseudonym_key": _encode(self.pseudonym_key),
        }
        return json.dumps(plain, indent=2) + "\n"


def new_ring() -> KeyRing:
    """Fresh random keys, from the operating system."""
    key_id = _new_key_id()
    return KeyRing(
        current=key_id,
        tenant_keys={key_id: secrets.token_bytes(KEY_BYTES)},
        pseudonym_key=secrets.token_bytes(KEY_BYTES),
    )


def parse_ring(text: str, where: str) -> KeyRing:
    """Read the JSON text of a key ring.

    Args:
        text: the JSON text.
        where: the file or variable that it comes from, for the message.

    Raises:
        KeysRefused: it is none, or one of its keys cannot be used.
    """
    plain = _parse_object(text, where)
    tenant_keys = {
        _check_id(name, where): _decode(key, f"tenant key {name}", where)
        for name, key in plain["tenant_keys"].items()
    }
    pseudonym_key = _decode(plain["pseudonym_key"], "the pseudonym key", where)
    if plain["current"] not in tenant_keys:
        raise KeysRefused(
            f"{where}: the current key is not among its {len(tenant_keys)} tenant keys: "
            'set "current" to the id of one of them'
        )
    if len({pseudonym_key, *tenant_keys.values()}) <= len(tenant_keys):
        raise KeysRefused(
            f"{where}: two of its keys are the same, each must be random on its own: {_RESTORE}"
        )
    return KeyRing(current=plain["current"], tenant_keys=tenant_keys, pseudonym_key=pseudonym_key)


def _parse_object(text: str, where: str) -> Mapping[str, Any]:
    try:
        plain = json.loads(text)
    except (ValueError, RecursionError):  # the error holds the text, which holds the keys
        raise KeysRefused(f"{where}: found no JSON, wanted a key file: {_RESTORE}") from None
    if not isinstance(plain, dict) or plain.keys() != _FIELDS:
        raise KeysRefused(
            f"{where}: wanted a JSON object with exactly {', '.join(sorted(_FIELDS))}: {_RESTORE}"
        )
    if plain["version"] != VERSION:
        raise KeysRefused(
            f"{where}: not a key file of version {VERSION}: run the release that made it"
        )
    if not isinstance(plain["tenant_keys"], dict) or not isinstance(plain["current"], str):
        raise KeysRefused(
            f'{where}: wanted "tenant_keys" as an object from id to key and "current" as one '
            f"of the ids: {_RESTORE}"
        )
    return plain


def _check_id(name: str, where: str) -> str:
    if _KEY_ID.fullmatch(name) is None:
        raise KeysRefused(
            f"{where}: the id of a tenant key has {len(name)} characters or odd ones, wanted 1 to "
            f"{KEY_ID_CHARS} letters, digits, dots, dashes and underscores: give back its own id"
        )
    return name


def _decode(text: object, name: str, where: str) -> bytes:
    try:
        key = b64decode(text if isinstance(text, str) else "", validate=True)
    except (binascii.Error, ValueError):
        raise KeysRefused(f"{where}: {name} is not base64: {_RESTORE}") from None
    if len(key) != KEY_BYTES:
        raise KeysRefused(
            f"{where}: {name} has {len(key)} bytes, wanted {KEY_BYTES} as base64: {_RESTORE}"
        )
    return key


def _encode(key: bytes) -> str:
    return b64encode(key).decode("ascii")


def _new_key_id() -> str:
    return f"k-{secrets.token_hex(6)}"
