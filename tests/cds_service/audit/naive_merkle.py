"""The Merkle tree as RFC 6962, section 2.1, writes it down: slow, and plain to see."""

from collections.abc import Sequence
from hashlib import sha256


def split(size: int) -> int:
    power = 1
    while power * 2 < size:
        power *= 2
    return power


def mth(data: Sequence[bytes]) -> bytes:
    if not data:
        return sha256(b"").digest()
    if len(data) == 1:
        return sha256(b"\x00" + data[0]).digest()
    k = split(len(data))
    return sha256(b"\x01" + mth(data[:k]) + mth(data[k:])).digest()


def path(index: int, data: Sequence[bytes]) -> list[bytes]:
    if len(data) == 1:
        return []
    k = split(len(data))
    if index < k:
        return [*path(index, data[:k]), mth(data[k:])]
    return [*path(index - k, data[k:]), mth(data[:k])]


def proof(old: int, data: Sequence[bytes]) -> list[bytes]:
    return subproof(old, data, is_known=True)


def subproof(old: int, data: Sequence[bytes], is_known: bool) -> list[bytes]:
    if old == len(data):
        return [] if is_known else [mth(data)]
    k = split(len(data))
    if old <= k:
        return [*subproof(old, data[:k], is_known), mth(data[k:])]
    return [*subproof(old - k, data[k:], is_known=False), mth(data[:k])]
