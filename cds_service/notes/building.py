"""From the settings to what reads notes and keeps what was read."""

from cds_service.keys.building import build_keys
from cds_service.notes.desk import NoteDesk
from cds_service.notes.readers import PatientReader
from cds_service.notes.reading_room import ReadingRoom
from cds_service.notes.store import DigestStore
from cds_service.notes.warmer import Warmer
from cds_service.settings import Settings
from fhir_mappings.formulary import Formulary
from lamo.notes.model_reader.plan import ModelReaderPlan
from lamo.notes.rules import RuleReader, rule_tools

STORE_TIMEOUT_S = 0.1  # a call has half a second for everything


def build_desk(settings: Settings, formulary: Formulary) -> NoteDesk:
    """What a call reads notes with, and the thread that reads them behind it.

    Raises:
        EndpointRefused: no note may go to the note model of the settings.
        KeysRefused: the keys cannot be used.
    """
    # a room of its own: a document that takes the reader behind the calls long holds up no call
    reader = build_reader(settings, formulary, ReadingRoom())
    keys = build_keys(settings)
    return NoteDesk(
        rules=rule_tools(formulary),
        room=ReadingRoom(),
        best=reader.name,
        store=DigestStore(settings.database_url, keys, timeout_s=STORE_TIMEOUT_S),
        warmer=Warmer(reader, DigestStore(settings.database_url, keys)),
    )


def build_reader(settings: Settings, formulary: Formulary, room: ReadingRoom) -> PatientReader:
    """What reads whole documents when nobody waits."""
    plan = note_plan(settings)
    if plan is None:
        return PatientReader(room, RuleReader(formulary))
    # openai: only where there is a note model
    from lamo.notes.model_reader.reader import ModelReader

    return PatientReader(room, RuleReader(formulary), ModelReader(plan))


def note_plan(settings: Settings) -> ModelReaderPlan | None:
    """The note model of the settings; None without one."""
    if settings.notes_url is None:
        return None
    return ModelReaderPlan(
        url=settings.notes_url,
        model=settings.notes_model or "",
        key=settings.notes_key.get_secret_value() if settings.notes_key else None,
        context_tokens=settings.notes_context_tokens,
        seconds=settings.notes_seconds,
        allowed_hosts=settings.notes_hosts,
        ca_file=settings.notes_ca_file,
    )
