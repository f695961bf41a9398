"""Values of other types than their columns: SQLite keeps them, and nothing of ours breaks on them.

PostgreSQL refuses them itself.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cds_service.audit.cli import audit
from cds_service.audit.findings import CHECKS
from cds_service.audit.log import AuditLog
from cds_service.audit.sequencer import sequence_all
from cds_service.audit.typed import LogAltered, WrongType
from cds_service.audit.verify import Asked, verify_log
from cds_service.keys.ring import KeyRing
from tests.cds_service.audit.evidence_fixtures import asked, fill, var_dir
from tests.cds_service.audit.test_entries import error
from tests.cds_service.reviewer.tampering import tamper
from tests.cds_service.sqlite_only import database_server

pytest_plugins = ["tests.cds_service.audit_fixtures"]
__all__ = ["asked", "database_server", "var_dir"]
Run = Callable[..., Result]
EDITED = "UPDATE event SET body = replace(body, 'order-sign', 'order-view') WHERE event_id = :id"


@pytest.fixture
def event_id(audit_log: AuditLog, audit_url: str, var_dir: Path) -> str:
    """Of one event of six."""
    fill(audit_log, audit_url, var_dir, 6)
    return audit_log.list_events()[2].event_id


@pytest.fixture
def edited(audit_url: str, event_id: str) -> str:
    """An event whose body was edited as text."""
    tamper(audit_url, EDITED, id=event_id)
    return event_id


@pytest.fixture
def run(audit_url: str, audit_ring: KeyRing, var_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("LAMO_KEYS", audit_ring.to_text())

    def ran(*arguments: str) -> Result:
        environment = {"VAR_DIR": str(var_dir)}
        return CliRunner().invoke(audit, ["--database-url", audit_url, *arguments], env=environment)

    return ran


def test_an_event_of_another_type_is_named_and_every_other_check_is_made(
    audit_url: str, asked: Asked, edited: str
) -> None:
    for one in (asked, replace(asked, stretch=2)):  # 2: in several processes
        found = verify_log(audit_url, one)
        told = f"event {edited}: body holds text, wanted blob"
        assert found.failed["types"] == [told]
        assert set(CHECKS) - set(found.checked) == {"exported", "receipts", "keys"}
        assert f"event {edited}: its bytes are not those" in found.failed["leaves"][0]
    quick = verify_log(audit_url, replace(asked, is_quick=True))
    assert list(quick.failed) == ["types", "leaves", "heads"]


# that a value of another type is told in other columns, is in the drill
@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("event SET kind = CAST(x'ff' AS text), card_count = 'many'", "card_count holds text"),
        ("head SET number = 'junk'", "head junk: number holds text, wanted integer"),
        ("head SET tree_size = 1.5", "head 0: tree_size holds real, wanted integer"),
        ("period SET key_id = x'00'", "key_id holds blob, wanted text"),
        ("projection SET next_leaf = 'junk'", "next_leaf holds text, wanted integer"),
    ],
)
def test_junk_in_any_column_is_told(
    audit_url: str, asked: Asked, event_id: str, change: str, told: str
) -> None:
    table = change.split()[0]
    if table == "projection":
        tamper(audit_url, "INSERT INTO projection VALUES ('search', 0)")
    row = f"rowid = (SELECT min(rowid) FROM {table})"  # noqa: S608 - our own names
    tamper(audit_url, f"UPDATE {change} WHERE {row}")
    found = verify_log(audit_url, asked)
    assert told in found.failed["types"][0]


@pytest.mark.parametrize(
    ("change", "told", "said"),
    [
        ("event SET client = {}", "client", ("list", "event.client holds text that is no UTF-8")),
        (
            "patient SET key_id = 'a' || char(0) || {}",
            "key_id",
            ("list", "patient.key_id holds text that is"),
        ),
        ("head SET note = {}", "head 0: note", ("stats", "a head is not a signed note")),
    ],
)
def test_text_that_is_no_utf_8_is_named_and_is_one_line_of_a_command(
    audit_url: str,
    asked: Asked,
    event_id: str,
    run: Run,
    change: str,
    told: str,
    said: tuple[str, str],
) -> None:
    tamper(audit_url, f"UPDATE {change.format('CAST(:data AS text)')}", data=b"\xc3(")
    found = verify_log(audit_url, asked).failed["types"]
    assert f"{told} holds text that is no UTF-8, wanted text" in found[0]
    result = run(said[0])
    assert (result.exit_code, len(result.output.splitlines())) == (1, 1)
    assert said[1] in result.output


def test_text_of_any_alphabet_is_text(audit_log: AuditLog, audit_url: str, asked: Asked) -> None:
    audit_log.append_error(error(client="Ärzte 北京 \N{PILL}"))
    assert "types" not in verify_log(audit_url, asked).failed


def test_nothing_is_exported_or_proven_of_an_event_of_another_type(
    edited: str, run: Run, tmp_path: Path
) -> None:
    out = tmp_path / "bundle.jsonl"
    for arguments in (("export", "--out", str(out)), ("prove", edited), ("show", edited)):
        result = run(*arguments)
        assert (result.exit_code, len(result.output.splitlines())) == (1, 1)
        assert "body holds text, wanted blob: the audit database was changed" in result.output
        if arguments[0] != "show":
            assert f"event {edited}" in result.output
    assert not out.exists()


def test_the_sequencer_and_readers_say_why_they_stop(
    audit_log: AuditLog, audit_url: str, var_dir: Path, event_id: str
) -> None:
    tamper(audit_url, "DELETE FROM leaf WHERE leaf_index = 5")
    tamper(audit_url, "UPDATE event SET body = 'junk'")
    with pytest.raises(WrongType) as refused:
        sequence_all(audit_url, var_dir)
    assert "event.body holds text" in refused.value.reason
    with pytest.raises(LogAltered):
        audit_log.find_event(event_id)


def test_bytes_that_are_no_event_any_more_are_told_in_words(
    audit_log: AuditLog, audit_url: str, event_id: str
) -> None:
    tamper(audit_url, "UPDATE event SET body = :body", body=b"[" * 100_000)
    with pytest.raises(LogAltered) as refused:
        audit_log.find_event(event_id)
    assert "its bytes are no event any more" in refused.value.reason


def test_an_edited_event_is_marked_where_it_is_shown(
    audit_url: str, event_id: str, run: Run
) -> None:
    assert "CHANGED" not in run("show", event_id).output
    edit = "UPDATE event SET body = CAST(replace(body, 'sign', 'view') AS BLOB)"
    tamper(audit_url, edit)
    result = run("show", event_id)
    assert (result.exit_code, "CHANGED: the bytes of this event" in result.output) == (0, True)


def test_an_id_that_is_none_of_ours_stops_no_sequencer(
    audit_log: AuditLog, audit_url: str, var_dir: Path, event_id: str
) -> None:
    name = "z" * 36
    columns = "kind, recorded_at, client, outcome, card_count, status, body"
    tamper(
        audit_url,
        f"INSERT INTO event (event_id, {columns}) "  # noqa: S608 - our own names
        f"SELECT '{name}', {columns} FROM event WHERE event_id = :id",
        id=event_id,
    )
    assert sequence_all(audit_url, var_dir) == 1
    fill(audit_log, audit_url, var_dir, 2)
