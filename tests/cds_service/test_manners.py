"""What all commands have in common, and the page that lists them."""

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from cds_service.cli import main
from cds_service.docs_commands import commands, renewed, table
from cds_service.manners import watched

PAGE = Path(__file__).parents[2] / "docs" / "commands.md"


@pytest.mark.parametrize(
    ("typed", "line"),
    [
        (["bogus"], "Error: No such command 'bogus'. See `lamo-cds --help`.\n"),
        (["score"], "Error: Missing argument 'EXPORT...'. See `lamo-cds score --help`.\n"),
        (["audit", "list", "--limit", "x"], "Error: Invalid value for '--limit': 'x' is not a "),
        (["demo", "no-such-file"], "Error: Invalid value for 'FILE': File 'no-such-file' does "),
    ],
)
def test_what_is_typed_wrongly_is_one_line(typed: list[str], line: str) -> None:
    result = CliRunner().invoke(main, typed, prog_name="lamo-cds")
    assert result.exit_code == 2
    assert result.stderr.startswith(line)
    assert result.stderr.count("\n") == 1
    assert result.stdout == ""


def test_a_file_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    out = tmp_path / "no-such" / "visits.jsonl"
    result = CliRunner().invoke(main, ["synthesize", "--out", str(out), "--patients", "1"])
    assert result.exit_code == 1
    assert result.stderr == f"Error: No such file or directory: {out}\n"


@pytest.mark.parametrize(("no_color", "is_coloured"), [("", True), ("1", False)])
def test_colours_are_left_out_where_nobody_wants_them(no_color: str, is_coloured: bool) -> None:
    typed, env = ["doctor", "http://127.0.0.1:9"], {"NO_COLOR": no_color}
    result = CliRunner().invoke(main, typed, env=env, color=True)  # as on a terminal
    assert ("\x1b[" in result.stdout) is is_coloured


def test_a_group_alone_is_answered_with_its_help() -> None:
    result = CliRunner().invoke(main, ["audit"], prog_name="lamo-cds")
    assert result.output.startswith("Usage: lamo-cds audit")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_a_script_that_asks_the_command(shell: str) -> None:
    result = CliRunner().invoke(main, ["completion", shell])
    assert f"_LAMO_CDS_COMPLETE={shell}_complete" in result.stdout


def test_commands_complete() -> None:
    env = {"COMP_WORDS": "lamo-cds sandbox t", "COMP_CWORD": "2"}
    env |= {"_LAMO_CDS_COMPLETE": "bash_complete"}
    result = CliRunner().invoke(main, [], prog_name="lamo-cds", env=env)
    assert result.stdout == "plain,tour\n"


def test_without_a_terminal_there_is_no_bar(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(watched(range(3), "things")) == [0, 1, 2]
    assert capsys.readouterr() == ("", "")


def test_the_page_lists_every_command_as_it_is() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert renewed(page) == page
    assert table() in page


def test_every_command_says_what_it_does() -> None:
    found = list(commands())
    assert len(found) > 40
    assert [path for path, command in found if not command.help] == []


def test_json_has_one_name_everywhere() -> None:
    options = [
        (path, one.name)
        for path, command in commands()
        for one in command.params
        if isinstance(one, click.Option) and "--json" in one.opts
    ]
    assert [path for path, name in options if name != "as_json"] == []
