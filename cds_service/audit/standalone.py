#!/usr/bin/env python3
"""Verify an exported bundle of an audit log, and heads that were kept elsewhere.

One file for an auditor to read and to run: it imports the standard library and `cryptography`, and
nothing of the service. See docs/audit.md for the formats.

    python verify_audit.py BUNDLE --key NAME+ID+KEY [--heads heads.jsonl] [--receipt TEXT] ...
"""

import argparse
import base64
import hashlib
import json
import re
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

OLDEST_S = 90.0  # how long before a head an event without a place in it may have been begun
IN_FLIGHT = 16  # of the last events of a process so many may have been lost when it was killed
RECEIPT = re.compile(r"1\.([0-9a-f-]{36})\.([\w-]{43})\.(\d+)\.([0-9a-f]{8})\.([\w-]{86})", re.A)


class Refused(Exception):  # noqa: N818 - a situation
    """Something is not what it should be; says what."""


def sha256(*parts: bytes) -> bytes:
    """SHA-256 of the parts, one behind the other."""
    return hashlib.sha256(b"".join(parts)).digest()


class Key:
    """NAME+ID+KEY, as C2SP signed notes write a verifier key."""

    def __init__(self, text: str) -> None:
        """Take it apart; Refused when it is none."""
        try:
            self.name, key_id, encoded = text.strip().split("+", 2)
            raw = base64.b64decode(encoded, validate=True)
            self.key = Ed25519PublicKey.from_public_bytes(raw[1:])
        except ValueError:
            raise Refused("not a key of the form NAME+ID+KEY") from None
        self.id = sha256(self.name.encode(), b"\n", raw)[:4]
        if self.id.hex() != key_id or raw[:1] != b"\x01":
            raise Refused("a key has not the id that it is given")

    def check(self, signature: bytes, text: bytes) -> None:
        """Return when this key has signed the text."""
        try:
            self.key.verify(signature, text)
        except InvalidSignature:
            raise Refused(f"the signature of key {self.id.hex()} does not fit") from None


class Head:
    """A signed checkpoint."""

    def __init__(self, note: str, key: Key) -> None:
        """Take it apart and verify it; Refused when the key has not signed it."""
        text, _, last = note.partition("\n\n")
        try:
            origin, size, root, moment, *rest = text.split("\n")
            mark, name, encoded = last.rstrip("\n").split(" ")
            signed = base64.b64decode(encoded, validate=True)
            self.size, self.root = int(size), base64.b64decode(root, validate=True)
            self.time = moment.removeprefix("time ")
            self.seconds = datetime.fromisoformat(self.time).timestamp()
        except ValueError:
            raise Refused("not a signed head") from None
        if mark != "—" or not origin == name == key.name or len(rest) > 1:
            raise Refused(f"not a head of log {key.name}")
        if signed[:4] != key.id:
            raise Refused(f"signed with key {signed[:4].hex()}, wanted {key.id.hex()}")
        key.check(signed[4:], text.encode() + b"\n")
        self.next_key = Key(rest[0].removeprefix("next-key ")) if rest else None


def signer(note: str) -> bytes:
    """The id of the key that a head says it is signed with; nothing where it says none."""
    try:
        return base64.b64decode(note.rpartition(" ")[2].strip(), validate=True)[:4]
    except ValueError:
        return b""


def follow(
    notes: list[tuple[int, str]], key: Key, where: str, first: int = 0
) -> tuple[list[Head], list[Key]]:
    """Verify heads in order: numbers, keys, sizes and times. Also every key that could sign."""
    heads: list[Head] = []
    keys = [key]
    for place, (number, note) in enumerate(notes, first):
        if number != place:
            raise Refused(f"{where}: head {number} stands where {place} should")
        try:
            head = Head(note, keys[-1])
        except Refused as refused:
            raise Refused(f"{where}: head {number}: {refused}") from None
        if heads and (head.size < heads[-1].size or head.time < heads[-1].time):
            raise Refused(f"{where}: head {number} goes back")
        heads.append(head)
        keys += [head.next_key] if head.next_key else []
    return heads, keys


class Tree:
    """The Merkle tree of RFC 6962, growing leaf by leaf."""

    def __init__(self) -> None:
        """Begin without leaves."""
        self.size, self.peaks = 0, list[bytes]()

    def append(self, leaf: bytes) -> None:
        """Add a leaf hash."""
        size = self.size
        while size & 1:
            leaf, size = sha256(b"\x01", self.peaks.pop(), leaf), size >> 1
        self.peaks.append(leaf)
        self.size += 1

    def root(self) -> bytes:
        """The root hash; that of no leaves is the hash of nothing."""
        if not self.peaks:
            return sha256()
        root = self.peaks[-1]
        for peak in self.peaks[-2::-1]:
            root = sha256(b"\x01", peak, root)
        return root


def root_from(leaf: bytes, index: int, size: int, proof: list[bytes]) -> bytes:
    """The root that an inclusion proof leads to; its shape follows from index and size alone."""
    if not 0 <= index < size:
        raise Refused(f"leaf {index} is not in a tree of {size}")
    inner = (index ^ (size - 1)).bit_length()
    if len(proof) != inner + (index >> inner).bit_count():
        raise Refused(f"leaf {index}: its proof has {len(proof)} hashes, another number is wanted")
    for bit, step in enumerate(proof):
        is_right = bit >= inner or index >> bit & 1
        leaf = sha256(b"\x01", step, leaf) if is_right else sha256(b"\x01", leaf, step)
    return leaf


def read_lines(path: Path, notes: list[str] | None = None) -> Iterator[dict[str, Any]]:
    """The JSON objects of a file, one a line; with notes a last line that was cut is one of them.

    A crash of whoever writes heads may cut the last one; nothing else may be cut.
    """
    with path.open("rb") as lines:
        for count, line in enumerate(lines, 1):
            if notes is not None and not line.endswith(b"\n"):
                notes.append(f"{path.name}: its last line was cut, and is left out")
                return
            try:
                plain = json.loads(line)
            except ValueError:
                raise Refused(f"{path.name}: line {count} is not JSON: it was cut") from None
            if not line.endswith(b"\n") or not isinstance(plain, dict):
                raise Refused(f"{path.name}: line {count} was cut")
            yield plain


class Growing:
    """The tree of a whole log, compared with every head when it has that size."""

    def __init__(self, problems: list[str], heads: list[Head]) -> None:
        """Take where to tell problems, and the heads."""
        self.problems, self.tree = problems, Tree()
        told = {(head.size, head.root, head.seconds) for head in heads}
        self.waiting = sorted(told, reverse=True)
        self.signed = float("-inf")  # when a head was that is not larger than the tree

    def add(self, index: int, leaf: bytes, made: float) -> None:
        """Add the next leaf, whose event was begun at that time."""
        self.compare()
        if index != self.tree.size:
            raise Refused(f"leaf {index} stands where {self.tree.size} should")
        if made < self.signed - OLDEST_S:
            self.problems.append(f"leaf {index}: is older than a head before it")
        self.tree.append(leaf)

    def end(self) -> None:
        """Compare the whole tree, and tell of heads that had more leaves."""
        self.compare()
        for size, _, _ in self.waiting:
            told = f"a head of {size} leaves was signed, the bundle has {self.tree.size}"
            self.problems.append(told)

    def compare(self) -> None:
        """Compare the tree with the heads of its size."""
        while self.waiting and self.waiting[-1][0] <= self.tree.size:
            size, root, seconds = self.waiting.pop()
            if size != self.tree.size or root != self.tree.root():
                self.problems.append(f"the head of {size} leaves has another root")
            self.signed = max(self.signed, seconds)


class Bundle:
    """The verification of one bundle."""

    def __init__(self, path: Path, key: str | None) -> None:
        """Take the bundle, and the key that its first head has to be signed with."""
        self.path, self.given_key = path, key
        self.leaves: dict[str, bytes] = {}  # by event id
        self.numbers: dict[str, set[int]] = {}  # by process
        self.problems: list[str] = []
        self.notes: list[str] = []

    def verify(self, heads_file: Path | None, receipts: list[str]) -> None:
        """Go through everything; problems are collected, Refused ends it at once."""
        lines = read_lines(self.path)
        first = next(lines, {})
        if first.get("type") != "bundle" or first.get("version") != 1:
            raise Refused("not a bundle of version 1")
        # 1. the chain of heads and keys, in the bundle and elsewhere
        rest = list[dict[str, Any]]()
        notes = list[tuple[int, str]]()
        for line in lines:
            if line.get("type") != "head":
                rest.append(line)
                break
            notes.append((line["number"], line["note"]))
        key = Key(self.given_key or first["first_key"])
        heads, keys = follow(notes, key, "bundle")
        if not heads or heads[-1].size != first["tree_size"]:
            raise Refused("the bundle has no head of its tree_size")
        kept = self.not_newer(self.kept_heads(heads_file, notes, keys), heads[-1])
        # 2. every event
        self.events((*rest, *lines), first, heads, kept)
        # 3. numbers of processes, which only a whole log has without gaps
        if first["contents"] == "whole":
            self.check_numbers()
        # 4. receipts
        for text in receipts:
            self.check_receipt(text, {key.id: key for key in keys}, first["contents"])

    def kept_heads(
        self, path: Path | None, notes: list[tuple[int, str]], keys: list[Key]
    ) -> list[Head]:
        """Heads that were kept elsewhere: each is in the bundle too, unless it is newer."""
        if path is None:
            return []
        kept = [(int(line["number"]), line["note"]) for line in read_lines(path, self.notes)]
        if not kept or kept[0][0] < 0:
            raise Refused(f"{path.name}: has no whole head")
        # a file may begin anywhere, then with a key that the bundle's heads have named
        first, note = kept[0]
        known = (one for one in keys if first and one.id == signer(note))
        heads, _ = follow(kept, next(known, keys[0]), path.name, first)
        for number, note in kept:
            if number < len(notes) and notes[number][1] != note:
                self.problems.append(f"{path.name}: head {number} is another in the bundle")
        return heads

    def not_newer(self, kept: list[Head], last: Head) -> list[Head]:
        """Those of them that tell of the bundle; a log goes on after it was exported."""
        newer = [head for head in kept if head.size > last.size]
        if newer:
            self.notes.append(
                f"{len(newer)} of the kept heads are newer than the bundle, which ends with "
                f"{last.size} events signed {last.time}; the last one is of {newer[-1].size} "
                f"events, {newer[-1].time}: only a newer bundle can be compared with those"
            )
        return [head for head in kept if head.size <= last.size]

    def events(
        self, lines: Any, first: dict[str, Any], heads: list[Head], kept: list[Head]
    ) -> None:
        """Hash every event, and compare it, or the tree of them all, with the heads."""
        count, end = 0, None
        growing = Growing(self.problems, [*heads, *kept])
        is_whole = first["contents"] == "whole"
        for line in lines:
            if end is not None:
                raise Refused("the bundle goes on behind its end")
            if line["type"] == "end":
                end = line
                continue
            count += 1
            leaf, made = self.event(line, is_whole)
            if is_whole:
                growing.add(line["leaf_index"], leaf, made)
            else:
                self.check_proof(line, leaf, heads[-1])
        if end is None or (end["events"], end["heads"]) != (count, len(heads)):
            raise Refused("the bundle was cut: its last line is missing or counts other lines")
        if is_whole:
            growing.end()

    def event(self, line: dict[str, Any], is_whole: bool) -> tuple[bytes, float]:
        """The leaf hash of an event, and when it was made."""
        data = line["body"].encode("utf-8", "surrogateescape")
        body = json.loads(data)
        event_id = body["event_id"]
        leaf = sha256(b"\x00", data)
        if event_id in self.leaves:
            self.problems.append(f"event {event_id} is there twice")
        self.leaves[event_id] = leaf
        worker = body.get("worker")
        if worker is None and self.numbers and is_whole:
            self.problems.append(f"event {event_id}: has no number of a process")
        if worker is not None:
            seen = self.numbers.setdefault(worker["id"], set())
            if worker["counter"] in seen:
                self.problems.append(f"event {event_id}: its number was used before")
            seen.update((worker["counter"], *worker.get("unused", ())))
        return leaf, (int(event_id.replace("-", ""), 16) >> 80) / 1000

    def check_proof(self, line: dict[str, Any], leaf: bytes, head: Head) -> None:
        """Compare an event with the newest head by its proof."""
        proof = [base64.b64decode(step) for step in line["proof"]]
        if root_from(leaf, line["leaf_index"], head.size, proof) != head.root:
            self.problems.append(f"leaf {line['leaf_index']}: its proof leads to another root")

    def check_numbers(self) -> None:
        """The events of a process are numbered from 1."""
        for worker, seen in self.numbers.items():
            missing = next(number for number in range(1, len(seen) + 2) if number not in seen)
            if missing < max(seen) - IN_FLIGHT:
                self.problems.append(f"process {worker}: event {missing} is missing")
            elif missing < max(seen):
                self.notes.append(f"process {worker}: event {missing} is missing at its end")

    def check_receipt(self, text: str, keys: dict[bytes, Key], contents: str) -> None:
        """A receipt is signed, and its event is in the bundle."""
        found = RECEIPT.fullmatch(text.strip())
        if found is None:
            raise Refused("not a receipt")
        leaf, signature = (base64.urlsafe_b64decode(part + "==") for part in (found[2], found[5]))
        key = keys.get(bytes.fromhex(found[4]))
        if key is None:
            raise Refused("a receipt is signed with none of the keys of the log")
        told = f"lamo-cds receipt 1\n{key.name}\n{found[1]}\n{leaf.hex()}\n{found[3]}\n"
        key.check(signature, told.encode())
        if self.leaves.get(found[1]) != leaf:
            missing = "is not in this part" if contents == "part" else "is not in the log"
            has = "has other bytes" if found[1] in self.leaves else missing
            self.problems.append(f"receipt: event {found[1]} {has}")


def verify_bundle(
    path: Path, key: str | None, heads: Path | None = None, receipts: list[str] | None = None
) -> tuple[list[str], Bundle]:
    """What is wrong with a bundle, and what was verified. No problem: everything fits."""
    bundle = Bundle(path, key)
    try:
        bundle.verify(heads, receipts or [])
    except Refused as refused:
        bundle.problems.append(str(refused))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        bundle.problems.append(f"a line is not of the documented form ({type(error).__name__})")
    return bundle.problems, bundle


def main() -> int:
    """Verify what the command line names; 0 when everything fits."""
    parser = argparse.ArgumentParser(description="Verify an exported bundle of an audit log.")
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--key", help="NAME+ID+KEY, known from elsewhere than the bundle")
    parser.add_argument("--heads", type=Path, help="exported heads that were kept elsewhere")
    parser.add_argument("--receipt", action="append", default=[], help="as a client got it")
    asked = parser.parse_args()
    problems, bundle = verify_bundle(asked.bundle, asked.key, asked.heads, asked.receipt)
    out = sys.stdout.write
    for problem in problems:
        out(f"FAILED {problem}\n")
    for note in bundle.notes:
        out(f"note   {note}\n")
    if asked.key is None:
        out("note   no --key given: the first key was taken from the bundle itself\n")
    if not problems:
        out(f"ok     {len(bundle.leaves)} events fit the signed heads\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
