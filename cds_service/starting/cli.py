"""`lamo-cds check` in a terminal."""

import json
from typing import TYPE_CHECKING

import click

from cds_service.environment import SettingsError, read_settings

if TYPE_CHECKING:  # imports all that a start needs
    from cds_service.starting.check import Line


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def check(as_json: bool) -> None:
    """Tell what would stop `lamo-cds serve`, and what else is doubtful. Changes nothing."""
    from cds_service.starting.check import Line, look

    try:
        lines = [Line(name="settings", verdict="ok", found="all can be used")]
        lines += look(read_settings())
    except SettingsError as refused:
        lines = [Line(name="settings", verdict="fail", found=str(refused))]
    for line in lines:
        click.echo(json.dumps(line.to_json()) if as_json else _told(line))
    if any(line.verdict == "fail" for line in lines):
        raise SystemExit(1)


def _told(line: "Line") -> str:
    return f"{line.verdict:<5}{line.name:<18}" + line.found.replace("\n", "\n" + " " * 23)
