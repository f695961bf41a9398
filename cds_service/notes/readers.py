"""What reads a whole document when nobody waits: the note model if there is one, else the rules.

A model may be talked out of an allergy by the note itself, so what the rules find of allergies is
always added to its answer; and their home medications are kept where it has none.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from cds_service.notes.desk import TextSource
from cds_service.notes.store import StoredDigest
from fhir_mappings.formulary import Formulary
from fhir_mappings.record import Document
from lamo.deadline import Deadline
from lamo.notes.rules import RuleReader
from lamo.notes.sections import Mention, NoteSections

if TYPE_CHECKING:  # openai, which it imports, takes half a second
    from lamo.notes.model_reader.reader import ModelReader

DOCUMENT_MS = 20_000.0  # for taking the text out of a document


@dataclass(frozen=True, slots=True)
class PatientReader:
    """Reads documents by the best reader, in its own time."""

    room: TextSource
    rules: RuleReader
    model: "ModelReader | None" = None

    @property
    def name(self) -> str:
        """The reader whose digests these are."""
        return f"{self.model.name}+{self.rules.name}" if self.model else self.rules.name

    def __call__(self, document: Document) -> StoredDigest:
        """Read one document.

        Raises:
            UnreadText: it has no text that we can take out.
            NoteUnread: the model has no answer.
        """
        by = Deadline.after_ms(DOCUMENT_MS)
        text = self.room.text_of(document.data, document.content_type, by)
        ruled = self.rules.read(text)
        if self.model is None:
            return StoredDigest(sections=ruled, usage={})
        reading = self.model.read_with_usage(text)
        sections, added = with_lists_of(reading.sections, ruled, self.rules.formulary)
        return StoredDigest(
            sections=sections,
            usage=reading.usage,
            fingerprint=reading.fingerprint,
            of_rules=added,
        )


def with_lists_of(
    model: NoteSections, rules: NoteSections, formulary: Formulary
) -> tuple[NoteSections, int]:
    """The model's sections with what the rules found and it left out, and how many items that is.

    That is every allergy, and the home medications where it has none at all: of a list that it
    has, it may have left out what the rules should not have taken.
    """
    key = _keyed(formulary)
    seen = {key(found) for found in model.allergies}
    more = tuple(found for found in rules.allergies if key(found) not in seen)
    home = () if model.medications_on_admission else rules.medications_on_admission
    whole = replace(
        model,
        allergies=(*model.allergies, *more),
        medications_on_admission=(*model.medications_on_admission, *home),
        cut=model.cut | (rules.cut & {"allergies"}),
    )
    return whole, len(more) + len(home)


def _keyed(formulary: Formulary) -> Callable[[Mention], object]:
    def key(found: Mention) -> object:
        known = formulary.find_in_text(found.name)
        return frozenset(i.rxcui for i in known) or found.name.casefold()

    return key
