"""Signed heads: C2SP checkpoints (tlog-checkpoint) in C2SP signed notes, with Ed25519.

lamo-cds.audit/8f3a...          origin: which log
1742                            leaves
q1Zk...=                        root hash, base64
time 2026-03-01T12:00:00.000000Z
next-key ORIGIN+ID+KEY          only where the next head is signed with another key

— ORIGIN SIGNATURE              base64 of the key's id (4 bytes) and the signature (64)
"""

import binascii
import hashlib
import re
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass, replace

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from cds_service.audit.merkle import HASH_BYTES

ALGORITHM = b"\x01"  # of signed notes: Ed25519
ID_BYTES = 4
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


class NoteRefused(Exception):  # noqa: N818 - a situation
    """A head, key or receipt is not what it should be, or nobody who may has signed it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicKey:
    """A key that signatures of a log are verified with."""

    origin: str  # the name of the log, which is that of its keys
    raw: bytes  # 32 bytes

    @property
    def key_id(self) -> bytes:
        """The first bytes of SHA-256(name || "\\n" || algorithm || key), as in signed notes."""
        text = self.origin.encode() + b"\n" + ALGORITHM + self.raw
        return hashlib.sha256(text).digest()[:ID_BYTES]

    def to_text(self) -> str:
        """NAME+ID+KEY: the verifier key of signed notes."""
        return f"{self.origin}+{self.key_id.hex()}+{_base64(ALGORITHM + self.raw)}"

    @classmethod
    def from_text(cls, text: str) -> "PublicKey":
        """Read NAME+ID+KEY.

        Raises:
            NoteRefused: it is no such key.
        """
        origin, _, rest = text.strip().partition("+")
        key_id, _, encoded = rest.partition("+")
        raw = _decoded(encoded, "a key")
        key = cls(origin=origin, raw=raw[1:])
        if raw[:1] != ALGORITHM or len(key.raw) != HASH_BYTES or key.key_id.hex() != key_id:
            raise NoteRefused("a key is not of the form NAME+ID+KEY with Ed25519: copy it whole")
        return key

    def check(self, signature: bytes, text: bytes) -> None:
        """Return when this key has signed the text.

        Raises:
            NoteRefused: it has not.
        """
        try:
            Ed25519PublicKey.from_public_bytes(self.raw).verify(signature, text)
        except InvalidSignature:
            raise NoteRefused(f"the signature of key {self.key_id.hex()} does not fit") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """The key that a log signs with."""

    public: PublicKey
    private: Ed25519PrivateKey

    @classmethod
    def from_seed(cls, origin: str, seed: bytes) -> "Signer":
        """Make it of 32 secret bytes."""
        private = Ed25519PrivateKey.from_private_bytes(seed)
        raw = private.public_key().public_bytes_raw()
        return cls(public=PublicKey(origin=origin, raw=raw), private=private)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """What a head says."""

    origin: str
    size: int  # leaves
    root: bytes
    signed_at: str  # RFC 3339 in UTC
    next_key: PublicKey | None = None  # that the next head is signed with, if another

    def to_text(self) -> str:
        """The text that is signed."""
        lines = [self.origin, str(self.size), _base64(self.root), f"time {self.signed_at}"]
        lines += [f"next-key {self.next_key.to_text()}"] if self.next_key else []
        return "\n".join(lines) + "\n"

    def signed(self, signer: Signer) -> str:
        """The signed note."""
        text = self.to_text()
        key = signer.public
        signature = _base64(key.key_id + signer.private.sign(text.encode()))
        return f"{text}\n— {key.origin} {signature}\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedHead:
    """A signed note, taken apart and not verified yet."""

    checkpoint: Checkpoint
    key_id: bytes
    signature: bytes
    text: str  # that is signed

    def verify(self, keys: Mapping[bytes, PublicKey]) -> PublicKey:
        """The key of these, by id, that has signed it.

        Raises:
            NoteRefused: none has.
        """
        key = keys.get(self.key_id)
        if key is None:
            raise NoteRefused(
                f"signed with key {self.key_id.hex()}, which is none that may sign this log"
            )
        if key.origin != self.checkpoint.origin:
            raise NoteRefused(f"a head of log {self.checkpoint.origin}, wanted {key.origin}")
        key.check(self.signature, self.text.encode())
        return key


def parse_head(note: str) -> SignedHead:
    """Take a signed note apart.

    Raises:
        NoteRefused: it is none of ours.
    """
    # 1. text, an empty line, one signature line
    text, empty, last = note.partition("\n\n")
    name, _, encoded = last.removeprefix("— ").rstrip("\n").rpartition(" ")
    if not empty or not last.startswith("— ") or last.count("\n") != 1:
        raise NoteRefused("a head is not a signed note with one signature: copy it whole")
    signed = _decoded(encoded, "a signature")
    # 2. the lines of the text
    lines = text.split("\n")
    checkpoint = _parse_lines(lines)
    # 3. spelled in the one way: nothing can be added that is not looked at
    if checkpoint.to_text() != text + "\n" or name != checkpoint.origin:
        raise NoteRefused("a head says more, or in another way, than a checkpoint of ours")
    return SignedHead(
        checkpoint=checkpoint,
        key_id=signed[:ID_BYTES],
        signature=signed[ID_BYTES:],
        text=text + "\n",
    )


def _parse_lines(lines: list[str]) -> Checkpoint:
    if not 4 <= len(lines) <= 5 or not re.fullmatch(r"0|[1-9]\d{0,17}", lines[1], re.ASCII):
        raise NoteRefused("a head is not origin, size, root and time: copy it whole")
    root, moment = _decoded(lines[2], "a root hash"), lines[3].removeprefix("time ")
    if len(root) != HASH_BYTES or not _MOMENT.fullmatch(moment):
        raise NoteRefused("the root hash or the time of a head is of another form")
    found = Checkpoint(origin=lines[0], size=int(lines[1]), root=root, signed_at=moment)
    if len(lines) == 4:
        return found
    return replace(found, next_key=PublicKey.from_text(lines[4].removeprefix("next-key ")))


def _base64(data: bytes) -> str:
    return b64encode(data).decode("ascii")


def _decoded(text: str, what: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise NoteRefused(f"{what} is not base64: copy it whole") from None
