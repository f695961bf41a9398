"""A hospital's RxNorm release comes in whole or not at all, and answers for codes that we lack."""

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import func, select

from cds_service.audit.database import AuditFailure, open_engine
from cds_service.terminology import load as loading
from cds_service.terminology.cli import terminology
from cds_service.terminology.load import Content, read_release, write_content
from cds_service.terminology.lookup import Terminology, with_terminology
from cds_service.terminology.models import TABLES
from cds_service.terminology.release import Release, ReleaseRefused
from fhir_mappings.code_lookup import ATC, NDC, RXNORM, CodeLookup
from fhir_mappings.formulary import Formulary
from tests.cds_service.rrf import write_release

pytest_plugins = ["tests.cds_service.audit_fixtures"]

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
ANSWERS = [
    (RXNORM, "29046", ("29046",)),
    (RXNORM, "8888802", ("8888801",)),  # PIN
    (RXNORM, "214618", ("5487", "29046")),  # MIN
    (RXNORM, "316151", ("29046",)),  # SCDC
    (RXNORM, "314076", ("29046",)),  # SCD
    (RXNORM, "197885", ("5487", "29046")),
    (RXNORM, "104377", ("29046",)),  # SBD, whose brand is also of a combination
    (RXNORM, "8888803", ("8888801",)),
    (RXNORM, "8888804", ("29046", "8888801")),  # GPCK, with tablets that hold nothing
    (RXNORM, "8888808", ()),
    (RXNORM, "8888805", ("29046", "8888801")),  # BPCK
    (RXNORM, "8888806", ()),  # without relations
    (RXNORM, "8888807", ()),  # half a pack is not told
    (RXNORM, "123", ()),
    (NDC, "00006001954", ("29046",)),
    (NDC, "00378208301", ("5487", "29046")),
    (NDC, "00000000001", ()),
    (NDC, "00000000002", ()),  # means two different drugs
    (NDC, "99999999999", ()),  # of another source
    (ATC, "C09AA03", ("29046",)),
    ("http://snomed.info/sct", "29046", ()),
    (RXNORM, "29046\x00", ()),
    (RXNORM, "2" * 500, ()),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_release(tmp_path / "RxNorm_full_03022026" / "rrf")


@pytest.fixture
def content(folder: Path) -> Content:
    return read_release(Release(folder))


@pytest.fixture
def known(audit_url: str, content: Content) -> Iterator[Terminology]:
    """A loaded release on each of the two kinds of database."""
    write_content(audit_url, content, "first", clock=lambda: NOON)
    terminology = Terminology(audit_url, timeout_s=60)
    yield terminology
    terminology.close()


def rows(database_url: str) -> list[int]:
    """How many rows each table has."""
    engine = open_engine(database_url)
    with engine.begin() as connection:
        counts = [connection.scalar(select(func.count()).select_from(table)) for table in TABLES]
    engine.dispose()
    return [count or 0 for count in counts]


def run(url: str, *arguments: str) -> Result:
    env = {"LAMO_DATABASE_URL": url}
    return CliRunner().invoke(terminology, list(arguments), env=env)


def test_codes_lead_to_their_ingredients(known: CodeLookup) -> None:
    for system, code, wanted in ANSWERS:
        assert known.ingredients(system, code) == wanted, (system, code)


def test_names_are_the_current_ones(known: Terminology) -> None:
    assert known.name("8888801") == "zorblaxin"
    assert known.name("314076") == "lisinopril tablet, ten"
    assert known.name("123") is None


def test_it_says_what_is_loaded(known: Terminology) -> None:
    release = known.release()

    assert release is not None
    assert (release.source, release.version, release.concepts) == ("rxnorm", "first", 15)
    assert release.loaded_at == "2026-03-01T12:00:00.000000Z"


def test_a_new_release_replaces_the_old_one(
    known: Terminology, audit_url: str, content: Content, folder: Path
) -> None:
    before = rows(audit_url)
    write_content(audit_url, content, "first again")
    assert rows(audit_url) == before

    kept = [line for line in (folder / "RXNSAT.RRF").read_text().splitlines() if "0037" in line]
    (folder / "RXNSAT.RRF").write_text("".join(f"{line}\n" for line in kept))
    write_content(audit_url, read_release(Release(folder)), "second")

    assert known.ingredients(NDC, "00006001954") == ()
    assert known.ingredients(NDC, "00378208301") == ("5487", "29046")
    release = known.release()
    assert release is not None
    assert release.version == "second"


def test_a_load_that_fails_leaves_the_old_release(
    known: Terminology, audit_url: str, content: Content
) -> None:
    before = rows(audit_url)
    content.codes.add((RXNORM, "1" * 17, None))  # type: ignore[arg-type]  # what no database takes

    with pytest.raises(AuditFailure):
        write_content(audit_url, content, "broken")

    assert rows(audit_url) == before
    assert known.ingredients(NDC, "00006001954") == ("29046",)


def test_rows_are_written_in_batches(
    audit_url: str, content: Content, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "BATCH", 4)
    seen: dict[str, tuple[int, list[int]]] = {}

    def watch(things: Iterable[Any], label: str, length: int) -> Iterable[Any]:
        batches = list(things)
        seen[label] = length, [len(batch) for batch in batches]
        return batches

    write_content(audit_url, content, "x", watch=watch)

    assert seen["writing terminology_concept"] == (4, [4, 4, 4, 3])


def test_the_formulary_asks_it_for_codes_that_it_lacks(known: Terminology) -> None:
    formulary = Formulary.load().with_lookup(known)

    tablet = formulary.resolve([(NDC, "0378-2083-01", "some tablet")], None)
    unknown = formulary.resolve([(RXNORM, "8888803", "Lisinopril")], None)

    assert sorted(i.label for i in tablet.ingredients) == ["Hydrochlorothiazide", "Lisinopril"]
    assert (unknown.ingredients, unknown.unresolved) == ((), ("zorblaxin",))


def test_with_a_release_the_formulary_is_another(known: Terminology, audit_url: str) -> None:
    formulary = Formulary.load()

    assert with_terminology(formulary, audit_url) is not formulary


def test_without_a_release_the_formulary_stays_as_it_is(audit_url: str, tmp_path: Path) -> None:
    formulary = Formulary.load()

    assert with_terminology(formulary, audit_url) is formulary
    assert with_terminology(formulary, f"sqlite:///{tmp_path}/none.db") is formulary
    (tmp_path / "empty.db").touch()
    assert with_terminology(formulary, f"sqlite:///{tmp_path}/empty.db") is formulary


@pytest.mark.parametrize(
    ("file", "spoil", "message"),
    [
        ("RXNCONSO.RRF", None, r"holds no RXNCONSO.RRF: name the folder"),
        ("RXNSAT.RRF", None, r"holds no RXNSAT.RRF"),
        ("RXNREL.RRF", b"1|2|3|\n", r"RXNREL.RRF line 1 has 3 columns; wanted are 16"),
        ("RXNSAT.RRF", b"a,b\n", r"RXNSAT.RRF line 1 has 0 columns; wanted are 13"),
        ("RXNCONSO.RRF", b"x" + b"|" * 18 + b"\n", r"begins with 'x'; wanted is an RXCUI"),
        ("RXNSAT.RRF", b"1" + b"|" * 13, r"13 columns and no end"),
        ("RXNCONSO.RRF", b"1|\xff" + b"|" * 17 + b"\n", r"line 1 holds the byte 0xff"),
        ("RXNREL.RRF", b"", r"relates none of them to an ingredient"),
        ("RXNCONSO.RRF", b"", r"has 0 concepts"),
    ],
)
def test_a_release_that_cannot_be_trusted_is_refused(
    folder: Path, file: str, spoil: bytes | None, message: str
) -> None:
    (folder / file).unlink() if spoil is None else (folder / file).write_bytes(spoil)

    with pytest.raises(ReleaseRefused, match=message):
        read_release(Release(folder))


def test_a_line_in_the_middle_is_named(folder: Path) -> None:
    path = folder / "RXNREL.RRF"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([*lines[:5], "cut\n", *lines[5:]]))

    with pytest.raises(ReleaseRefused, match=r"RXNREL.RRF line 6 has 0 columns"):
        read_release(Release(folder))


def test_the_command_loads_shows_and_tells(audit_url: str, folder: Path) -> None:
    assert "no terminology is loaded" in run(audit_url, "status").output
    loaded = run(audit_url, "load", str(folder.parent))
    assert loaded.exit_code == 0, loaded.output
    assert "ok: RxNorm_full_03022026 is loaded, 15 concepts" in loaded.output
    assert "4 concepts lead to no ingredient" in loaded.output

    assert "rxnorm RxNorm_full_03022026, loaded at" in run(audit_url, "status").output
    shown = run(audit_url, "show", "0378-2083-01").output
    assert "is SCD 197885 lisinopril and thiazide tablet" in shown
    assert "ingredient 29046 lisinopril, here Lisinopril" in shown
    assert "8888801 zorblaxin, not in the formulary" in run(audit_url, "show", "8888803").output
    assert "no loaded code is '999'" in run(audit_url, "show", "999").output
    told = json.loads(run(audit_url, "show", "0378-2083-01", "--json").stdout)
    assert (told["tty"], told["rxcui"]) == ("SCD", "197885")
    assert json.loads(run(audit_url, "status", "--json").stdout)["source"] == "rxnorm"


def test_a_refused_release_changes_nothing(audit_url: str, folder: Path) -> None:
    assert run(audit_url, "load", str(folder)).exit_code == 0
    (folder / "RXNREL.RRF").write_bytes(b"1|\n")

    refused = run(audit_url, "load", str(folder))

    assert refused.exit_code == 1
    assert "RXNREL.RRF line 1 has 1 columns" in refused.output
    assert "15 concepts" in run(audit_url, "status").output


def test_help_imports_no_database() -> None:
    code = "import sys; import cds_service.terminology.cli; print('sqlalchemy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize("name", ["x\n\x1b[31m", "x" * 61])
def test_a_name_that_does_not_print_is_refused(name: str, audit_url: str, folder: Path) -> None:
    answer = run(audit_url, "load", str(folder), "--name", name)

    assert answer.exit_code == 2
    assert "\x1b" not in answer.output
