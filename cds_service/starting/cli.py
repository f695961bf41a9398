"""`lamo-cds check` in a terminal."""

from typing import TYPE_CHECKING

import click

from cds_service.environment import SettingsError, read_settings
from cds_service.manners import Teller, json_option

if TYPE_CHECKING:  # imports all that a start needs
    from cds_service.starting.check import Line


@click.command()
@json_option
def check(tell: Teller) -> None:
    """Tell what would stop `lamo-cds serve`, and what else is doubtful. Changes nothing."""
    from cds_service.starting.check import Line, look

    try:
        lines = [Line(name="settings", verdict="ok", found="all can be used")]
        lines += look(read_settings())
    except SettingsError as refused:
        lines = [Line(name="settings", verdict="fail", found=str(refused))]
    for line in lines:
        tell(_told(line), **line.to_json())
    if any(line.verdict == "fail" for line in lines):
        raise SystemExit(1)


def _told(line: "Line") -> str:
    return f"{line.verdict:<6}{line.name:<18}" + line.found.replace("\n", "\n" + " " * 24)
