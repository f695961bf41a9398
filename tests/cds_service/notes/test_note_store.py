"""Digests come back as they were put, say nothing in the clear, and go when they are told to."""

import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import inspect, select, text, update
from structlog.testing import capture_logs

from cds_service.audit.database import AuditFailure, open_engine
from cds_service.audit.log import AuditLog
from cds_service.audit.migrate import downgrade, upgrade
from cds_service.keys.file_keys import FileKeys
from cds_service.keys.ring import KeyRing, new_ring
from cds_service.notes.store import (
    DigestKey,
    DigestStore,
    NoteDigestRow,
    StoredDigest,
    StoreFailure,
)
from lamo.notes.sections import Mention, NoteSections
from tests.cds_service.audit.old_rows import old_body, store_old, stored_bodies
from tests.cds_service.audit.test_entries import decision

pytest_plugins = ["tests.cds_service.audit_fixtures"]

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
CANARIES = ("canary-patient", "canary-history", "canary-penicillin", "canary-quote", "canary-print")


class Clock:
    """A clock that stands until it is set."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


def key_of(patient_id: str = "canary-patient", document: str = "1", reader: str = "r") -> DigestKey:
    digest = hashlib.sha256(document.encode()).hexdigest()
    return DigestKey(patient_id=patient_id, document_sha256=digest, reader=reader)


def digest(history: str = "canary-history", **changes: Any) -> StoredDigest:
    mention = Mention(name="canary-penicillin", start=3, end=20, quote="canary-quote \x00 \ud800 é")
    sections = NoteSections(
        history_of_present_illness=history,
        past_medical_history="",
        allergies=(mention,),
        medications_on_admission=(mention, replace(mention, start=40, end=57)),
        cut=frozenset({"past_medical_history", "allergies"}),
        dropped=2,
    )
    made = StoredDigest(sections=sections, usage={"prompt_tokens": 900}, fingerprint="canary-print")
    made = replace(made, of_rules=3)
    return replace(made, **changes)


@pytest.fixture
def ring() -> KeyRing:
    return new_ring()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(audit_url: str, ring: KeyRing, clock: Clock) -> Iterator[DigestStore]:
    """A store on each of the two kinds of database."""
    store = DigestStore(audit_url, FileKeys(ring), clock=clock, timeout_s=60)
    yield store
    store.close()


def change_rows(database_url: str, *statements: Any) -> None:
    engine = open_engine(database_url)
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(statement)
    engine.dispose()


def rows_of(database_url: str) -> list[dict[str, Any]]:
    engine = open_engine(database_url)
    with engine.begin() as connection:
        rows = connection.execute(select(NoteDigestRow.__table__).order_by("made_at")).mappings()
        found = [dict(row) for row in rows]
    engine.dispose()
    return found


def reason_of_absence(store: DigestStore, key: DigestKey) -> str:
    """Get a digest that is there and cannot be used; return what the log says of it."""
    before = store.unopened
    with capture_logs() as logs:
        assert store.get(key) is None
    assert store.unopened == before + 1
    assert [entry.keys() for entry in logs] == [{"event", "log_level", "kind"}]
    return str(logs[0]["kind"])


def test_a_digest_comes_back_as_it_was_put(store: DigestStore) -> None:
    store.put(key_of(), digest())

    assert store.get(key_of()) == digest()
    assert store.unopened == 0


def test_an_empty_digest_comes_back_as_well(store: DigestStore) -> None:
    empty = StoredDigest(sections=NoteSections(), usage={})
    store.put(key_of(), empty)

    assert store.get(key_of()) == empty


def test_another_patient_document_or_reader_has_another_digest(store: DigestStore) -> None:
    store.put(key_of(), digest())

    with capture_logs() as logs:
        assert store.get(key_of(patient_id="2")) is None
        assert store.get(key_of(document="2")) is None
        assert store.get(key_of(reader="2")) is None
    assert logs == []


def test_several_digests_are_read_at_once(store: DigestStore, audit_url: str) -> None:
    first, second, third, none = (key_of(document=str(number)) for number in range(4))
    for key in (first, second, third):
        store.put(key, digest(key.document_sha256))
    at = NoteDigestRow.sealed == rows_of(audit_url)[0]["sealed"]
    change_rows(audit_url, update(NoteDigestRow).where(at).values(sealed=b"no sealed record"))

    found = store.get_all([first, second, third, none, first])

    assert len(found) == 2
    assert all(found[key] == digest(key.document_sha256) for key in found)
    assert store.unopened == 1
    assert store.get_all([]) == {}


def test_the_last_put_wins(store: DigestStore, clock: Clock, audit_url: str) -> None:
    store.put(key_of(), digest("first"))
    clock.now += timedelta(hours=1)
    store.put(key_of(), digest("second"))

    assert store.get(key_of()) == digest("second")
    assert [row["made_at"] for row in rows_of(audit_url)] == ["2026-03-01T13:00:00.000000Z"]


def test_threads_put_and_get_at_once(store: DigestStore) -> None:
    keys = [key_of(document=str(number % 5)) for number in range(60)]

    def put_and_get(key: DigestKey) -> StoredDigest | None:
        store.put(key, digest())
        return store.get(key)

    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(put_and_get, keys))

    assert found == [digest()] * 60
    assert store.count() == 5


def test_a_digest_of_before_a_rotation_is_still_read(
    store: DigestStore, audit_url: str, ring: KeyRing
) -> None:
    store.put(key_of(), digest())
    rotated = DigestStore(audit_url, FileKeys(ring.rotated()), timeout_s=60)

    assert rotated.get(key_of()) == digest()
    rotated.put(key_of(), digest("newer"))
    assert reason_of_absence(store, key_of()) == "key_unknown"  # a worker from before it
    rotated.close()


def test_rows_that_were_swapped_are_absent(store: DigestStore, audit_url: str) -> None:
    first, second = key_of(document="1"), key_of(document="2")
    store.put(first, digest("first"))
    store.put(second, digest("second"))
    one, two = rows_of(audit_url)
    swap = [
        update(NoteDigestRow).where(NoteDigestRow.note_key == to["note_key"])
        .values(sealed=of["sealed"])
        for to, of in ((one, two), (two, one))
    ]  # fmt: skip
    change_rows(audit_url, *swap)

    assert reason_of_absence(store, first) == "not_authentic"
    assert reason_of_absence(store, second) == "not_authentic"


@pytest.mark.parametrize("column", ["patient", "reader", "made_at"])
def test_no_column_can_be_changed(store: DigestStore, audit_url: str, column: str) -> None:
    store.put(key_of(), digest())
    change_rows(audit_url, update(NoteDigestRow).values({column: "0" * 64}))

    assert reason_of_absence(store, key_of()) == "not_authentic"


@pytest.mark.parametrize("stored", [b"", b"\x02", b"\x01\xff", b"no sealed record"])
def test_a_row_of_something_else_is_absent_until_it_is_put_again(
    store: DigestStore, audit_url: str, stored: bytes
) -> None:
    store.put(key_of(), digest())
    change_rows(audit_url, update(NoteDigestRow).values(sealed=stored))

    assert reason_of_absence(store, key_of()) == "malformed"
    store.put(key_of(), digest())
    assert store.get(key_of()) == digest()


@pytest.mark.parametrize("value", ["'text'", "5", "1.5"])
def test_a_row_of_another_type_is_absent(store: DigestStore, audit_url: str, value: str) -> None:
    if not audit_url.startswith("sqlite"):
        pytest.skip("PostgreSQL keeps the types of its columns")
    store.put(key_of(), digest())
    change_rows(audit_url, text(f"UPDATE note_digest SET sealed = {value}"))  # noqa: S608

    assert reason_of_absence(store, key_of()) == "malformed"


class NextSchema(StoredDigest):
    """A digest as a later release may store it."""

    def to_bytes(self) -> bytes:
        return super().to_bytes().replace(b'"schema":2', b'"schema":3')


def test_a_digest_of_another_schema_is_absent(store: DigestStore) -> None:
    store.put(key_of(), NextSchema(sections=NoteSections(), usage={}))

    assert reason_of_absence(store, key_of()) == "schema_unknown"


def test_sections_with_a_field_too_many_are_absent() -> None:
    content = StoredDigest(sections=NoteSections(), usage={}).to_bytes()

    assert StoredDigest.from_bytes(content.replace(b'"dropped"', b'"other"')) is None


def test_the_schema_is_that_of_these_fields() -> None:
    """When this fails, raise store.SCHEMA: rows of the old shape are then read anew."""
    assert [field.name for field in fields(Mention)] == ["name", "start", "end", "quote"]
    assert [field.name for field in fields(NoteSections)] == [
        "history_of_present_illness",
        "past_medical_history",
        "allergies",
        "medications_on_admission",
        "cut",
        "dropped",
    ]


def test_the_database_files_hold_nothing_in_the_clear(
    tmp_path: Path, ring: KeyRing, clock: Clock
) -> None:
    url = f"sqlite:///{tmp_path}/audit.db"
    upgrade(url)
    store = DigestStore(url, FileKeys(ring), clock=clock)
    store.put(key_of(reader="reader-in-the-clear"), digest())
    files = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    store.close()
    content = b"".join([*files.values(), *(file.read_bytes() for file in tmp_path.iterdir())])

    assert {"audit.db", "audit.db-wal"} <= files.keys()
    assert b"reader-in-the-clear" in content  # so the bytes looked through are the right ones
    for canary in (*CANARIES, key_of().document_sha256, "prompt_tokens"):
        assert canary.encode() not in content
    for canary in CANARIES:  # nor does a plain hash give the patient away
        assert hashlib.sha256(canary.encode()).hexdigest().encode() not in content


def test_rows_on_either_database_hold_pseudonyms_and_no_words(
    store: DigestStore, audit_url: str, ring: KeyRing
) -> None:
    store.put(key_of(), digest())

    (row,) = rows_of(audit_url)
    assert row["patient"] == FileKeys(ring).pseudonym("patient", "canary-patient")
    assert not any(canary in repr(row) for canary in CANARIES)


def test_a_forgotten_digest_is_overwritten(tmp_path: Path, ring: KeyRing) -> None:
    url = f"sqlite:///{tmp_path}/audit.db"
    upgrade(url)
    store = DigestStore(url, FileKeys(ring))
    store.put(key_of(), digest())
    (row,) = rows_of(url)
    store.forget(patient_id="canary-patient")
    store.close()  # the last connection leaves a checkpoint

    assert row["sealed"][-40:] not in (tmp_path / "audit.db").read_bytes()
    assert row["patient"].encode() not in (tmp_path / "audit.db").read_bytes()


def fill(store: DigestStore, clock: Clock) -> None:
    """Three digests of two patients: a's of day 0 and 1, b's of day 2."""
    for day, patient_id in enumerate("aab"):
        clock.now = NOON + timedelta(days=day)
        store.put(key_of(patient_id, document=str(day)), digest())


@pytest.mark.parametrize(
    ("asked", "forgotten"),
    [
        ({"patient_id": "a"}, 2),
        ({"patient_id": "none"}, 0),
        ({"patient_id": ""}, 0),
        ({"before": NOON}, 0),
        ({"before": NOON + timedelta(days=1, seconds=1)}, 2),
        ({"patient_id": "a", "before": NOON + timedelta(days=1)}, 1),
        ({"everything": True}, 3),
    ],
)
def test_digests_are_forgotten_by_patient_and_time(
    store: DigestStore, clock: Clock, asked: dict[str, Any], forgotten: int
) -> None:
    fill(store, clock)

    assert store.forget(**asked) == forgotten
    assert store.count() == 3 - forgotten


def test_a_forgotten_patient_leaves_the_others(store: DigestStore, clock: Clock) -> None:
    fill(store, clock)
    store.forget(patient_id="a")

    assert store.get(key_of("a", document="0")) is None
    assert store.get(key_of("b", document="2")) == digest()


@pytest.mark.parametrize("asked", [{}, {"patient_id": "a", "everything": True}])
def test_forgetting_wants_to_be_told_what(store: DigestStore, asked: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="name a patient, a moment or both"):
        store.forget(**asked)


def test_a_moment_without_a_time_zone_is_refused(store: DigestStore) -> None:
    with pytest.raises(ValueError, match="has no time zone"):
        store.forget(before=datetime(2026, 1, 1))


@pytest.mark.parametrize("digits", ["", "0" * 63, "A" * 64, "g" * 64])
def test_a_hash_that_is_none_is_refused(digits: str) -> None:
    with pytest.raises(ValueError, match="64 lower-case hex digits"):
        DigestKey(patient_id="1", document_sha256=digits, reader="r")


def test_a_database_without_the_table_is_a_store_failure(audit_url: str, ring: KeyRing) -> None:
    downgrade(audit_url, "0001")
    store = DigestStore(audit_url, FileKeys(ring))

    calls: list[Callable[[], object]] = [
        lambda: store.get(key_of()),
        lambda: store.put(key_of(), digest()),
        lambda: store.forget(everything=True),
        store.count,
    ]
    for call in calls:
        with pytest.raises(StoreFailure, match="the audit database gave") as failure:
            call()
        assert not any(canary in str(failure.value) for canary in CANARIES)
    store.close()


def test_a_missing_file_is_a_store_failure(tmp_path: Path, ring: KeyRing) -> None:
    store = DigestStore(f"sqlite:///{tmp_path}/none.db", FileKeys(ring))

    with pytest.raises(StoreFailure, match="OperationalError"):
        store.get(key_of())
    assert not (tmp_path / "none.db").exists()


def test_an_audit_log_of_the_first_revision_goes_up_and_down_with_its_events(
    audit_url: str, ring: KeyRing
) -> None:
    downgrade(audit_url, "0001")
    keys = FileKeys(ring)
    log = AuditLog(audit_url, keys, timeout_s=60)
    store_old(audit_url, before := old_body(decision()))

    upgrade(audit_url, keys)
    store = DigestStore(audit_url, FileKeys(ring), timeout_s=60)
    store.put(key_of(), digest())
    log.ping()
    store.close()
    assert log.find_event(before["event_id"]).body["cards"] == before["cards"]
    downgrade(audit_url, "0001", keys)

    assert stored_bodies(audit_url) == [before]
    with pytest.raises(AuditFailure):
        log.ping()
    log.close()
    engine = open_engine(audit_url)
    assert not inspect(engine).has_table("note_digest")
    engine.dispose()


def test_the_events_stay_closed_to_changes_beside_the_digests(
    store: DigestStore, audit_log: AuditLog, audit_url: str
) -> None:
    audit_log.append_decision(decision())
    store.put(key_of(), digest())
    engine = open_engine(audit_url)

    with pytest.raises(Exception, match="never changed"), engine.begin() as connection:
        connection.execute(text("DELETE FROM event"))
    engine.dispose()
    assert store.forget(everything=True) == 1
