"""The notes of a call: what was kept is used, the rules read the rest, the model reads behind."""

import base64
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cds_service.audit.migrate import upgrade
from cds_service.keys.file_keys import FileKeys
from cds_service.keys.files import create_key_file
from cds_service.notes.building import build_desk
from cds_service.notes.desk import NoteDesk, sha256_of
from cds_service.notes.readers import PatientReader
from cds_service.notes.reading_room import ReadingRoom
from cds_service.notes.store import DigestKey, DigestStore, StoredDigest
from cds_service.notes.warmer import Unread, Warmer
from cds_service.settings import Settings
from fhir_mappings.formulary import Formulary
from fhir_mappings.record import Document
from lamo.deadline import Deadline
from lamo.notes.model_reader.reader import ModelReader
from lamo.notes.rules import RuleReader, rule_tools
from lamo.notes.sections import NoteSections, NoteUnread
from tests.fhir_mappings.test_attachments_pdf import drawing, page_of
from tests.lamo.notes.fake_endpoint import (
    FakeEndpoint,
    fake_endpoint,
    found,
    plan_for,
    refuses,
)
from tests.lamo.records import patient

FORMULARY = Formulary.load()
NOTE = "HPI: fell at home.\nAllergies: penicillin (hives)\nHome meds: Lasix 40 mg\n"


def document(text: str = NOTE, kind: str = "text/plain") -> Document:
    return Document(
        data=text.encode(),
        content_type=kind,
        written=datetime(2026, 3, 1, tzinfo=UTC),
        reference="DocumentReference/d1",
    )


def later(ms: float = 60_000) -> Deadline:
    return Deadline.after_ms(ms)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DigestStore]:
    url = f"sqlite:///{tmp_path / 'audit.db'}"
    upgrade(url)
    create_key_file(tmp_path / "keys.json")
    kept = DigestStore(url, FileKeys.from_file(tmp_path / "keys.json"))
    yield kept
    kept.close()


@pytest.fixture
def room() -> Iterator[ReadingRoom]:
    opened = ReadingRoom()
    yield opened
    opened.close()


@pytest.fixture
def endpoint() -> Iterator[FakeEndpoint]:
    with fake_endpoint() as fake:
        yield fake


def desk_of(room: ReadingRoom, store: DigestStore, endpoint: FakeEndpoint | None) -> NoteDesk:
    model = ModelReader(plan_for(endpoint, tries=1, seconds=60.0)) if endpoint else None
    reader = PatientReader(room, RuleReader(FORMULARY), model)
    warmer = Warmer(reader, store, pause_s=60)
    return NoteDesk(
        rules=rule_tools(FORMULARY), room=room, best=reader.name, store=store, warmer=warmer
    )


def test_without_a_model_the_rules_read_and_plain_text_is_not_kept(
    room: ReadingRoom, store: DigestStore
) -> None:
    desk = desk_of(room, store, None)
    record, digest, notes, gaps = desk.read(patient(documents=(document(),)), later())
    assert [one.display for one in record.allergies] == ["penicillin"]
    assert digest is not None
    assert digest.medications_on_admission == ("Furosemide",)
    assert [note.reader for note in notes] == [desk.rules.reader.name]
    assert {gap.kind for gap in gaps} == {"allergy-only-in-note", "medication-only-in-note"}
    assert store.count() == 0


def test_what_takes_time_to_read_is_kept_for_the_next_call(
    room: ReadingRoom, store: DigestStore
) -> None:
    desk = desk_of(room, store, None)
    html = document(f"<p>{NOTE.replace(chr(10), '<br>')}</p>", "text/html")
    first = desk.read(patient(documents=(html,)), later())
    assert desk.warmer is not None
    desk.warmer.wait()
    assert store.count() == 1
    again = desk.read(patient(documents=(html,)), Deadline.after_ms(0))
    assert again[1] == first[1]


def test_the_model_reads_behind_the_call_and_its_answer_is_used_in_the_next(
    room: ReadingRoom, store: DigestStore, endpoint: FakeEndpoint
) -> None:
    endpoint.default = found(medications_on_admission=["Lasix", "oxycodone"])
    desk = desk_of(room, store, endpoint)
    record = patient(documents=(document(),))
    _, _, notes, gaps = desk.read(record, later())
    assert [note.reader for note in notes] == [desk.rules.reader.name]
    assert "note-read-by-rules" in {gap.kind for gap in gaps}
    assert desk.warmer is not None
    desk.warmer.wait()
    told, digest, notes, gaps = desk.read(record, later())
    assert [note.reader for note in notes] == [desk.best]
    assert digest is not None
    assert digest.medications_on_admission == ("Furosemide",)
    # the model has said nothing of it: what the rules find of allergies is never lost
    assert [one.display for one in told.allergies] == ["penicillin"]
    assert "note-claims-dropped" in {gap.kind for gap in gaps}


def test_a_model_that_says_nothing_does_not_undo_what_the_rules_found(
    room: ReadingRoom, store: DigestStore, endpoint: FakeEndpoint
) -> None:
    endpoint.default = found()
    desk = desk_of(room, store, endpoint)
    record = patient(documents=(document(),))
    desk.read(record, later())
    assert desk.warmer is not None
    desk.warmer.wait()
    told, digest, notes, gaps = desk.read(record, later())
    assert [note.reader for note in notes] == [desk.best]
    assert [one.display for one in told.allergies] == ["penicillin"]
    assert digest is not None
    assert digest.medications_on_admission == ("Furosemide",)
    assert [gap.meaning[:2] for gap in gaps if gap.kind == "note-model-silent"] == ["2 "]


def test_a_drug_of_a_discharge_list_is_no_allergy_though_a_model_says_so(
    room: ReadingRoom, store: DigestStore, endpoint: FakeEndpoint
) -> None:
    endpoint.default = found(allergies=["Ibuprofen"])
    desk = desk_of(room, store, endpoint)
    record = patient(documents=(document("Discharge Medications:\nIbuprofen 400 mg\n"),))
    desk.read(record, later())
    assert desk.warmer is not None
    desk.warmer.wait()
    told, _, _, gaps = desk.read(record, later())
    assert told.allergies == ()
    assert [gap.kind for gap in gaps] == ["note-claims-dropped"]


def test_an_endpoint_that_fails_leaves_the_rules_answer_and_is_left_alone(
    room: ReadingRoom, store: DigestStore, endpoint: FakeEndpoint
) -> None:
    endpoint.default = refuses(500)
    desk = desk_of(room, store, endpoint)
    record = patient(documents=(document(),))
    for _ in range(3):
        _, digest, _, _ = desk.read(record, later())
        assert digest is not None
        assert digest.medications_on_admission == ("Furosemide",)
        assert desk.warmer is not None
        desk.warmer.wait()
    assert len(endpoint.asked) == 1
    assert store.count() == 0


def test_that_a_note_could_not_be_read_is_shown_once_whatever_others_were(
    room: ReadingRoom, store: DigestStore
) -> None:
    desk = desk_of(room, store, None)
    scan = Document(data=b"\x89PNG\r\n", content_type="image/png", reference="DocumentReference/d2")
    for documents in ((scan,), (scan, document()), (document(), scan, replace(scan, written=None))):
        _, _, _, gaps = desk.read(patient(documents=documents), later())
        reasons = [gap.meaning for gap in gaps if gap.kind == "note-not-read"]
        assert set(reasons) == {"A document was not read: it is an image, not text."}
        assert [(gap.kind, gap.where) for gap in gaps if gap.shown] == [
            ("note-not-checked", "DocumentReference/d2")
        ]


def test_without_time_nothing_is_read_and_it_is_said(room: ReadingRoom, store: DigestStore) -> None:
    desk = desk_of(room, store, None)
    _, _, notes, gaps = desk.read(patient(documents=(document(),)), Deadline.after_ms(0))
    assert notes == ()
    assert ["no time was left" in gap.meaning for gap in gaps] == [True, False]
    assert [gap.shown for gap in gaps] == [False, True]


def test_a_database_that_is_down_costs_what_was_kept_and_no_more(
    room: ReadingRoom, tmp_path: Path
) -> None:
    create_key_file(tmp_path / "keys.json")
    keys = FileKeys.from_file(tmp_path / "keys.json")
    gone = DigestStore(f"sqlite:///{tmp_path / 'no' / 'audit.db'}", keys)
    desk = NoteDesk(rules=rule_tools(FORMULARY), room=room, best="model:x", store=gone)
    _, digest, _, gaps = desk.read(patient(documents=(document(),)), later())
    assert digest is not None
    assert "digests-not-read" in {gap.kind for gap in gaps}


def test_another_patients_digest_of_the_same_text_is_another(store: DigestStore) -> None:
    one = DigestKey(patient_id="p1", document_sha256=sha256_of(document()), reader="r")
    other = DigestKey(patient_id="p2", document_sha256=sha256_of(document()), reader="r")
    store.put(one, StoredDigest(sections=NoteSections(), usage={}))
    assert store.get(other) is None


def test_the_queue_takes_each_note_once_and_has_an_end(store: DigestStore) -> None:
    asked: list[Document] = []

    def read(one: Document) -> StoredDigest:
        asked.append(one)
        raise NoteUnread("the endpoint is down")

    warmer = Warmer(read, store, pause_s=60)
    key = DigestKey(patient_id="p1", document_sha256="0" * 64, reader="r")
    assert warmer.add(Unread(key=key, document=document()))
    warmer.wait()
    assert not warmer.add(Unread(key=key, document=document()))  # the endpoint is left alone
    assert len(asked) == 1


def test_a_document_that_takes_the_reader_behind_the_calls_long_holds_up_no_call(
    tmp_path: Path, store: DigestStore
) -> None:
    desk = build_desk(Settings(var_dir=tmp_path), FORMULARY)
    after = Document(data=page_of(drawing("Allergies: penicillin")), content_type="application/pdf")
    # its font table takes several seconds of processor time
    table = rb"{\rtf1 {\fonttbl" + rb"\f1" * 20_000 + b"}}"
    late = Document(data=table, content_type="application/rtf")
    _, _, notes, _ = desk.read(patient(documents=(late,)), later(100))
    assert notes == ()
    record, _, _, _ = desk.read(patient(documents=(after,)), later())
    assert [one.display for one in record.allergies] == ["penicillin"]
    key = DigestKey(patient_id="p1", document_sha256=sha256_of(late), reader=desk.best)
    assert desk.warmer is not None
    assert not desk.warmer.add(Unread(key=key, document=late))  # it is still at it


def test_base64_of_a_note_is_no_note() -> None:
    text = base64.b64encode(NOTE.encode()).decode()
    assert RuleReader(FORMULARY).read(text).is_empty()
