"""What all commands have in common, and the page that lists them."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cds_service.cli import main
from cds_service.documenting.commands import WITHOUT_JSON, commands
from cds_service.manners import watched

REPORTING = [  # in this order, over one folder: how many lines of JSON
    ("audit upgrade", 1),
    ("accounts list", 0),
    ("accounts add anna --role administrator", 1),
    ("accounts add jo --role reviewer", 1),
    ("accounts roles jo --role compliance", 1),
    ("accounts reset jo", 1),
    ("accounts disable jo", 1),
    ("accounts enable jo", 1),
    ("accounts list", 2),
    ("stop rule allergy --reason a", 1),
    ("stops", 1),
    ("resume rule allergy --reason a", 1),
    ("stops", 0),
    ("audit hold add --all", 1),
    ("audit hold list", 1),
    ("audit hold remove --all", 1),
    ("audit purge --dry-run", 1),
    ("audit purge --yes", 1),
    ("audit sequence --once", 1),
    ("audit key", 1),
    ("audit verify", 1),
    ("audit list", 10),
    ("audit stats", 1),
    ("audit reindex", 1),
    ("audit rotate-key", 1),
    ("audit rotate-keys --new-key", 1),
    ("audit rotate-keys", 1),
    ("audit export --out {folder}/bundle", 1),
    ("notes forget --all", 1),
    ("terminology status", 0),
    ("clients list", 0),
    ("clients refused", 0),
    ("synthesize --patients 1 --out {folder}/visits", 1),
    ("model list", 1),
]


def run(folder: Path, line: str) -> Result:
    words = [word.format(folder=folder) for word in line.split()]
    return CliRunner().invoke(main, [*words, "--json"], env={"VAR_DIR": str(folder)})


@pytest.mark.parametrize(
    ("typed", "line"),
    [
        (["bogus"], "Error: No such command 'bogus'. See `lamo-cds --help`.\n"),
        (
            ["clients", "set", "ehr", "--audience"],
            "Error: Option '--audience' requires an argument. See `lamo-cds clients set --help`.\n",
        ),
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


def test_every_command_says_what_it_does() -> None:
    found = list(commands())
    assert len(found) > 40
    assert [path for path, command in found if not command.help] == []


def test_every_command_that_reports_has_json_in_the_one_way() -> None:
    found = {
        path: [one.name for one in command.params if "--json" in one.opts]
        for path, command in commands()
    }
    assert sorted(path for path, names in found.items() if not names) == sorted(WITHOUT_JSON)
    assert {path: names for path, names in found.items() if names not in ([], ["tell"])} == {}


def test_json_is_one_object_a_line_and_all_of_standard_output(tmp_path: Path) -> None:
    for line, count in REPORTING:
        result = run(tmp_path, line)
        assert result.exit_code == 0, f"{line}: {result.output}"
        told = [json.loads(one) for one in result.stdout.splitlines()]
        assert [type(one) for one in told] == [dict] * count, line
