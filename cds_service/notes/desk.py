"""Step 5 of a hook call: the notes of a record, each by the best reading that there is in time.

A digest that was made before is used as it is. Otherwise the rules read the note here and now, and
where something better or kept is wanted, the note goes to the warmer, which reads it behind the
call for the next one.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from cds_service.notes.store import DigestKey, DigestStore, StoredDigest, StoreFailure
from cds_service.notes.warmer import Unread, Warmer
from fhir_mappings.attachments import Kind, UnreadText, kind_of
from fhir_mappings.documents import unread_gaps
from fhir_mappings.record import Document, Gap, PatientRecord
from lamo.deadline import Deadline
from lamo.notes.digest import NoteDigest, NoteTools, digest_of
from lamo.notes.merge import ReadNote, with_notes


class TextSource(Protocol):
    """Turns documents into text, as `ReadingRoom` does."""

    def text_of(self, data: bytes, content_type: str, deadline: Deadline) -> str:
        """The text of a document, or UnreadText."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteDesk:
    """What the notes of a call are read with."""

    rules: NoteTools  # the reader that always answers, and the formulary
    room: TextSource
    best: str  # name of the reader whose digests are wanted: the model's, else that of the rules
    store: DigestStore | None = None
    warmer: Warmer | None = None

    def read(
        self, record: PatientRecord, deadline: Deadline
    ) -> tuple[PatientRecord, NoteDigest | None, tuple[ReadNote, ...], tuple[Gap, ...]]:
        """The record with what only its notes tell, their digest, the readings, and the gaps."""
        kept, gaps = self._kept(record)
        notes: list[ReadNote] = []
        unread: list[tuple[str, str]] = []
        for document in record.documents:
            try:
                notes.append(self._read(record.patient_id, document, kept, deadline))
            except UnreadText as reason:
                unread.append((document.reference or "documents", str(reason)))
        gaps += unread_gaps(unread)
        gaps += [gap for note in notes for gap in self._gaps_of(note)]
        told, disagreements = with_notes(record, notes, self.rules.formulary)
        digest = digest_of(told, [note.sections for note in notes], self.rules)
        return told, digest, tuple(notes), (*gaps, *disagreements)

    def _kept(self, record: PatientRecord) -> tuple[Mapping[DigestKey, StoredDigest], list[Gap]]:
        wanted = [self._key(record.patient_id, one) for one in record.documents if self._keeps(one)]
        if self.store is None or not wanted:
            return {}, []
        try:
            return self.store.get_all(wanted), []
        except StoreFailure as failure:
            meaning = f"Kept readings of the notes could not be had: {failure}."
            return {}, [Gap(kind="digests-not-read", where="documents", meaning=meaning)]

    def _read(
        self,
        patient_id: str,
        document: Document,
        kept: Mapping[DigestKey, StoredDigest],
        deadline: Deadline,
    ) -> ReadNote:
        key = self._key(patient_id, document)
        if key in kept:
            return _as_read(document, key, kept[key])
        if deadline.left_s() == 0:
            raise UnreadText("no time was left for it")
        if self.warmer is not None and self._keeps(document):
            self.warmer.add(Unread(key=key, document=document))
        text = self.room.text_of(document.data, document.content_type, deadline)
        sections = self.rules.reader.read(text)
        return _as_read(
            document,
            DigestKey(
                patient_id=patient_id,
                document_sha256=key.document_sha256,
                reader=self.rules.reader.name,
            ),
            StoredDigest(sections=sections, usage={}),
        )

    def _key(self, patient_id: str, document: Document) -> DigestKey:
        return DigestKey(
            patient_id=patient_id, document_sha256=sha256_of(document), reader=self.best
        )

    def _keeps(self, document: Document) -> bool:
        """Whether a reading is worth keeping: plain text is read by the rules in no time."""
        try:
            is_text = kind_of(document.data, document.content_type) is Kind.TEXT
        except UnreadText:  # an image: reading it says so
            return False
        return not is_text or self.best != self.rules.reader.name

    def _gaps_of(self, note: ReadNote) -> Sequence[Gap]:
        where = note.reference or "documents"
        gaps = []
        if note.reader != self.best:
            meaning = "This note was read by rules; the note model has not read it yet."
            gaps.append(Gap(kind="note-read-by-rules", where=where, meaning=meaning))
        if note.sections.dropped:
            meaning = (
                f"{note.sections.dropped} things that the note model returned do not stand in the "
                "note and were dropped."
            )
            gaps.append(Gap(kind="note-claims-dropped", where=where, meaning=meaning))
        if note.of_rules:
            meaning = (
                f"{note.of_rules} allergies or home medications of this note were found by rules, "
                "and the note model left them out; they count all the same."
            )
            gaps.append(Gap(kind="note-model-silent", where=where, meaning=meaning))
        return gaps


def sha256_of(document: Document) -> str:
    """Hash of a document's content type and bytes, in hex."""
    named = document.content_type.encode("utf-8", "replace")
    return hashlib.sha256(named + b"\0" + document.data).hexdigest()


def _as_read(document: Document, key: DigestKey, digest: StoredDigest) -> ReadNote:
    return ReadNote(
        sections=digest.sections,
        reader=key.reader,
        document_sha256=key.document_sha256,
        reference=document.reference,
        dated=document.written.date() if document.written else None,
        of_rules=digest.of_rules,
    )
