"""Holding a documented command against the commands that there are."""

import re
from collections.abc import Iterator, Sequence
from itertools import product

import click

from cds_service.cli import main
from tests.docs.pages import words_of


def variants(text: str, *, is_whole: bool = True) -> Iterator[list[str]]:
    """The commands that a line stands for: with `[what may be left out]`, and with each of `a|b`.

    Args:
        text: the line.
        is_whole: False leaves out what may be.
    """
    text = text.replace("[", "").replace("]", "") if is_whole else re.sub(r" \[[^]]*\]", "", text)
    words = [word.removesuffix("...") for word in words_of(text)]
    choices = [
        word.split("|") if re.fullmatch(r"[\w-]+(\|[\w-]+)+", word) else [word]
        for word in words
        if word
    ]
    yield from (list(chosen) for chosen in product(*choices))


def path_of(words: Sequence[str]) -> tuple[str, ...]:
    """Which command it is; nothing where there is no such command."""
    try:
        return _found(words)[0]
    except click.UsageError:
        return ()


def faults(words: Sequence[str]) -> Iterator[str]:
    """What is wrong with `lamo-cds ...`: commands, options, arguments and choices that are not."""
    try:
        path, command, rest = _found(words)
        context = click.Context(command, info_name=" ".join(path))
        given, more, _ = command.make_parser(context).parse_args(list(rest))
    except click.UsageError as error:
        yield error.format_message()
        return
    if more:
        yield f"more than it takes: {' '.join(more)}"
    for parameter in command.params:
        value = given.get(parameter.name or "")
        values = value if isinstance(value, list | tuple) else [value]
        there = [one for one in values if isinstance(one, str)]
        if parameter.required and not there:
            yield f"{parameter.get_error_hint(context)} is missing"
        if isinstance(parameter.type, click.Choice):
            unknown = [one for one in there if not one.isupper()]
            yield from (f"no choice: {one}" for one in unknown if one not in parameter.type.choices)


def _found(words: Sequence[str]) -> tuple[tuple[str, ...], click.Command, Sequence[str]]:
    command: click.Command = main
    path: tuple[str, ...] = ()
    rest = list(words[1:])
    while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
        found = command.get_command(click.Context(command), rest[0])
        if found is None:
            raise click.UsageError(f"no command: {' '.join((*path, rest[0]))}")
        command, path = found, (*path, rest.pop(0))
    return path, command, rest
