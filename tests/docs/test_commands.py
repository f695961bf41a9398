"""Every command and request of the documents is one that there is; the short ones are run."""

import importlib.util
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from cds_service.audit.standalone import __file__ as standalone
from cds_service.environment import env_name
from cds_service.settings import Settings
from tests.docs.command_line import faults, path_of, variants
from tests.docs.pages import PAGES, ROOT, Block, Command, blocks, commands, words_of
from tests.docs.prepared import Prepared, prepare, run
from tests.served import served

COMMANDS = [command for page in PAGES for command in commands(page) if not command.is_marked]
BLOCKS = [block for page in PAGES for block in blocks(page) if not block.is_marked]
# by path: those that end by themselves within a second and need no other machine
QUICK = frozenset(
    "accounts add|accounts disable|accounts enable|accounts list|accounts reset|accounts roles|"
    "audit erase-patient|audit export|audit hold add|audit hold list|audit hold remove|audit key|"
    "audit list|audit prove|audit purge|audit reindex|audit rotate-key|audit rotate-keys|"
    "audit sequence|audit show|audit stats|audit upgrade|audit verify|clients list|"
    "clients refused|db grant|demo|notes read|resume|stop|stops|terminology status".split("|")
)
RUN = [
    (one, words)
    for one in COMMANDS
    if one.text.startswith("lamo-cds ") and not one.is_inline
    for words in variants(one.text, is_whole=False)
    if " ".join(path_of(words)) in QUICK
    # not with files that stand on another machine
    and not any(word.startswith("/") for word in words)
]
RUN.sort(key=lambda one: "erase-patient" in one[1])  # the pages go on with the patient
TRIED = sorted({one.page for one, _ in RUN})
RECEIPT = "lamo-cds receipt 1"  # the first line of what is signed, and no command
WORD = re.compile(r"[A-Z][A-Z_]+")
HOST = re.compile(r"https?://(?:127\.0\.0\.1:8080|localhost:8080)")


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prepared]:
    folder, files = tmp_path_factory.mktemp("var"), tmp_path_factory.mktemp("files")
    with served(folder) as service:
        yield prepare(service, folder, files)


def of(start: str) -> list[Command]:
    """The commands that begin so."""
    return [one for one in COMMANDS if one.text.startswith(start)]


def test_every_command_of_ours_has_its_options_and_arguments() -> None:
    assert RECEIPT in Path(standalone).read_text("utf-8")
    wrong = [
        f"{one}: {fault}"
        for one in of("lamo-cds ")
        if one.text != RECEIPT
        for words in variants(one.text)
        for fault in faults(words)
        # a sentence may name a command without all that it takes
        if not (one.is_inline and fault.endswith("is missing"))
    ]
    assert (wrong, len(of("lamo-cds ")) > 50) == ([], True)


def test_every_target_of_make_is_there() -> None:
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text("utf-8"), re.M))
    assert {words_of(one.text)[1] for one in of("make ")} <= targets


def test_every_module_and_script_is_there_and_knows_its_options() -> None:
    unknown = []
    for one in of("python -m ") + of("python scripts/"):
        words = words_of(one.text)
        source = _source(words[2]) if words[1] == "-m" else ROOT / words[1]
        assert source.is_file(), one
        text = source.read_text("utf-8") + Path(standalone).read_text("utf-8")
        options = [word for word in words if word.startswith("--")]
        unknown += [f"{one}: {option}" for option in options if f'"{option}"' not in text]
    assert unknown == []


def test_every_variable_in_a_block_is_a_setting() -> None:
    settings = {env_name(name) for name in Settings.model_fields} | {"LAMO_TEST_DATA"}
    named = {name for block in BLOCKS for name in re.findall(r"\b(LAMO_[A-Z_]+)=", block.text)}
    assert (named - settings, len(named) > 5) == (set(), True)


@pytest.mark.parametrize("page", TRIED)
def test_the_commands_of_a_page_do_what_they_say(
    page: str, prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    folder = prepared.copied(tmp_path / "var")
    for one, words in RUN:
        if one.page == page:
            result = run(_filled(words, prepared, tmp_path)[1:], folder)
            assert result.exit_code == 0, f"{one}: {result.output}"


def test_the_verifier_runs_as_the_documents_say(prepared: Prepared, tmp_path: Path) -> None:
    ran = of("python scripts/verify_audit.py")
    for one in ran:
        words = _filled(words_of(one.text), prepared, tmp_path)
        result = subprocess.run(
            [sys.executable, *words[1:]], cwd=ROOT, capture_output=True, text=True
        )
        assert result.returncode == 0, f"{one}: {result.stdout}{result.stderr}"
    assert ran


def test_the_tour_quotes_what_the_demonstration_prints(prepared: Prepared) -> None:
    call = str(ROOT / "examples" / "order-sign.json")
    told = run(["demo", "--url", prepared.url, call], prepared.folder).output.splitlines()
    (quoted,) = [one.text for one in BLOCKS if one.text.startswith("order-sign.json -> ")]
    for line in quoted.splitlines():
        wanted = re.compile(re.escape(line.rstrip()).replace(r"\.\.\.", ".+"))
        assert any(wanted.fullmatch(one.rstrip()) for one in told), line


def test_a_sqlite_log_is_backed_up_while_it_is_served_and_verifies(
    prepared: Prepared, tmp_path: Path
) -> None:
    texts = [one.text for one in BLOCKS if one.page == "docs/deploying.md" and one.kind == "sh"]
    (files,) = [text for text in texts if "tar --create" in text]
    (database,) = [text for text in texts if "VACUUM INTO" in text]
    (restore,) = [text for text in texts if "tar --extract" in text]
    lines = [*files.splitlines()[:2], database, *restore.splitlines()[:2], "cp audit.db restored"]
    script = "\n".join(lines).replace("/var/lib/lamo-cds", str(prepared.folder))
    subprocess.run(["sh", "-e", "-c", script], cwd=tmp_path, check=True)
    told = run(["audit", "verify"], tmp_path / "restored")
    assert told.exit_code == 0, told.output
    assert {line.split()[0] for line in told.output.splitlines()[:-1]} == {"ok"}
    assert (tmp_path / "audit.db").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("one", of("curl "), ids=str)
def test_curl_is_answered(one: Command, prepared: Prepared) -> None:
    text = HOST.sub(prepared.url, one.text)
    result = subprocess.run(
        [*shlex.split(text), "--silent", "--show-error", "--fail"],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(
    "block", [one for one in BLOCKS if one.kind == "http"], ids=lambda one: f"{one.page}:{one.line}"
)
def test_every_request_is_answered(block: Block, prepared: Prepared) -> None:
    head, _, body = _capitals(block.text, prepared).partition("\n\n")
    (method, path), *lines = [line.split(maxsplit=1) for line in head.splitlines()]
    answer = requests.request(
        method,
        f"{prepared.url}{path}",
        data=body.encode() or None,
        headers={name.rstrip(":"): value for name, value in lines},
        timeout=60,
    )
    assert answer.status_code == 200, answer.text


def test_every_block_of_json_can_be_read() -> None:
    for block in BLOCKS:
        if block.kind == "json":
            json.loads(block.text)


def _source(module: str) -> Path:
    found = importlib.util.find_spec(module)
    assert found is not None, f"there is no module {module}"
    origin = Path(str(found.origin))
    return origin.with_name("__main__.py") if origin.name == "__init__.py" else origin


def _filled(words: list[str], prepared: Prepared, tmp_path: Path) -> list[str]:
    """The words with something in place of those in capitals."""
    values = dict(prepared.values)
    path = path_of(words) if words[0] == "lamo-cds" else ()
    if path[:1] == ("accounts",):
        values["NAME"] = values["PERSON"]
    if path == ("notes", "read"):
        values["FILE"] = values["NOTE"]
    if path[-1:] == ("export",):
        values["FILE"] = str(tmp_path / "export")
    if path == ("demo",):
        words = [*words, "--url", prepared.url]
    return [values[word] if WORD.fullmatch(word) else word for word in words]


def _capitals(text: str, prepared: Prepared) -> str:
    """The same within a text, between quotes."""
    return re.sub(r'"([A-Z][A-Z_]+)"', lambda found: f'"{prepared.values[found[1]]}"', text)
