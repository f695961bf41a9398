"""`lamo-cds clients`: who may call, and why some were refused."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cds_service.environment import read_settings
from cds_service.manners import Teller, json_option
from cds_service.refusing import refusing
from cds_service.settings import Settings

if TYPE_CHECKING:  # imports SQLAlchemy and PyJWT, and help has to be instant
    from cds_service.clients.listed import Broken, Listed
    from cds_service.clients.registry import ClientRegistry

FETCH_MS = 10_000


@click.group()
def clients() -> None:
    """The CDS Clients that may call in production mode, with their keys."""


def _refusals() -> tuple[type[Exception], ...]:
    from cds_service.clients.client import ClientRefused

    return (ClientRefused,)


_refusing = refusing(_refusals)
_keys_url = click.option("--jwks-url", help="The https URL of the client's JWK Set.")
_keys_file = click.option(
    "--jwks",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A file with the client's JWK Set, instead of a URL.",
)
_unchecked = click.option(
    "--unchecked", is_flag=True, help="Do not fetch the keys now to see that they can be used."
)


def _members(command: Callable[..., None]) -> Callable[..., None]:
    """What may be said of a client beside its keys."""
    for option in (
        click.option("--issuer", help="The iss of the client's tokens, exactly."),
        click.option("--longest-token-s", type=int, help="Seconds that a token may live."),
        click.option("--frame-origin", "frame_origins", multiple=True, help="That may frame it."),
        click.option(
            "--smart-auth",
            type=click.Choice(["public", "private_key_jwt"]),
            help="How the evidence app proves who it is; public by default.",
        ),
        click.option("--smart-client-id", help="What its EHR calls the evidence app."),
        click.option("--certificate", help="The subject of its client certificate."),
        click.option("--audience", "audiences", multiple=True, help="An aud beside the URL."),
        click.option("--fhir-base", "fhir_bases", multiple=True, help="A FHIR server to read."),
        click.option("--service", "services", multiple=True, help="A service; by default, all."),
        click.option("--tenant", "tenants", multiple=True, help="A tenant that may call."),
    ):
        command = option(command)
    return command


@clients.command()
@click.argument("name")
@_keys_url
@_keys_file
@_members
@_unchecked
@json_option
@_refusing
def add(name: str, unchecked: bool, tell: Teller, **members: Any) -> None:
    """Register the client NAME."""
    from cds_service.clients.client import client_from

    client = client_from({"name": name} | _told(members))
    with _changing(make=True) as (registry, settings):
        if client.jwks_url and not unchecked:
            _check_keys(settings, client.jwks_url)
        registry.add(client)
        _say(tell, f"{client.name} is registered", settings, name=client.name)
    if client.certificate and not settings.certificate_header:
        click.echo("note: a certificate is read where LAMO_CERTIFICATE_HEADER is set", err=True)


@clients.command("list")
@json_option
@_refusing
def list_command(tell: Teller) -> None:
    """List the registered clients, those of LAMO_CLIENTS_FILE too."""
    from cds_service.at_hand import opened_to_read
    from cds_service.clients.registry import ClientRegistry

    settings = read_settings()
    with opened_to_read(settings) as engine:
        found = ClientRegistry(engine, settings.clients_file).look()
    for one in found.listed:
        tell(_as_line(one), **_as_json(one))
    for broken in found.broken:
        _tell_broken(tell, broken)
    if not (found.listed or found.broken):
        click.echo("no client is registered: see `lamo-cds clients add --help`", err=True)


@clients.command("set")
@click.argument("name")
@_members
@json_option
@_refusing
def set_command(name: str, tell: Teller, **members: Any) -> None:
    """Replace what is registered of the client NAME; what is not named stays.

    An empty value takes a list away: `--tenant ''`.
    """
    with _changing() as (registry, settings):
        registry.change(name, **_told(members))
        _say(tell, f"{name} is changed", settings, name=name)


@clients.command()
@click.argument("name")
@_keys_url
@_keys_file
@_unchecked
@json_option
@_refusing
def rotate(
    name: str, jwks_url: str | None, jwks: Path | None, unchecked: bool, tell: Teller
) -> None:
    """Replace the keys of the client NAME.

    A client with a JWK Set at a URL needs no command to rotate keys there: a new kid is looked up.
    """
    from cds_service.clients.client import read_keys_file

    if (jwks_url is None) == (jwks is None):
        raise click.UsageError("give --jwks-url or --jwks, one of them")
    keys = read_keys_file(jwks) if jwks is not None else None
    with _changing() as (registry, settings):
        if jwks_url and not unchecked:
            _check_keys(settings, jwks_url)
        registry.change(name, action="rotate-client-keys", jwks_url=jwks_url, jwks=keys)
        _say(tell, f"{name} has new keys", settings, name=name)


@clients.command("app-key")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@_refusing
def app_key(file: Path) -> None:
    """Show the public half of the evidence app's key in FILE, made where there is none.

    An EHR can so be given the next key before it takes the place of smart.json in VAR_DIR.
    """
    from cds_service.smart.app_key import AppKey

    click.echo(json.dumps(AppKey(file).jwks(), indent=2))


@clients.command()
@click.argument("name")
@json_option
@_refusing
def disable(name: str, tell: Teller) -> None:
    """Refuse the client NAME from now on."""
    with _changing() as (registry, settings):
        registry.set_disabled(name, disabled=True)
        _say(tell, f"{name} is disabled", settings, name=name, is_disabled=True)


@clients.command()
@click.argument("name")
@json_option
@_refusing
def enable(name: str, tell: Teller) -> None:
    """Take calls of the disabled client NAME again."""
    with _changing() as (registry, settings):
        registry.set_disabled(name, disabled=False)
        _say(tell, f"{name} may call", settings, name=name, is_disabled=False)


@clients.command()
@click.argument("name")
@json_option
@_refusing
def remove(name: str, tell: Teller) -> None:
    """Forget the client NAME."""
    with _changing() as (registry, settings):
        registry.remove(name)
        _say(tell, f"{name} is forgotten", settings, name=name)


@clients.command()
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True)
@json_option
@_refusing
def refused(limit: int, tell: Teller) -> None:
    """Print why the last tokens were refused, by minute, client and reason."""
    from dataclasses import asdict

    from cds_service.at_hand import opened_to_read
    from cds_service.audit.text import printable
    from cds_service.clients.refused import REASONS, RefusedTokens

    with opened_to_read(read_settings()) as engine:
        rows = RefusedTokens(engine).latest(limit)
    for row in rows:
        detail = f" ({printable(row.detail)})" if row.detail else ""
        tell(
            f"{row.minute[:16]}Z  {row.client or 'nobody registered'}  {row.count} x "
            f"{REASONS[row.reason]}{detail}  last request {row.request_id}",
            **asdict(row),
        )
    if not rows:
        click.echo("no token was refused in the last 30 days", err=True)


@contextmanager
def _changing(*, make: bool = False) -> Iterator[tuple["ClientRegistry", Settings]]:
    """The registry, to be changed; the database is made only where something is to be kept."""
    from cds_service.at_hand import opened_to_read, refuse_unmade
    from cds_service.audit.administering import administering
    from cds_service.clients.recorded import recorded_in
    from cds_service.clients.registry import ClientRegistry

    settings = read_settings()
    if not make:
        refuse_unmade(settings)
    with administering(settings, make=make) as log, opened_to_read(settings) as engine:
        yield ClientRegistry(engine, settings.clients_file, commit=recorded_in(log)), settings


def _told(members: dict[str, Any]) -> dict[str, Any]:
    """The members that were named; an empty value in a list empties it."""
    from cds_service.clients.client import read_keys_file

    told = {member: value for member, value in members.items() if value not in (None, ())}
    if "jwks" in told:
        told["jwks"] = read_keys_file(told["jwks"])
    return {
        member: [one for one in value if one] if isinstance(value, tuple) else value
        for member, value in told.items()
    }


def _say(tell: Teller, done: str, settings: Settings, **members: Any) -> None:
    """Tell what was done, and in which database: another folder has another."""
    from cds_service.at_hand import shown

    database = shown(settings.database_url)
    line = f"ok: {done} in {database}; services over it know within seconds"
    tell(line, **members, database=database)


def _check_keys(settings: Settings, url: str) -> None:
    """See that the keys can be had and used, in the way the service will."""
    from cds_service.clients.building import key_fetcher
    from cds_service.clients.client import ClientRefused
    from cds_service.clients.key_sets import KeySetRefused, read_key_set
    from cds_service.outbound.errors import ReadFailed
    from lamo.deadline import Deadline

    try:
        keys = read_key_set(key_fetcher(settings)(url, Deadline.after_ms(FETCH_MS)))
    except (ReadFailed, KeySetRefused) as failure:
        raise ClientRefused(
            f"the keys at {url} cannot be used: the server {failure}; mend it, "
            "or give --unchecked if it will be there later"
        ) from None
    found = ", ".join(f"{key.kid} ({key.algorithm})" for key in keys)
    click.echo(f"found the keys {found}", err=True)


def _tell_broken(tell: Teller, one: "Broken") -> None:
    from cds_service.audit.text import printable
    from cds_service.clients.listed import MEND

    name, why = printable(one.name), printable(one.why)
    line = f"{name}  broken, its calls are refused: {why}; {MEND}  (database)"
    tell(line, name=name, source="database", broken=why)


def _as_json(one: "Listed") -> dict[str, Any]:
    return {
        **one.client.model_dump(mode="json", exclude_defaults=True),
        "source": one.source,
        "disabled_at": one.disabled_at,
        "clash": one.clash,
    }


def _as_line(one: "Listed") -> str:
    client = one.client
    keys = client.jwks_url or ("pinned keys" if client.jwks else "no keys")
    who = client.issuer or f"certificate {client.certificate}"
    standing = f"disabled since {one.disabled_at}" if one.disabled_at else "may call"
    if one.clash:
        standing = f"set aside: another client has its {one.clash}"
    services = ", ".join(client.services) or "all services"
    bases = ", ".join(client.fhir_bases) or "no FHIR server"
    return f"{client.name}  {standing}  {who}  {keys}  {services}  {bases}  ({one.source})"
