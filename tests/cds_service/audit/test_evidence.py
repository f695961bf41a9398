"""What is handed out is verified by a program that imports nothing of ours; receipts; the drill."""

import json
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import delete, insert, select

from cds_service.audit.checkpoint import parse_head
from cds_service.audit.database import open_engine
from cds_service.audit.heads import FILE as HEADS_FILE
from cds_service.audit.heads import exported_line, read_exported
from cds_service.audit.keeping import Keeper
from cds_service.audit.log import AuditLog
from cds_service.audit.merkle import leaf_hash
from cds_service.audit.models import PayloadRow
from cds_service.audit.receipts import receipt_for
from cds_service.audit.rotating import rotate_signing_key
from cds_service.audit.standalone import verify_bundle
from cds_service.audit.tampering import FORGERIES
from cds_service.audit.vault import Whom
from cds_service.audit.verify import Asked, verify_log
from cds_service.cli import main
from cds_service.keys.files import create_key_file
from cds_service.keys.ring import KeyRing
from cds_service.keys.service import KeyService
from cds_service.keys.signing import FILE, SigningFile
from tests.cds_service.audit.evidence_fixtures import fill, var_dir
from tests.cds_service.audit.test_entries import decision

pytest_plugins = ["tests.cds_service.audit_fixtures"]
__all__ = ["var_dir"]
SCRIPT = Path(__file__).parents[3] / "scripts" / "verify_audit.py"


@pytest.fixture(autouse=True)
def keys_in_the_settings(monkeypatch: pytest.MonkeyPatch, audit_ring: KeyRing) -> None:
    monkeypatch.setenv("LAMO_KEYS", audit_ring.to_text())


@pytest.fixture
def filled(audit_log: AuditLog, audit_url: str, var_dir: Path) -> str:
    fill(audit_log, audit_url, var_dir, 4)
    fill(audit_log, audit_url, var_dir, 260)
    return audit_url


def run(url: str, folder: Path, *arguments: str) -> Result:
    environment = {"VAR_DIR": str(folder)}
    return CliRunner().invoke(main, ["audit", "--database-url", url, *arguments], env=environment)


def exported(url: str, folder: Path, *arguments: str) -> Path:
    path = folder / "bundle.jsonl"
    result = run(url, folder, "export", "--out", str(path), *arguments)
    assert result.exit_code == 0, result.output
    return path


def first_key(folder: Path) -> str:
    return SigningFile(folder / FILE).read().keys[0].to_text()


def test_a_sound_log_verifies(filled: str, var_dir: Path) -> None:
    result = run(filled, var_dir, "verify")
    assert (result.exit_code, "FAILED" in result.output) == (0, False), result.output
    assert "264 events" in result.output
    quick = run(filled, var_dir, "verify", "--quick")
    assert (quick.exit_code, "columns" in quick.output) == (0, False)


def test_a_bundle_is_verified_without_anything_of_ours(filled: str, var_dir: Path) -> None:
    path = exported(filled, var_dir)
    heads, key = str(var_dir / HEADS_FILE), first_key(var_dir)
    command = [sys.executable, "-S", "-c", NO_IMPORTS, str(SCRIPT), str(path)]
    options = ["--key", key, "--heads", heads]
    done = subprocess.run([*command, *options], capture_output=True, text=True, cwd=var_dir)
    assert done.stdout == "ok     264 events fit the signed heads\n", done.stderr


# runs a script, and fails when it imports something of ours
NO_IMPORTS = """
import site, sys, runpy
site.main()
class Refuse:
    def find_spec(self, name, path=None, target=None):
        assert name.split(".")[0] not in ("cds_service", "lamo", "fhir_mappings"), name
sys.meta_path.insert(0, Refuse())
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def test_a_part_is_verified_by_its_proofs(
    audit_log: AuditLog, audit_url: str, var_dir: Path
) -> None:
    entry = decision()
    audit_log.append_decision(entry)
    fill(audit_log, audit_url, var_dir, 5)
    path = exported(audit_url, var_dir, "--event-id", entry.event_id)
    assert verify_bundle(path, first_key(var_dir))[0] == []
    path.write_text(path.read_text().replace("order-sign", "order-sigm"))
    assert "leads to another root" in verify_bundle(path, first_key(var_dir))[0][0]


def test_the_proof_of_an_event_is_printed(filled: str, var_dir: Path, audit_log: AuditLog) -> None:
    event_id = audit_log.list_events(limit=9)[-1].event_id
    proof = json.loads(run(filled, var_dir, "prove", event_id).output)
    assert (proof["event_id"], proof["tree_size"], len(proof["proof"])) == (event_id, 264, 9)
    assert "no head has an event" in run(filled, var_dir, "prove", "no-such-event").output


def lines_of(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize(
    ("place", "change", "why"),
    [
        (-1, None, "the bundle was cut"),
        (-2, None, "counts other lines|was signed, the bundle has"),
        (5, None, "stands where"),
        (1, None, "stands where 0 should"),
        (6, {"body": '{"event_id": "019ac000-0000-7000-8000-000000000000"}'}, "another root"),
        (6, {"body": "{}"}, "not of the documented form"),
        (6, {"leaf_index": 77}, "leaf 77 stands where"),
        (1, {"note": "nothing"}, "not a signed head"),
        (0, {"version": 2}, "not a bundle of version 1"),
        (0, {"tree_size": 9}, "no head of its tree_size"),
    ],
)
def test_a_bundle_that_was_changed_is_told(
    filled: str, var_dir: Path, place: int, change: dict[str, object] | None, why: str
) -> None:
    path = exported(filled, var_dir)
    lines = lines_of(path)
    changed = [] if change is None else [lines[place] | change]
    lines[place : place + 1 or None] = changed
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    problems, _ = verify_bundle(path, first_key(var_dir))
    assert problems
    assert any(part in problem for problem in problems for part in why.split("|")), problems


def test_heads_that_are_newer_than_a_bundle_say_nothing_against_it(
    audit_log: AuditLog, filled: str, var_dir: Path
) -> None:
    path, heads = exported(filled, var_dir), var_dir / HEADS_FILE
    fill(audit_log, filled, var_dir, 3)  # the export is an event itself
    problems, bundle = verify_bundle(path, first_key(var_dir), heads)
    assert (problems, len(bundle.notes)) == ([], 1)
    assert "1 of the kept heads are newer than the bundle" in bundle.notes[0]
    assert "268 events" in bundle.notes[0]


def test_an_older_head_still_has_to_be_that_of_the_bundle(
    filled: str, var_dir: Path, tmp_path: Path
) -> None:
    path, heads = exported(filled, var_dir), var_dir / HEADS_FILE
    _, note = next(read_exported(heads))
    forged = replace(parse_head(note).checkpoint, root=leaf_hash(b"")).signed(
        SigningFile(var_dir / FILE).signer()
    )
    (tmp_path / "kept.jsonl").write_text(exported_line(0, forged) + "\n")
    problems, _ = verify_bundle(path, first_key(var_dir), tmp_path / "kept.jsonl")
    assert problems == [
        "kept.jsonl: head 0 is another in the bundle",
        "the head of 4 leaves has another root",
    ]


def test_a_bundle_of_another_key_is_told(filled: str, var_dir: Path, tmp_path: Path) -> None:
    other = SigningFile(tmp_path / "other" / FILE)
    other.create()
    problems, _ = verify_bundle(exported(filled, var_dir), other.read().keys[0].to_text())
    assert "not a head of log" in problems[0]


def test_a_receipt_leads_to_its_event(
    audit_log: AuditLog, audit_url: str, var_dir: Path, tmp_path: Path
) -> None:
    signing, entry = SigningFile(var_dir / FILE), decision()
    good = receipt_for(entry.event_id, audit_log.append_decision(entry), signing)
    lost = receipt_for(decision().event_id, leaf_hash(b"{}"), signing)
    other = receipt_for(entry.event_id, leaf_hash(b"{}"), signing)
    fill(audit_log, audit_url, var_dir, 2)
    (tmp_path / "receipts").write_text(f"{good}\n")
    assert None not in (good, lost, other)
    assert run(audit_url, var_dir, "verify", "--receipt", str(tmp_path / "receipts")).exit_code == 0
    for receipt, why in (
        (str(lost), "the log does not have it"),
        (str(other), "has other bytes now"),
    ):
        result = run(audit_url, var_dir, "verify", "--receipt", receipt)
        assert (result.exit_code, why in result.output) == (1, True)
    path, key = exported(audit_url, var_dir), first_key(var_dir)
    assert verify_bundle(path, key, None, [str(good)])[0] == []
    assert "is not in the log" in verify_bundle(path, key, None, [str(lost)])[0][0]
    assert "has other bytes" in verify_bundle(path, key, None, [str(other)])[0][0]


def test_a_receipt_needs_the_key(tmp_path: Path) -> None:
    assert receipt_for("event", leaf_hash(b""), SigningFile(tmp_path / FILE)) is None


def test_every_kind_of_tampering_is_caught_also_after_a_rotation(
    filled: str, var_dir: Path, audit_keys: KeyService
) -> None:
    rotate_signing_key(filled, audit_keys, SigningFile(var_dir / FILE))
    result = run(filled, var_dir, "drill", "--json")
    told = [json.loads(line)["outcome"] for line in result.stdout.splitlines()]
    assert (result.exit_code, told) == (0, ["caught"] * (len(FORGERIES) + 1)), result.output
    assert len(told) >= 12


def test_erasing_and_purging_change_nothing_that_was_signed(
    filled: str, var_dir: Path, audit_log: AuditLog, audit_keys: KeyService
) -> None:
    keeper, one = Keeper(filled, audit_keys), decision()
    whom = Whom(client=one.client, patient_id=one.patient_id)
    keeper.hold(whom)
    keeper.release(whom)
    erased = keeper.erase(whom, lambda patient_id: 0)
    purged = keeper.purge(datetime.now(UTC))
    keeper.close()
    assert (erased.payloads > 100, purged.payloads > 10) == (True, True)
    fill(audit_log, filled, var_dir, 3)
    result = run(filled, var_dir, "verify")
    assert (result.exit_code, "271 events" in result.output) == (0, True), result.output
    assert verify_bundle(exported(filled, var_dir), first_key(var_dir))[0] == []


def test_a_drill_needs_a_log(audit_url: str, var_dir: Path) -> None:
    result = run(audit_url, var_dir, "drill")
    assert (result.exit_code, "a drill needs 4" in result.output) == (1, True)


def test_keys_are_made_told_and_rotated(
    audit_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LAMO_KEYS")
    folder = tmp_path / "fresh"
    assert "0 events got their place" in run(audit_url, folder, "sequence", "--once").output
    before = run(audit_url, folder, "key").output
    assert "there are no keys" in run(audit_url, folder, "rotate-key").output
    create_key_file(folder / "keys.json")
    assert "ok" in run(audit_url, folder, "rotate-key").output
    assert run(audit_url, folder, "key").output.startswith(before)
    assert "1 events" in run(audit_url, folder, "sequence", "--once").output  # which says so
    assert run(audit_url, folder, "verify").exit_code == 0
    assert (folder / FILE).stat().st_mode & 0o777 == 0o600


def test_several_processes_find_what_one_finds(filled: str, var_dir: Path) -> None:
    _exchange_payload(filled)
    asked = Asked(first_key=SigningFile(var_dir / FILE).read().keys[0])

    alone, beside = (verify_log(filled, one) for one in (asked, replace(asked, stretch=100)))

    assert list(alone.failed) == ["payloads"]
    assert beside == alone


def _exchange_payload(url: str) -> None:
    """A payload may go and come; it is never updated."""
    engine = open_engine(url)
    with engine.begin() as connection:
        row = connection.execute(select(PayloadRow.__table__)).mappings().all()[-1]
        connection.execute(delete(PayloadRow).where(PayloadRow.event_id == row["event_id"]))
        connection.execute(insert(PayloadRow), {**row, "ciphertext": b"another"})
    engine.dispose()
