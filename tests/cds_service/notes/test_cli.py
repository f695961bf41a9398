"""What `lamo-cds notes` says to an operator who hands it something that cannot be used."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from cds_service.audit.migrate import upgrade
from cds_service.cli import main
from cds_service.keys.building import build_keys
from cds_service.notes.store import DigestKey, DigestStore, StoredDigest
from cds_service.settings import Settings
from lamo.notes.sections import NoteSections

NOTE = "Allergies: penicillin\n"
READING: dict[str, Any] = {
    "allergies": ["penicillin"],
    "medications_on_admission": [],
    "sections": [{"name": "allergies", "starts": "penicillin", "ends": "penicillin"}],
}


@pytest.fixture(autouse=True)
def var_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VAR_DIR", str(tmp_path / "var"))
    (tmp_path / "var").mkdir()
    return tmp_path / "var"


def notes(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["notes", *map(str, arguments)])


def refused(*arguments: object) -> str:
    """What the command says on stderr where it refuses, in one line and without a traceback."""
    result = notes(*arguments)
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit)
    assert result.stdout == ""
    return result.stderr


def test_notes_read_by_hand_are_compared(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(NOTE)
    (tmp_path / "a.json").write_text(json.dumps(READING))
    result = notes("evaluate", tmp_path)
    assert result.exit_code == 0
    assert ", 1 notes of " in result.output

    told = json.loads(notes("evaluate", tmp_path, "--json").stdout)
    assert told["notes"] == 1
    assert told["allergies"] == {"precision": 1.0, "recall": 1.0, "f1": 1.0}


@pytest.mark.parametrize(
    ("reading", "says"),
    [
        (None, "wanted what a person reads in a.txt"),
        ("{", "found no JSON"),
        ("[]", "found no JSON object"),
        (b"\xff", "is not UTF-8"),
        ({}, "wanted allergies as a list of names"),
        (READING | {"medications_on_admission": "none"}, "wanted medications_on_admission"),
        (READING | {"sections": [{"kind": "allergies"}]}, "each name one of history_of_present"),
        (
            READING | {"sections": [{"name": "allergies", "starts": "latex", "ends": "latex"}]},
            "do not stand in the note",
        ),
    ],
)
def test_a_reading_by_hand_of_another_form_is_named(
    tmp_path: Path, reading: object, says: str
) -> None:
    (tmp_path / "a.txt").write_text(NOTE)
    if isinstance(reading, str | bytes):
        (tmp_path / "a.json").write_bytes(reading.encode() if isinstance(reading, str) else reading)
    elif reading is not None:
        (tmp_path / "a.json").write_text(json.dumps(reading))
    said = refused("evaluate", tmp_path)
    assert says in said
    assert f"{tmp_path / 'a.json'}: " in said


def test_a_folder_without_notes_is_no_score_of_zero(tmp_path: Path) -> None:
    assert "found no note, wanted NAME.txt" in refused("evaluate", tmp_path)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"\xff\xfe", "not UTF-8"),
        (b"# nobody\n\n", "found no patient id, wanted one a line"),
        (b"p1\nPatient/p3\n", "line 2: found no patient id, wanted 1 to 64 letters"),
        (b"Patient/p3\n", "write p3"),
        (b"../x\n", "write the id of a Patient resource"),
        (b"..\n", "write the id of a Patient resource"),
    ],
)
def test_a_list_of_patients_that_is_none_is_refused(
    tmp_path: Path, content: bytes, says: str
) -> None:
    (tmp_path / "patients").write_bytes(content)
    where = ("--fhir-server", "http://127.0.0.1:1/fhir", "--patients", tmp_path / "patients")
    assert says in refused("warm", *where)


@pytest.mark.parametrize(("content", "says"), [("", "found nothing"), ("a\nb\n", "several lines")])
def test_a_token_file_without_one_token_is_refused(tmp_path: Path, content: str, says: str) -> None:
    (tmp_path / "patients").write_text("p1\n")
    (tmp_path / "token").write_text(content)
    where = ("--fhir-server", "http://127.0.0.1:1/fhir", "--patients", tmp_path / "patients")
    said = refused("warm", *where, "--token-file", tmp_path / "token")
    assert f"{says}" in said
    assert "wanted one access token alone" in said


def test_what_is_not_read_is_an_error_and_no_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "scan.png").write_bytes(b"\x89PNG\r\n")
    assert "not read: it is an image, not text" in refused("read", tmp_path / "scan.png")
    (tmp_path / "note.txt").write_text(NOTE)
    monkeypatch.setenv("LAMO_NOTES_URL", "http://127.0.0.1:1/v1")
    monkeypatch.setenv("LAMO_NOTES_MODEL", "tiny")
    monkeypatch.setenv("LAMO_NOTES_SECONDS", "5")
    assert "not read: the note model cannot be reached" in refused("read", tmp_path / "note.txt")


@pytest.fixture
def keeping(var_dir: Path) -> Path:
    """The folder of a service that has kept the digest of one patient."""
    settings = Settings(var_dir=var_dir)
    upgrade(settings.database_url)
    store = DigestStore(settings.database_url, build_keys(settings))
    key = DigestKey(patient_id="p1", document_sha256="0" * 64, reader="r")
    store.put(key, StoredDigest(sections=NoteSections(), usage={}))
    store.close()
    return var_dir


def test_no_command_makes_keys_beside_digests_of_others(keeping: Path, tmp_path: Path) -> None:
    (keeping / "keys.json").rename(tmp_path / "keys.json")
    assert "holds 1 digests of notes that were encrypted under its keys" in refused(
        "forget", "--patient", "p1"
    )
    (tmp_path / "patients").write_text("p1\n")
    where = ("--fhir-server", "http://127.0.0.1:1/fhir", "--patients", tmp_path / "patients")
    assert "put it back from its backup" in refused("warm", *where)
    assert not (keeping / "keys.json").exists()
    (tmp_path / "keys.json").rename(keeping / "keys.json")
    gone = notes("forget", "--patient", "p1")
    assert gone.output == "ok: 1 digests are deleted, 0 are left\n"


def test_all_digests_are_deleted_without_any_keys(keeping: Path) -> None:
    (keeping / "keys.json").unlink()
    assert notes("forget", "--all").output == "ok: 1 digests are deleted, 0 are left\n"
    assert not (keeping / "keys.json").exists()


def test_a_patient_to_forget_is_named_by_id() -> None:
    assert "write p1" in refused("forget", "--patient", "Patient/p1")
