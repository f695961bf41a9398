"""What was counted and what was dropped while a cohort was made, by reason."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class Tally:
    """Two lists of numbers that a manifest prints: nothing leaves a cohort without a reason."""

    counted: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)

    def count(self, what: str, number: int = 1) -> None:
        """Add to a count."""
        self.counted[what] += number

    def drop(self, reason: str, number: int = 1) -> None:
        """Add to the rows dropped for a reason; nothing is written for none."""
        if number:
            self.dropped[reason] += number

    def lines(self) -> list[str]:
        """The counts and the drops as lines of text."""
        kept = [f"{number:>12,}  {what}" for what, number in self.counted.items()]
        return kept + [f"{-number:>12,}  {reason}" for reason, number in self.dropped.items()]
