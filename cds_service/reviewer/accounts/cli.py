"""`lamo-cds accounts`: who may sign in to /review, from a shell of the service's host."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from cds_service.environment import read_settings
from cds_service.manners import Teller, json_option
from cds_service.refusing import refusing
from cds_service.reviewer.roles import ROLES

if TYPE_CHECKING:  # imports SQLAlchemy, and help has to be instant
    from cds_service.reviewer.accounts.account import Account
    from cds_service.reviewer.accounts.administration import By
    from cds_service.reviewer.accounts.building import Accounts


@click.group()
def accounts() -> None:
    """The accounts of the people who look at the audit log under /review."""


def _refusals() -> tuple[type[Exception], ...]:
    from cds_service.reviewer.accounts.account import AccountRefused

    return (AccountRefused,)


_refusing = refusing(_refusals)
_roles = click.option(
    "--role",
    "roles",
    multiple=True,
    required=True,
    type=click.Choice(tuple(ROLES)),
    help="Again for each role.",
)


@accounts.command()
@click.argument("name")
@_roles
@json_option
@_refusing
def add(name: str, roles: tuple[str, ...], tell: Teller) -> None:
    """Make the account NAME, and print its one-time password this once."""
    from cds_service.reviewer.accounts.account import checked_roles

    with _opened(make=True) as desk:
        password = desk.administration.add(name, checked_roles(roles), _operator())
    _hand_over(tell, f"{name} may sign in", name, password)


@accounts.command("list")
@json_option
@_refusing
def list_command(tell: Teller) -> None:
    """List the accounts with their roles."""
    from cds_service.at_hand import opened_to_read
    from cds_service.reviewer.accounts.account import Register

    with opened_to_read(read_settings()) as engine:
        listed = Register(engine).list_all()
    for one in listed:
        tell(_as_line(one), **asdict(one) | {"roles": sorted(one.roles)})
    if not listed:
        click.echo("there is no account: see `lamo-cds accounts add --help`", err=True)


@accounts.command()
@click.argument("name")
@json_option
@_refusing
def reset(name: str, tell: Teller) -> None:
    """Give NAME a one-time password, and forget its second factor."""
    with _opened() as desk:
        password = desk.administration.reset(name, _operator(), with_factor=True)
    _hand_over(tell, f"{name} starts anew", name, password)


@accounts.command()
@click.argument("name")
@json_option
@_refusing
def disable(name: str, tell: Teller) -> None:
    """Let nobody sign in as NAME from now on; its sessions end."""
    with _opened() as desk:
        desk.administration.disable(name, _operator())
    tell(f"ok: {name} is disabled", name=name, is_disabled=True)


@accounts.command()
@click.argument("name")
@json_option
@_refusing
def enable(name: str, tell: Teller) -> None:
    """Let NAME sign in again."""
    with _opened() as desk:
        desk.administration.enable(name, _operator())
    tell(f"ok: {name} may sign in", name=name, is_disabled=False)


@accounts.command("roles")
@click.argument("name")
@_roles
@json_option
@_refusing
def roles_command(name: str, roles: tuple[str, ...], tell: Teller) -> None:
    """Replace the roles of NAME; its sessions end."""
    from cds_service.reviewer.accounts.account import checked_roles

    with _opened() as desk:
        desk.administration.set_roles(name, checked_roles(roles), _operator())
    tell(f"ok: {name} is {' and '.join(roles)}", name=name, roles=sorted(set(roles)))


@contextmanager
def _opened(*, make: bool = False) -> Iterator["Accounts"]:
    """The accounts of the settings' database, which is made only for the first of them."""
    from cds_service.at_hand import refuse_unmade
    from cds_service.audit.administering import administering
    from cds_service.keys.building import keys_at_hand
    from cds_service.reviewer.accounts.building import AccountParts, build_accounts
    from cds_service.reviewer.accounts.passwords import Passwords

    settings = read_settings()
    if not make:
        refuse_unmade(settings)
    with administering(settings, make=make) as log:
        parts = AccountParts(log=log, keys=keys_at_hand(settings), passwords=Passwords())
        desk = build_accounts(settings, parts)
        try:
            yield desk
        finally:
            desk.close()


def _operator() -> "By":
    from cds_service.audit.entries import OPERATOR
    from cds_service.reviewer.accounts.administration import By

    return By(user=OPERATOR, request_id=None)


def _hand_over(tell: Teller, done: str, name: str, password: str) -> None:
    from cds_service.at_hand import shown

    database = shown(read_settings().database_url)
    tell(
        f"ok: {done}; hand over this one-time password, good for 72 hours and for the service over "
        f"{database}, shown this once:",
        password,
        name=name,
        one_time_password=password,
        database=database,
    )


def _as_line(one: "Account") -> str:
    standing = "may sign in" if one.is_ready else f"first sign-in until {one.one_time_until}"
    if one.disabled_at:
        standing = f"disabled since {one.disabled_at}"
    where = "here" if one.is_local else "identity provider"
    return f"{one.name}  {', '.join(sorted(one.roles))}  {standing}  ({where})"
