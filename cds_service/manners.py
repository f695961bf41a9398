"""What all commands have in common: errors in one line, colours, `--json`, bars, completion."""

import json
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import click
from click.shell_completion import get_completion_class

T = TypeVar("T")

TYPED = f"{__name__}.typed"
SHELLS = ("bash", "zsh", "fish")


@dataclass(frozen=True, slots=True, kw_only=True)
class Teller:
    """Prints what a command has found or done, on standard output."""

    as_json: bool

    def __call__(self, *lines: str, **members: Any) -> None:
        """Tell one thing: its lines to people, or its members as one JSON object on one line."""
        for line in [json.dumps(members)] if self.as_json else lines:
            click.echo(line)


json_option = click.option(
    "--json",
    "tell",
    is_flag=True,
    callback=lambda _context, _parameter, as_json: Teller(as_json=as_json),
    help="JSON in place of text: one object a line.",
)


class Watch(Protocol):
    """Hands on what is worked through, and may show how far that is."""

    def __call__(self, things: Iterable[T], label: str, length: int) -> Iterable[T]:
        """Hand on each of them; `length` is about how many they are."""
        ...


def unwatched(things: Iterable[T], label: str, length: int) -> Iterable[T]:
    """Things, shown to nobody."""
    return things


class OneLineErrors(click.Group):
    """A group whose commands tell even what was typed wrongly in one line on standard error."""

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        """Read the options of the group itself; NO_COLOR (no-color.org) holds for all below."""
        with _in_one_line():
            context = super().make_context(*args, **kwargs)
        if os.environ.get("NO_COLOR"):
            context.color = False
        return context

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Remember what was typed: click does not say whose an option without its value is."""
        ctx.meta[TYPED] = tuple(args)
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that is named, with everything below it."""
        with _in_one_line(_path_of(ctx)):
            return super().invoke(ctx)


class _Mistyped(click.ClickException):
    """What was typed cannot be run, in one line."""

    exit_code = 2


def _path_of(root: click.Context) -> str:
    """The command that was typed, as far as it is one."""
    command, path = root.command, root.command_path
    for word in root.meta[TYPED]:
        found = command.get_command(root, word) if isinstance(command, click.Group) else None
        if found is not None:  # else an option of the group, or what it is given
            command, path = found, f"{path} {word}"
    return path


@contextmanager
def _in_one_line(typed: str = "lamo-cds") -> Iterator[None]:
    try:
        yield
    except click.exceptions.NoArgsIsHelpError:  # is answered with the help
        raise
    except click.UsageError as error:
        path = error.ctx.command_path if error.ctx else typed
        told = _flat(error.format_message()).removesuffix(".")
        raise _Mistyped(f"{told}. See `{path} --help`.") from None
    except OSError as error:
        if error.filename is None:  # no file that a person could mend
            raise
        raise click.ClickException(f"{error.strerror}: {error.filename}") from None


def _flat(text: str) -> str:
    return " ".join(text.split())


def watched(things: Iterable[T], label: str, length: int | None = None) -> Iterator[T]:
    """Things, with a bar on standard error where that is a terminal.

    Args:
        things: that are worked through.
        label: what they are.
        length: how many there are, where they have no length of their own.
    """
    if not sys.stderr.isatty():
        yield from things
        return
    with click.progressbar(things, label=label, file=sys.stderr, length=length) as bar:
        yield from bar


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the script that completes commands in SHELL.

    bash, zsh: put `eval "$(lamo-cds completion bash)"` into the shell's start file; fish:
    `lamo-cds completion fish > ~/.config/fish/completions/lamo-cds.fish`.
    """
    root = context.find_root().command
    maker = get_completion_class(shell)
    if maker is None:
        raise click.ClickException(f"there is no completion for {shell} in the installed click")
    click.echo(maker(root, {}, "lamo-cds", "_LAMO_CDS_COMPLETE").source())
