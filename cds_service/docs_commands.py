"""The table of all commands in docs/commands.md, made from the commands themselves.

python -m cds_service.docs_commands docs/commands.md
"""

import re
from collections.abc import Iterator
from pathlib import Path

import click

from cds_service.cli import main

BEGIN, END = "<!-- commands: begin -->", "<!-- commands: end -->"
_PART = re.compile(f"(?<={re.escape(BEGIN)}\n).*(?={re.escape(END)})", re.DOTALL)


def commands() -> Iterator[tuple[str, click.Command]]:
    """Every command that does something, by what is typed, in the order of `--help`."""
    yield from _below(click.Context(main, info_name="lamo-cds"), main)


def table() -> str:
    """The commands as a table in Markdown; `--help` of each has its options."""
    rows = [f"| {_typed(path, command)} | {_said(command)} |" for path, command in commands()]
    return "\n".join(["| command | what it does |", "|---|---|", *rows]) + "\n"


def renewed(page: str) -> str:
    """The page with the table as it is now, between its two marks."""
    return _PART.sub(lambda _: table(), page)


@click.command()
@click.argument("page", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def renew(page: Path) -> None:
    """Write the table of all commands into PAGE anew."""
    page.write_text(renewed(page.read_text(encoding="utf-8")), encoding="utf-8")


def _below(context: click.Context, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    if not isinstance(command, click.Group):
        yield context.command_path, command
        return
    if command.invoke_without_command:
        yield context.command_path, command
    for name in command.list_commands(context):
        below = command.get_command(context, name)
        if below is not None:
            yield from _below(click.Context(below, parent=context, info_name=name), below)


def _typed(path: str, command: click.Command) -> str:
    """What is typed: the arguments, and the options that have to be there."""
    parts = [path]
    for one in command.params:
        if isinstance(one, click.Argument):
            name = str(one.name).upper()
            parts.append(name if one.nargs == 1 else f"{name}...")
        elif one.required:
            parts.append(f"{one.opts[0]} {str(one.name).upper()}")
    json = [" `--json`" for one in command.params if "--json" in one.opts]
    return f"`{' '.join(parts)}`{''.join(json)}"


def _said(command: click.Command) -> str:
    """The first sentence of its help."""
    first = (command.help or "").strip().split("\n\n")[0]
    return " ".join(first.split()).replace("|", "\\|")


if __name__ == "__main__":
    renew()
