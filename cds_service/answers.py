"""What users said before to cards like those of a call: the one who calls, and others."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

Answer = tuple[str, str, str]  # rule, RxNorm code, basis


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """The last time that another user overrode a card with a reason."""

    day: str  # 2026-11-25, in UTC
    reason: str | None  # its code; None where it was a comment


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What was overridden with a reason not long ago, of one patient, at one client."""

    by_user: frozenset[Answer] = frozenset()  # of the call: is not shown to them again
    by_others: Mapping[Answer, Earlier] = field(default_factory=dict)  # is said on the card
    tag: Callable[[str], str] = str  # what stands for a basis in both: see DataKey.tag

    def is_by_user(self, answer: Answer) -> bool:
        """Whether the user of the call overrode it."""
        return self._tagged(answer) in self.by_user

    def by_another(self, answer: Answer) -> Earlier | None:
        """When another user overrode it, and why."""
        return self.by_others.get(self._tagged(answer))

    def _tagged(self, answer: Answer) -> Answer:
        rule, rxcui, basis = answer
        return rule, rxcui, self.tag(basis)
