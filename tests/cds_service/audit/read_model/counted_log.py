"""A log with cards and what became of them, and reading what was counted of it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cds_service.audit.database import open_engine
from cds_service.audit.entries import DecisionEntry
from cds_service.audit.log import AuditLog
from cds_service.audit.read_model.follower import follow_all
from cds_service.audit.read_model.override_reading import By, Chosen, Tally, tallies
from cds_service.audit.sequencer import sequence_all
from cds_service.keys.signing import FILE, SigningFile
from tests.cds_service.audit.test_entries import decision, feedback

ALL = Chosen(since="2000-01", until="2099-12")


def showing(*about: Sequence[tuple[str, str]], **changes: Any) -> DecisionEntry:
    """A decision with a card for each, about these pairs of rule and RxNorm code."""
    entry = decision(cards=[], **changes)
    cards = [{"uuid": f"{entry.event_id}-{place}"} for place, _ in enumerate(about)]
    rows = [
        {"card": card["uuid"], "rule": rule, "rxcui": rxcui, "basis": ""}
        for card, pairs in zip(cards, about, strict=True)
        for rule, rxcui in pairs
    ]
    return decision(event_id=entry.event_id, cards=cards, about=rows, **changes)


def answer(log: AuditLog, entry: DecisionEntry, *outcomes: str, **changes: Any) -> None:
    """Report these outcomes of its first cards."""
    pairs = zip(entry.cards, outcomes, strict=False)
    log.append_feedback(*(feedback(card["uuid"], outcome=told, **changes) for card, told in pairs))


def count(url: str, folder: Path) -> None:
    """Give everything its place in the tree, and let every projection follow."""
    signing = SigningFile(folder / FILE)
    if not (folder / FILE).exists():
        signing.create()
    sequence_all(url, folder)
    follow_all(url)


def tallied(url: str, chosen: Chosen = ALL) -> Mapping[By, Mapping[str, Tally]]:
    """What was counted of the cards that are chosen."""
    engine = open_engine(url, read_only=True)
    with engine.begin() as connection:
        found = tallies(connection, chosen)
    engine.dispose()
    return found
