"""`lamo-cds stop`, `resume` and `stops`: the stop switch in a terminal."""

from dataclasses import asdict
from typing import Any

import click

from cds_service.environment import read_settings
from cds_service.manners import Teller, json_option
from cds_service.refusing import refusing


def _refusals() -> tuple[type[Exception], ...]:
    from cds_service.stops.switch import SwitchRefused

    return (SwitchRefused,)


_refusing = refusing(_refusals)
_scope = click.argument("scope", type=click.Choice(["service", "rule"]))
_name = click.argument("name")
_reason = click.option("--reason", required=True, help="Why; kept encrypted in the audit log.")


@click.command()
@_scope
@_name
@_reason
@json_option
@_refusing
def stop(scope: Any, name: str, reason: str, tell: Teller) -> None:
    """Switch a service or a rule off: it gives no cards from then on."""
    _throw("stop", scope, name, reason, tell)


@click.command()
@_scope
@_name
@_reason
@json_option
@_refusing
def resume(scope: Any, name: str, reason: str, tell: Teller) -> None:
    """Switch a service or a rule on again."""
    _throw("resume", scope, name, reason, tell)


@click.command()
@json_option
@_refusing
def stops(tell: Teller) -> None:
    """List what is switched off, since when and by whom."""
    from cds_service.at_hand import opened_to_read
    from cds_service.audit.database import reporting_failures
    from cds_service.stops.stops import read_stops

    with (
        opened_to_read(read_settings()) as engine,
        reporting_failures(),
        engine.begin() as connection,
    ):
        found = read_stops(connection).stops
    for one in found:
        line = f"{one.scope} {one.name}  since {one.since}  by {one.by_user}"
        tell(line, **asdict(one))
    if not found:
        click.echo("nothing is switched off", err=True)


def _throw(turn: Any, scope: Any, name: str, reason: str, tell: Teller) -> None:
    from cds_service.at_hand import refuse_unmade
    from cds_service.audit.administering import administering
    from cds_service.audit.entries import OPERATOR
    from cds_service.stops.switch import Switch, throw

    switch = Switch(turn=turn, scope=scope, name=name, reason=reason)
    settings = read_settings()
    refuse_unmade(settings)
    with administering(settings) as log:
        throw(switch, log, OPERATOR)
    done = {"stop": "switched off", "resume": "switched on again"}[turn]
    line = f"ok: {scope} {name} is {done}; running services know within two seconds"
    tell(line, scope=scope, name=name, is_stopped=turn == "stop")
