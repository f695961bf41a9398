"""The table of all commands in docs/commands.md, made from the commands themselves."""

from collections.abc import Iterator, Mapping

import click

from cds_service.cli import main

# every other command reports what it found or did, and has --json
WITHOUT_JSON: Mapping[str, str] = {
    "lamo-cds audit prove": "what it prints is JSON",
    "lamo-cds clients app-key": "what it prints is JSON",
    "lamo-cds completion": "what it prints is a script",
    "lamo-cds notes read": "what it prints is JSON",
    "lamo-cds sandbox serve": "it runs until it is stopped",
    "lamo-cds scorer serve": "it runs until it is stopped",
    "lamo-cds serve": "it runs until it is stopped",
}


def commands() -> Iterator[tuple[str, click.Command]]:
    """Every command that does something, by what is typed, in the order of `--help`."""
    yield from _below(click.Context(main, info_name="lamo-cds"), main)


def table() -> str:
    """The commands as a table in Markdown; `--help` of each has its options."""
    rows = [f"| {_typed(path, command)} | {_said(path, command)} |" for path, command in commands()]
    return "\n".join(["| command | what it does |", "|---|---|", *rows]) + "\n"


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
    return f"`{' '.join(parts)}`"


def _said(path: str, command: click.Command) -> str:
    """The first sentence of its help, and why it has no `--json` where it has none."""
    first = (command.help or "").strip().split("\n\n")[0]
    told = " ".join(first.split()).replace("|", "\\|")
    return f"{told} No `--json`: {WITHOUT_JSON[path]}." if path in WITHOUT_JSON else told
