"""The file of the key that the audit log is signed with.

    {"version": 1, "keys": ["NAME+ID+KEY", ...], "seed": "BASE64"}

The last of the keys is the current one, and the seed is its secret; of earlier ones only what
verifies is kept. All hosts that write to one database need the same file.
"""

import json
import os
import secrets
from base64 import b64decode, b64encode
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from cds_service.audit.checkpoint import NoteRefused, PublicKey, Signer
from cds_service.keys.files import create_file, read_private_file, replace_file
from cds_service.keys.service import KeysRefused

FILE = "signing.json"
VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKeys:
    """Every key of a log, and the secret of the last."""

    keys: tuple[PublicKey, ...]
    seed: bytes = field(repr=False)

    @property
    def origin(self) -> str:
        """The name of the log."""
        return self.keys[0].origin

    @property
    def signer(self) -> Signer:
        """What signs now."""
        return Signer.from_seed(self.origin, self.seed)

    def rotated(self) -> "SigningKeys":
        """The same with a new key, which is the current one; the old secret is gone."""
        seed = secrets.token_bytes(32)
        return replace(
            self, keys=(*self.keys, Signer.from_seed(self.origin, seed).public), seed=seed
        )

    def to_text(self) -> str:
        """The JSON text."""
        keys = [key.to_text() for key in self.keys]
        seed = b64encode(self.seed).decode("ascii")
        return json.dumps({"version": VERSION, "keys": keys, "seed": seed}, indent=2) + "\n"


def new_signing_keys() -> SigningKeys:
    """A new log's, with a name that no other log has."""
    seed, origin = secrets.token_bytes(32), f"lamo-cds.audit/{secrets.token_hex(8)}"
    return SigningKeys(keys=(Signer.from_seed(origin, seed).public,), seed=seed)


def parse_signing_keys(text: str, where: str) -> SigningKeys:
    """Read the JSON text.

    Raises:
        KeysRefused: it holds no usable keys.
    """
    try:
        plain: Any = json.loads(text)
        keys = tuple(PublicKey.from_text(key) for key in plain["keys"])
        found = SigningKeys(keys=keys, seed=b64decode(plain["seed"], validate=True))
        fits = plain["version"] == VERSION and found.signer.public == keys[-1]
    except (ValueError, TypeError, LookupError, RecursionError, NoteRefused):
        fits = False
    if not fits:
        raise KeysRefused(
            f"{where}: not a file of signing keys, or its secret is not that of its last key: "
            "restore it from its backup"
        )
    return found


class SigningFile:
    """The file as it is now: read again whenever it was replaced, so that a rotation is seen."""

    def __init__(self, path: Path) -> None:
        """Name the file; nothing is read yet."""
        self.path = path
        self._seen: tuple[int, int] | None = None
        self._keys: SigningKeys | None = None
        self._signer: Signer | None = None

    def create(self) -> None:
        """Make it with a new key, unless there is one.

        Raises:
            KeysRefused: it cannot be made there.
        """
        create_file(self.path, lambda: new_signing_keys().to_text())

    def read(self) -> SigningKeys:
        """The keys.

        Raises:
            KeysRefused: there is no file, others may read it, or it holds no usable keys.
        """
        try:
            found = os.stat(self.path)
        except OSError:
            found = None
        seen = found and (found.st_ino, found.st_mtime_ns)
        if self._keys is None or seen != self._seen:
            text = read_private_file(self.path)
            self._keys, self._seen = parse_signing_keys(text, str(self.path)), seen
            self._signer = None
        return self._keys

    def signer(self) -> Signer:
        """What signs now.

        Raises:
            KeysRefused: as read().
        """
        keys = self.read()
        signer = self._signer
        if signer is None or signer.public != keys.keys[-1]:  # making one takes as long as signing
            signer = self._signer = keys.signer
        return signer

    def replace(self, keys: SigningKeys) -> None:
        """Put other keys in its place, whole or not at all.

        Raises:
            KeysRefused: it cannot be written; then it is as it was.
        """
        replace_file(self.path, keys.to_text())
