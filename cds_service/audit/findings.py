"""What a verification of the log has found, by check."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

MOST_TOLD = 20  # findings of one check that are told one by one

CHECKS: Mapping[str, str] = {
    "types": "every stored value is of the type of its column",
    "index": "every event has one place in the tree, without gaps",
    "leaves": "every leaf is the hash of its event's bytes",
    "columns": "every search column says what the event's bytes say",
    "payloads": "every payload is the one that its event names, with its key, or was forgotten",
    "keys": "every key unwraps, in the row of the patient that it is of",
    "links": "the tables of cards and feedback say what the events' bytes say",
    "tiles": "the stored tiles are those of the leaves",
    "signatures": "every head is signed, by the key that the one before names",
    "heads": "the tree has the root of every signed head",
    "exported": "every exported head is one of the database",
    "dates": "no event is older than a head that was signed before it got its place",
    "workers": "the events of every process are numbered without gaps",
    "read-model": "the tables that pages search in say what the events' bytes say",
    "receipts": "every receipt leads to its event",
}


@dataclass
class Findings:
    """Collects what does not fit."""

    events: int = 0  # that were looked at
    heads: int = 0
    checked: list[str] = field(default_factory=list)  # names of CHECKS, in order
    failed: dict[str, list[str]] = field(default_factory=dict)  # by check: where and what
    more: dict[str, int] = field(default_factory=dict)  # by check: how many were not told
    notes: list[str] = field(default_factory=list)  # worth knowing, and no failure

    def add(self, check: str, what: str) -> None:
        """Note that a check has failed, and where."""
        told = self.failed.setdefault(check, [])
        if len(told) < MOST_TOLD:
            told.append(what)
        else:
            self.more[check] = self.more.get(check, 0) + 1

    def take(self, other: "Findings") -> None:
        """Add what another has found of another part of the log."""
        for check, told in other.failed.items():
            for what in told:
                self.add(check, what)
            if check in other.more:
                self.more[check] = self.more.get(check, 0) + other.more[check]

    @property
    def is_ok(self) -> bool:
        """Whether nothing failed."""
        return not self.failed

    def to_json(self) -> dict[str, Any]:
        """For programs: every check that was made, with what failed."""
        return {
            "is_ok": self.is_ok,
            "events": self.events,
            "heads": self.heads,
            "checks": [
                {
                    "check": check,
                    "is_ok": check not in self.failed,
                    "found": self.failed.get(check, []),
                    "more": self.more.get(check, 0),
                }
                for check in self.checked
            ],
            "notes": self.notes,
        }

    def lines(self) -> Iterator[str]:
        """For a person: each check, and behind a failed one where it failed."""
        for check in self.checked:
            verdict = "FAILED" if check in self.failed else "ok"
            yield f"{verdict:<7}{check:<11}{CHECKS[check]}"
            for what in self.failed.get(check, ()):
                yield f"         - {what}"
            if check in self.more:
                yield f"         - and {self.more[check]} more"
        for note in self.notes:
            yield f"note   {note}"
