"""Receipts: the client's proof that an event was committed, before it has its place in the tree.

    1.EVENT_ID.LEAF.MS.KEY.SIGNATURE

LEAF (32 bytes) and SIGNATURE (Ed25519, 64) are base64url without padding, MS is milliseconds since
1970, KEY the id of the log's key in hex. Signed is the text of `signed_text`.
"""

import binascii
import re
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass

import structlog

from cds_service.audit.checkpoint import NoteRefused, PublicKey, Signer
from cds_service.audit.merkle import HASH_BYTES
from cds_service.keys.service import KeysRefused
from cds_service.keys.signing import SigningFile

log = structlog.get_logger()

HEADER = "Lamo-Audit-Receipt"
VERSION = "1"
_FORM = re.compile(
    r"1\.([0-9a-f-]{36})\.([\w-]{43})\.(\d{1,15})\.([0-9a-f]{8})\.([\w-]{86})", re.ASCII
)

# of the call that is answered: set when its event is committed
receipt_of_call: ContextVar[str | None] = ContextVar("receipt_of_call", default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What was signed for one event."""

    event_id: str
    leaf: bytes  # SHA-256(0x00 || body): its hash in the tree
    signed_ms: int  # since 1970
    key_id: bytes
    signature: bytes

    def to_text(self) -> str:
        """The value of the header."""
        parts = (VERSION, self.event_id, _encoded(self.leaf), str(self.signed_ms))
        return ".".join((*parts, self.key_id.hex(), _encoded(self.signature)))

    def verify(self, keys: Mapping[bytes, PublicKey]) -> None:
        """Return when one of these keys, by id, has signed it.

        Raises:
            NoteRefused: none has.
        """
        key = keys.get(self.key_id)
        if key is None:
            raise NoteRefused(f"a receipt signed with key {self.key_id.hex()}, none of this log's")
        key.check(self.signature, signed_text(key.origin, self.event_id, self.leaf, self.signed_ms))


def signed_text(origin: str, event_id: str, leaf: bytes, signed_ms: int) -> bytes:
    """What is signed, for the log of this name."""
    return f"lamo-cds receipt 1\n{origin}\n{event_id}\n{leaf.hex()}\n{signed_ms}\n".encode()


def sign_receipt(signer: Signer, event_id: str, leaf: bytes, signed_ms: int) -> Receipt:
    """Sign that an event is committed."""
    text = signed_text(signer.public.origin, event_id, leaf, signed_ms)
    return Receipt(
        event_id=event_id,
        leaf=leaf,
        signed_ms=signed_ms,
        key_id=signer.public.key_id,
        signature=signer.private.sign(text),
    )


def receipt_for(event_id: str, leaf: bytes, signing: SigningFile) -> str | None:
    """The value of the header for an event that is committed; None when the key cannot be used.

    The event stands all the same, so the call is answered without.
    """
    try:
        signer = signing.signer()
    except KeysRefused as refused:
        log.error("receipt_not_signed", why=str(refused))
        return None
    return sign_receipt(signer, event_id, leaf, time.time_ns() // 1_000_000).to_text()


def receipt_begins(event_id: str, leaf: bytes) -> str:
    """How every receipt of an event begins, whenever it was signed."""
    return ".".join((VERSION, event_id, _encoded(leaf)))


def parse_receipt(text: str) -> Receipt:
    """Take the value of the header apart; nothing is verified yet.

    Raises:
        NoteRefused: it is no receipt.
    """
    found = _FORM.fullmatch(text.strip())
    if found is None:
        raise NoteRefused(f"not a receipt: copy the whole value of the header {HEADER}")
    leaf, signature = _decoded(found[2]), _decoded(found[5])
    if len(leaf) != HASH_BYTES:
        raise NoteRefused("the hash in a receipt is of another length: copy it whole")
    return Receipt(
        event_id=found[1],
        leaf=leaf,
        signed_ms=int(found[3]),
        key_id=bytes.fromhex(found[4]),
        signature=signature,
    )


def _encoded(data: bytes) -> str:
    return urlsafe_b64encode(data).decode("ascii").rstrip("=")


def _decoded(text: str) -> bytes:
    try:
        return urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        raise NoteRefused("a receipt holds what is not base64url: copy it whole") from None
