"""The heads of a log in their order, each signed by the key that may."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from cds_service.audit.checkpoint import Checkpoint, NoteRefused, PublicKey, parse_head
from cds_service.audit.findings import Findings


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """What could be verified of some heads."""

    heads: tuple[Checkpoint, ...]  # in order of size, those alone that are signed well
    keys: dict[bytes, PublicKey]  # that could sign at some time, by id
    notes: dict[int, str]  # by number, all of them


def follow_chain(
    heads: Iterable[tuple[int, str]],
    first_key: PublicKey,
    findings: Findings,
    where: str,
    first: int = 0,
) -> Chain:
    """Verify heads, given as number and note.

    Args:
        heads: in the order of their numbers.
        first_key: of the first head; that of head 0 the verifier has from elsewhere.
        findings: told under "signatures" what does not fit.
        where: they come from, for the text.
        first: the number of the first one.
    """
    key, keys = first_key, {first_key.key_id: first_key}
    verified: list[Checkpoint] = []
    notes: dict[int, str] = {}
    for place, (number, note) in enumerate(heads, first):
        notes[number] = note
        findings.heads += 1
        if number != place and number - 1 not in notes:
            findings.add(
                "signatures", f"{where}: head {number} follows none of number {number - 1}"
            )
        try:
            head = parse_head(note)
            # 1. signed by the key whose turn it is
            head.verify({key.key_id: key})
            # 2. a tree does not shrink, and time goes on
            if verified:
                _check_order(verified[-1], head.checkpoint)
        except NoteRefused as refused:
            findings.add("signatures", f"{where}: head {number}: {refused}")
            continue
        verified.append(head.checkpoint)
        # 3. the next one is signed by the key that this one names
        if head.checkpoint.next_key is not None:
            key = head.checkpoint.next_key
            keys[key.key_id] = key
    return Chain(heads=tuple(verified), keys=keys, notes=notes)


def signer_of_first(
    heads: Sequence[tuple[int, str]], keys: Mapping[bytes, PublicKey]
) -> PublicKey | None:
    """The key that heads begin with which do not begin with head 0; None: it is none of these.

    Args:
        heads: number and note of each.
        keys: that may sign the log, by id.
    """
    if not heads or heads[0][0] == 0:
        return None
    try:
        return keys.get(parse_head(heads[0][1]).key_id)
    except NoteRefused:
        return None  # which follow_chain() tells


def _check_order(before: Checkpoint, head: Checkpoint) -> None:
    if head.size < before.size:
        raise NoteRefused(f"{head.size} leaves, behind one of {before.size}")
    if head.signed_at < before.signed_at:
        raise NoteRefused(f"signed {head.signed_at}, behind one of {before.signed_at}")
