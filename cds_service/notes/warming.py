"""What `lamo-cds notes` does: the notes of one patient after another, read and kept."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from cds_service.hooks.discovery import PREFETCH, resolve_template
from cds_service.keys.building import keys_at_hand
from cds_service.notes.building import build_reader
from cds_service.notes.desk import sha256_of
from cds_service.notes.readers import PatientReader
from cds_service.notes.reading_room import ReadingRoom
from cds_service.notes.store import DigestKey, DigestStore
from cds_service.notes.subjects import subjects_elsewhere
from cds_service.prefetch.bundles import Resource, unpack
from cds_service.prefetch.fhir_client import FhirClient, FhirServer, Query
from cds_service.settings import Settings
from fhir_mappings.attachments import UnreadText
from fhir_mappings.formulary import Formulary
from fhir_mappings.inputs import Attachment, HookResources, MappingTables
from fhir_mappings.mapping import attachment_urls, map_record
from fhir_mappings.record import Document
from lamo.deadline import Deadline
from lamo.notes.evaluation import Tally, evaluate, notes_in
from lamo.notes.sections import NoteSections, NoteUnread

PATIENT_MS = 60_000.0  # for reading a patient's documents from the FHIR server
DOCUMENTS = next(wanted for wanted in PREFETCH if wanted.key == "documents")


@dataclass(frozen=True, slots=True, kw_only=True)
class WarmingTools:
    """What notes are fetched, read and kept with."""

    fhir: FhirClient
    tables: MappingTables
    reader: PatientReader
    store: DigestStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of the notes of one patient."""

    read: int = 0
    kept_before: int = 0
    unread: tuple[str, ...] = ()  # "DocumentReference/1: why"

    @property
    def is_failure(self) -> bool:
        """Whether a note could not be read."""
        return bool(self.unread)

    def __str__(self) -> str:
        unread = f", {len(self.unread)} not: {'; '.join(self.unread)}" if self.unread else ""
        return f"{self.read} read, {self.kept_before} kept before{unread}"


def warming_tools(settings: Settings) -> WarmingTools:
    """Build them.

    Raises:
        EndpointRefused: no note may go to the note model of the settings.
        KeysRefused: the keys cannot be used.
    """
    tables = MappingTables.load()
    return WarmingTools(
        fhir=FhirClient(settings),
        tables=tables,
        reader=build_reader(settings, tables.formulary, ReadingRoom()),
        store=DigestStore(settings.database_url, keys_at_hand(settings)),
    )


def warm_patient(patient_id: str, server: FhirServer, tools: WarmingTools) -> Outcome:
    """Read and keep the notes of a patient that a hook would read."""
    documents, unread = _documents(patient_id, server, tools)
    read = kept = 0
    for document in documents:
        key = DigestKey(
            patient_id=patient_id,
            document_sha256=sha256_of(document),
            reader=tools.reader.name,
        )
        if tools.store.get(key) is not None:
            kept += 1
            continue
        try:
            tools.store.put(key, tools.reader(document))
            read += 1
        except (NoteUnread, UnreadText) as reason:
            unread.append(f"{document.reference or 'a document'}: {reason}")
    return Outcome(read=read, kept_before=kept, unread=tuple(unread))


def _documents(
    patient_id: str, server: FhirServer, tools: WarmingTools
) -> tuple[tuple[Document, ...], list[str]]:
    """The documents of a patient with their bytes, and what could not be had."""
    by = Deadline.after_ms(PATIENT_MS)
    url = resolve_template(DOCUMENTS.template, {"patientId": patient_id})
    query = Query(key="documents", url=url, whole=False)
    found = tools.fhir.read_all(server, [query], by)["documents"]
    if found.failure:
        return (), [f"DocumentReference: the FHIR server {found.failure}"]
    resources = [one for page in found.pages for one in unpack(page)]
    without = _call(patient_id, resources, {})
    files = tools.fhir.read_files(server, attachment_urls(without, tools.tables), by)
    attachments = {
        url: Attachment(data=file.data, content_type=file.content_type, failure=file.failure)
        for url, file in files.items()
    } | subjects_elsewhere(resources, server.base)
    record, gaps = map_record(_call(patient_id, resources, attachments), tools.tables)
    unread = [f"{gap.where}: {gap.meaning}" for gap in gaps if gap.kind == "note-not-read"]
    return record.documents, unread


def _call(
    patient_id: str, documents: Sequence[Resource], attachments: Mapping[str, Attachment]
) -> HookResources:
    return HookResources(
        patient_id=patient_id,
        encounter_id=None,
        decided_at=datetime.now(UTC),
        prefetched={"documents": documents},
        draft_orders=(),
        attachments=attachments,
    )


def describe(settings: Settings, data: bytes, content_type: str) -> str:
    """What the reader of the settings finds in a document, as JSON.

    Raises:
        EndpointRefused: no note may go to the note model of the settings.
        NoteUnread, UnreadText: nothing was read, and why.
    """
    reader = build_reader(settings, Formulary.load(), ReadingRoom())
    digest = reader(Document(data=data, content_type=content_type))
    found = asdict(digest.sections) | {"cut": sorted(digest.sections.cut)}
    more = {"reader": reader.name, "usage": dict(digest.usage), "fingerprint": digest.fingerprint}
    return json.dumps(found | more, indent=2, ensure_ascii=False)


class _TextReader:
    """The reader of the settings over plain text."""

    def __init__(self, reader: PatientReader) -> None:
        self._reader = reader
        self.name = reader.name

    def read(self, text: str) -> NoteSections:
        """Read one note."""
        return self._reader(Document(data=text.encode(), content_type="text/plain")).sections


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluated:
    """How well a reader reads the notes of a folder."""

    reader: str
    folder: Path
    notes: int
    tallies: Mapping[str, Tally]

    def lines(self) -> Iterator[str]:
        """As a table; sections are found by the rules, whoever reads."""
        yield f"{self.reader}, {self.notes} notes of {self.folder}"
        yield f"{'':26}{'precision':>10}{'recall':>8}{'F1':>8}"
        for name, tally in self.tallies.items():
            by = " (of the rules)" if name == "sections" else ""
            row = f"{tally.precision:>10.3f}{tally.recall:>8.3f}{tally.f1:>8.3f}"
            yield f"{name.replace('_', ' '):26}{row}{by}"

    def to_json(self) -> dict[str, object]:
        """As `--json` prints it."""
        measured = {
            name: {"precision": one.precision, "recall": one.recall, "f1": one.f1}
            for name, one in self.tallies.items()
        }
        return {"reader": self.reader, "notes": self.notes, **measured}


def evaluated(settings: Settings, folder: Path) -> Evaluated:
    """How well the reader of the settings reads the notes of a folder."""
    formulary = Formulary.load()
    reader = _TextReader(build_reader(settings, formulary, ReadingRoom()))
    notes = notes_in(folder)
    tallies = evaluate(reader, notes, formulary)
    return Evaluated(reader=reader.name, folder=folder, notes=len(notes), tallies=tallies)
