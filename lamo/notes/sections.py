"""What a reader finds in one note, each list item with the place that it rests on."""

from dataclasses import dataclass
from typing import Protocol

QUOTE_CHARS = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Mention:
    """One allergy or medication, and where the note says so."""

    name: str  # as the note writes it, without dose, route and reaction
    start: int  # characters of the note's text: text[start:end] is what was read
    end: int
    quote: str  # the words around it, at most QUOTE_CHARS characters on one line


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteSections:
    """What a reader found in one note, before or at admission only.

    Everything in it stands in the note: texts are stretches of it, items have their place in it.
    """

    history_of_present_illness: str = ""
    past_medical_history: str = ""
    allergies: tuple[Mention, ...] = ()
    medications_on_admission: tuple[Mention, ...] = ()
    cut: frozenset[str] = frozenset()  # names of sections that were longer than a digest takes
    dropped: int = 0  # items and sentences that a model returned and the note does not hold

    def is_empty(self) -> bool:
        """Whether the note held none of the sections."""
        return not (
            self.history_of_present_illness
            or self.past_medical_history
            or self.allergies
            or self.medications_on_admission
        )


class NoteUnread(Exception):  # noqa: N818 - a situation, named as such
    """A reader could not read a note; says why, without quoting it."""


class NoteReader(Protocol):
    """Reads the text of one note."""

    @property
    def name(self) -> str:
        """What read it, as the audit log and stored digests name it; changes with its answers."""
        ...

    def read(self, text: str) -> NoteSections:
        """Return the sections that the note has; empty ones where it has none.

        Raises:
            NoteUnread: this reader has no answer; the rules always have one.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """What a model says stands in a note; nothing of it is believed before it is found there."""

    history_of_present_illness: str = ""
    past_medical_history: str = ""
    allergies: tuple[str, ...] = ()
    medications_on_admission: tuple[str, ...] = ()
