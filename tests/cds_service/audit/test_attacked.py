"""What somebody tried who may write to tables of the log, or who hands in files of heads.

Both ways of verifying are asked: the command's, and the script that imports nothing of ours. Rows
of keys that were deleted, or that payloads were taken away from, are in the drill.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from cds_service.audit.bodies import build_event, seal_event
from cds_service.audit.database import open_engine
from cds_service.audit.findings import Findings
from cds_service.audit.heads import FILE as HEADS_FILE
from cds_service.audit.heads import read_exported
from cds_service.audit.ids import first_event_id
from cds_service.audit.log import AuditLog
from cds_service.audit.models import PatientRow, PeriodRow
from cds_service.audit.rotating import rotate_signing_key
from cds_service.audit.sequencer import sequence_all
from cds_service.audit.standalone import Bundle, verify_bundle
from cds_service.audit.tampering import write_bundle
from cds_service.audit.verify import Asked, verify_log
from cds_service.audit.writing import insert_events
from cds_service.keys.file_keys import FileKeys
from cds_service.keys.ring import new_ring
from cds_service.keys.service import KeyService
from cds_service.keys.signing import FILE, SigningFile
from tests.cds_service.audit.evidence_fixtures import asked, fill, var_dir
from tests.cds_service.audit.test_entries import decision, error
from tests.cds_service.sqlite_only import database_server

pytest_plugins = ["tests.cds_service.audit_fixtures"]
__all__ = ["asked", "database_server", "var_dir"]


def bundle_problems(
    url: str, asked: Asked, folder: Path, heads: Path | None
) -> tuple[list[str], Bundle]:
    key = asked.first_key.to_text()
    write_bundle(url, key, folder / "bundle.jsonl")
    return verify_bundle(folder / "bundle.jsonl", key, heads)


def add_unnumbered(url: str, folder: Path) -> str:
    event = seal_event(build_event(error(), datetime.now(UTC)), None, None)
    engine = open_engine(url)
    with engine.begin() as connection:
        insert_events(connection, [event])
    engine.dispose()
    sequence_all(url, folder)
    return f"event {event.body['event_id']}: has no number of a process"


def test_an_event_without_a_number_is_told_behind_one_with_a_number(
    audit_log: AuditLog, audit_url: str, var_dir: Path, asked: Asked
) -> None:
    add_unnumbered(audit_url, var_dir)  # as of an older release
    fill(audit_log, audit_url, var_dir, 3)
    assert verify_log(audit_url, asked).failed == {}
    assert bundle_problems(audit_url, asked, var_dir, None)[0] == []
    told = add_unnumbered(audit_url, var_dir)
    for stretch in (asked.stretch, 4):  # 4: alone in a stretch, in another process
        found = verify_log(audit_url, replace(asked, stretch=stretch))
        assert found.failed == {"workers": [told]}
    assert bundle_problems(audit_url, asked, var_dir, None)[0] == [told]


def test_of_events_that_wait_it_is_said_what_gives_them_their_place(
    audit_log: AuditLog, audit_url: str, var_dir: Path, asked: Asked
) -> None:
    """As after a service was killed."""
    fill(audit_log, audit_url, var_dir, 2)
    begun = datetime.now(UTC) - timedelta(seconds=30)
    audit_log.append_decision(decision(event_id=first_event_id(begun)))
    (told,) = verify_log(audit_url, asked).failed["index"]
    assert told.endswith("or run `lamo-cds audit sequence --once`, then verify again")
    sequence_all(audit_url, var_dir)
    assert verify_log(audit_url, asked).failed == {}


@pytest.mark.parametrize("model", [PatientRow, PeriodRow])
def test_a_key_that_does_not_unwrap_is_told(
    audit_log: AuditLog,
    audit_url: str,
    audit_keys: KeyService,
    var_dir: Path,
    asked: Asked,
    model: type[PatientRow | PeriodRow],
) -> None:
    fill(audit_log, audit_url, var_dir, 2)
    with_keys = replace(asked, keys=audit_keys)
    assert verify_log(audit_url, with_keys).failed == {}
    engine = open_engine(audit_url)
    with engine.begin() as connection:
        connection.execute(update(model).values(wrapped_key=bytes(60)))
    engine.dispose()
    (told,) = verify_log(audit_url, with_keys).failed["keys"]
    assert "cannot be used: found a sealed record that was changed" in told
    assert verify_log(audit_url, asked).failed == {}  # which has no keys to try


def test_keys_of_another_service_open_nothing(
    audit_log: AuditLog, audit_url: str, var_dir: Path, asked: Asked
) -> None:
    fill(audit_log, audit_url, var_dir, 2)
    found = verify_log(audit_url, replace(asked, keys=FileKeys(new_ring())))
    assert [told.split(" ")[0] for told in found.failed["keys"]] == ["patient", "period"]


@pytest.mark.parametrize("content", [b"", b'{"number": 0, "no'])
def test_a_file_without_a_whole_head_is_told(
    audit_log: AuditLog, audit_url: str, var_dir: Path, asked: Asked, content: bytes
) -> None:
    fill(audit_log, audit_url, var_dir, 2)
    heads = var_dir / "kept.jsonl"
    heads.write_bytes(content)
    told = ["kept.jsonl: has no whole head"]
    assert verify_log(audit_url, replace(asked, exported=heads)).failed == {"exported": told}
    assert bundle_problems(audit_url, asked, var_dir, heads)[0] == told


def test_a_last_line_that_was_cut_is_a_note(
    audit_log: AuditLog, audit_url: str, var_dir: Path, asked: Asked
) -> None:
    for _ in range(2):
        fill(audit_log, audit_url, var_dir, 2)
    heads = var_dir / "kept.jsonl"
    heads.write_bytes((var_dir / HEADS_FILE).read_bytes()[:-1])
    told = ["kept.jsonl: its last line was cut, and is left out"]
    found = verify_log(audit_url, replace(asked, exported=heads))
    assert (found.failed, found.notes) == ({}, told)
    problems, bundle = bundle_problems(audit_url, asked, var_dir, heads)
    assert (problems, bundle.notes) == ([], told)


@pytest.fixture
def kept(
    audit_log: AuditLog, audit_url: str, audit_keys: KeyService, var_dir: Path, asked: Asked
) -> Path:
    """The last line of the heads of a log whose key was changed before it."""
    fill(audit_log, audit_url, var_dir, 2)
    rotate_signing_key(audit_url, audit_keys, SigningFile(var_dir / FILE))
    fill(audit_log, audit_url, var_dir, 2)
    path = var_dir / "kept.jsonl"
    path.write_bytes((var_dir / HEADS_FILE).read_bytes().splitlines(keepends=True)[-1])
    ((number, _),) = read_exported(path)
    assert number >= 2
    return path


def exported_findings(url: str, asked: Asked, kept: Path) -> Findings:
    return verify_log(url, replace(asked, exported=kept))


def test_a_file_may_begin_with_any_head(
    audit_url: str, var_dir: Path, asked: Asked, kept: Path
) -> None:
    assert exported_findings(audit_url, asked, kept).failed == {}
    assert bundle_problems(audit_url, asked, var_dir, kept)[0] == []


def test_a_head_in_the_middle_is_still_signed_and_compared(
    audit_url: str, var_dir: Path, asked: Asked, kept: Path
) -> None:
    kept.write_text(kept.read_text().replace(r"\ntime 2", r"\ntime 3"))
    found = exported_findings(audit_url, asked, kept)
    assert set(found.failed) >= {"exported", "signatures"}
    (told,) = bundle_problems(audit_url, asked, var_dir, kept)[0]
    assert "does not fit" in told


def test_a_head_of_another_log_is_told(
    audit_url: str, var_dir: Path, asked: Asked, kept: Path
) -> None:
    _, note = next(read_exported(kept))
    signature = note.rstrip("\n").rpartition(" ")[2]
    kept.write_text(kept.read_text().replace(signature, "AAAA" + signature[4:]))
    found = exported_findings(audit_url, asked, kept)
    assert "which is none that may sign this log" in found.failed["signatures"][0]
    assert "wanted" in bundle_problems(audit_url, asked, var_dir, kept)[0][0]
