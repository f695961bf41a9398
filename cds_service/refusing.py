"""What a person can mend is one line on the command line, and no traceback."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from cds_service.environment import SettingsError

Command = Callable[..., None]
Refusals = Callable[[], tuple[type[Exception], ...]]
Say = Callable[[Exception], str]


def refusing(refusals: Refusals, say: Say = str) -> Callable[[Command], Command]:
    """Decorate a command so that refusals, bad settings and a failing database are one line.

    Args:
        refusals: names the exceptions when the command runs, so that help imports nothing.
        say: the line for one of them.
    """

    def decorate(command: Command) -> Command:
        @wraps(command)
        def run(*args: Any, **kwargs: Any) -> None:
            from cds_service.audit.database import AuditFailure
            from cds_service.keys.service import KeysRefused

            try:
                command(*args, **kwargs)
            except AuditFailure as failure:
                raise click.ClickException(failure.reason) from None
            except (KeysRefused, SettingsError) as refused:
                raise click.ClickException(str(refused)) from None
            except refusals() as refused:
                raise click.ClickException(say(refused)) from None

        return run

    return decorate
