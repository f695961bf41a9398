"""Signed heads and receipts: what was signed is read back, and nothing else passes."""

from base64 import b64decode
from collections.abc import Callable
from dataclasses import replace

import pytest

from cds_service.audit.checkpoint import Checkpoint, NoteRefused, PublicKey, Signer, parse_head
from cds_service.audit.ids import new_event_id
from cds_service.audit.merkle import leaf_hash
from cds_service.audit.receipts import Receipt, parse_receipt, sign_receipt

SIGNER = Signer.from_seed("log.example/1", b"s" * 32)
OTHER = Signer.from_seed("log.example/1", b"t" * 32)
KEYS = {SIGNER.public.key_id: SIGNER.public}
HEAD = Checkpoint(
    origin="log.example/1", size=3, root=b"r" * 32, signed_at="2026-03-01T12:00:00.000000Z"
)
NOTE = HEAD.signed(SIGNER)


def receipt() -> Receipt:
    return sign_receipt(SIGNER, new_event_id(), leaf_hash(b"body"), 1_772_366_400_000)


def test_a_key_is_written_as_signed_notes_have_it() -> None:
    # the example key of the Go documentation of signed notes
    text = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
    assert PublicKey.from_text(text).to_text() == text


def test_a_note_of_another_program_verifies() -> None:
    # signature and text of the same documentation
    key = PublicKey.from_text("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
    text = (
        "If you think cryptography is the answer to your problem,\n"
        "then you don't know what your problem is.\n"
    )
    signature = (
        "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXg"
        "KvqfqdngotpRZb6KE6RyyBwJnAM="
    )
    key.check(b64decode(signature)[4:], text.encode())


@pytest.mark.parametrize("next_key", [None, OTHER.public])
def test_a_head_comes_back_as_it_was_signed(next_key: PublicKey | None) -> None:
    head = parse_head(replace(HEAD, next_key=next_key).signed(SIGNER))
    assert head.checkpoint == replace(HEAD, next_key=next_key)
    assert head.verify(KEYS) == SIGNER.public


WRONG: dict[str, tuple[Callable[[str], str], str]] = {
    "size": (lambda note: note.replace("\n3\n", "\n4\n"), "does not fit"),
    "size-with-a-zero": (lambda note: note.replace("\n3\n", "\n03\n"), "is not origin, size"),
    "root": (lambda note: note.replace("cnJy", "cnJz", 1), "does not fit|another way"),
    "time": (lambda note: note.replace("12:00", "13:00"), "does not fit"),
    "no-time": (lambda note: note.replace("time 2026", "tame 2026"), "another form"),
    "origin": (lambda note: note.replace("log.example/1", "log.example/2"), "wanted log.example/1"),
    "one-origin": (lambda note: note.replace("log.example/1", "log.example/2", 1), "another way"),
    "no-signature": (lambda note: note.partition("\n\n")[0], "one signature"),
    "two-signatures": (lambda note: note + note.split("\n\n")[1], "one signature"),
    "cut": (lambda note: note[:-5], "one signature"),
    "base64": (lambda note: note[:-3] + "!\n", "is not base64"),
    "more-lines": (lambda note: note.replace("\n\n", "\nmore\nand more\n\n"), "is not origin"),
    "odd-line": (lambda note: note.replace("\n\n", "\nmore\n\n"), "is not base64|NAME"),
    "nothing": (lambda note: "", "one signature"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_head_that_is_not_what_was_signed_is_refused(name: str) -> None:
    change, why = WRONG[name]
    with pytest.raises(NoteRefused, match=why):
        parse_head(change(NOTE)).verify(KEYS)


def test_a_head_of_an_unknown_key_is_refused() -> None:
    with pytest.raises(NoteRefused, match="none that may sign this log"):
        parse_head(HEAD.signed(OTHER)).verify(KEYS)


@pytest.mark.parametrize("text", ["", "a+b", "a+00000000+AAAA", SIGNER.public.to_text()[:-4]])
def test_what_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(NoteRefused, match="copy it whole"):
        PublicKey.from_text(text)


def test_a_receipt_comes_back_as_it_was_signed() -> None:
    given = receipt()
    read = parse_receipt(given.to_text())
    read.verify(KEYS)
    assert read == given


def test_a_receipt_for_another_event_or_of_another_key_is_refused() -> None:
    given = receipt()
    with pytest.raises(NoteRefused, match="does not fit"):
        replace(given, event_id=new_event_id()).verify(KEYS)
    with pytest.raises(NoteRefused, match="none of this log"):
        given.verify({OTHER.public.key_id: OTHER.public})
    with pytest.raises(NoteRefused, match="not a receipt"):
        parse_receipt(given.to_text()[:-1])
