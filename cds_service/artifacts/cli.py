"""`lamo-cds model`: which artefacts there are, which is served, and which is tried beside it."""

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cds_service.environment import read_settings
from cds_service.manners import Teller, json_option
from cds_service.refusing import refusing
from cds_service.settings import Settings

if TYPE_CHECKING:  # imports SQLAlchemy, and help has to be instant
    from cds_service.artifacts.changing import Turn
    from cds_service.artifacts.choice import Choice, Chosen
    from cds_service.artifacts.shelf import Shelf
    from lamo.artifact import Artifact

TELLS = {
    "told": "the running service loads it now; calls go on, and it answers in a few seconds",
    "not running": "it takes effect at the next start: no service runs over this VAR_DIR",
    "not ours": "send SIGHUP to the first process of the service, or start it anew",
}


@click.group()
def model() -> None:
    """Model artefacts: add, verify, activate, roll back, try beside the active one."""


def _refusals() -> tuple[type[Exception], ...]:
    from cds_service.artifacts.choice import ModelRefused
    from lamo.artifact import ArtifactRefused
    from lamo.scoring.device import DeviceMissing
    from lamo.scoring.remote.check import ServerRefused

    return ArtifactRefused, DeviceMissing, ModelRefused, ServerRefused


_refusing = refusing(_refusals)


@model.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@json_option
@_refusing
def add(folder: Path, tell: Teller) -> None:
    """Copy the artefact in FOLDER in, every hash verified before and behind the copy."""
    shelf, _ = _shelf()
    name = shelf.add(folder)
    line = f"ok: {name} is in {shelf.folder}; `lamo-cds model activate {name}` serves it"
    tell(line, name=name, folder=str(shelf.folder))


@model.command("list")
@json_option
@_refusing
def list_command(tell: Teller) -> None:
    """List the artefacts. No hash is verified: see `verify`."""
    from cds_service.artifacts.choice import read_choice

    shelf, settings = _shelf()
    choice = read_choice(shelf.folder)
    for name, artifact in shelf.manifests():
        row = _row(name, artifact, choice, shelf)
        roles = ", ".join(row["roles"]) or "-"
        kind = "demonstration" if artifact.is_demonstration else "for use"
        line = f"{name}  {roles}  {kind}  trained on {row['trained_on']}  sha256 {row['sha256']}"
        tell(line, **row)
    _tell_override(settings)


@model.command()
@click.argument("name", required=False)
@json_option
@_refusing
def verify(name: str | None, tell: Teller) -> None:
    """Verify the artefact NAME, or all: hashes, prompt version, tokens, vocabulary, probe."""
    shelf, settings = _shelf()
    for one in [name] if name else [found for found, _ in shelf.manifests()]:
        for line in _verified(shelf, shelf.chosen(one), settings):
            tell(f"{one} ok: {line}", name=one, found=line)


@model.command()
@click.argument("name")
@json_option
@_refusing
def activate(name: str, tell: Teller) -> None:
    """Verify the artefact NAME and have it served."""
    from cds_service.artifacts.changing import activate as turn

    shelf, settings = _shelf()
    chosen = shelf.chosen(name)
    _verify(shelf, chosen, settings)
    _change(settings, "activate-model", turn(chosen), tell)


@model.command()
@json_option
@_refusing
def rollback(tell: Teller) -> None:
    """Have the artefact served that was active before."""
    from cds_service.artifacts.choice import Choice, read_choice

    shelf, settings = _shelf()
    shelf.load(read_choice(shelf.folder).rolled_back().active)  # every hash, and no more: in haste
    _change(settings, "rollback-model", Choice.rolled_back, tell)


_off = click.option("--off", is_flag=True, help="None from now on.")


@model.command()
@click.argument("name", required=False)
@_off
@json_option
@_refusing
def shadow(name: str | None, off: bool, tell: Teller) -> None:
    """Have the artefact NAME score the same calls behind the answers, for `compare`."""
    from cds_service.artifacts.changing import shadow as turn

    chosen, settings = _beside(name, off)
    _change(settings, "shadow-model", turn(chosen), tell)


@model.command()
@click.argument("name", required=False)
@click.option("--client", "clients", multiple=True, help="A registered client, by its name.")
@_off
@json_option
@_refusing
def canary(name: str | None, clients: tuple[str, ...], off: bool, tell: Teller) -> None:
    """Have the artefact NAME answer the calls of some clients. Two models are in memory then."""
    from cds_service.artifacts.changing import canary as turn

    if bool(clients) == off:
        raise click.UsageError("wanted NAME and --client for each client, or --off")
    chosen, settings = _beside(name, off)
    _check_clients(clients, settings)
    _change(settings, "canary-model", turn(chosen, clients), tell)


@model.command()
@click.option("--since", type=click.DateTime(), help="From then on (local time).")
@json_option
@_refusing
def compare(since: datetime | None, tell: Teller) -> None:
    """Tell how what a shadow would have made of calls differs from what was made of them."""
    from cds_service.artifacts.compare import compare as compared
    from cds_service.at_hand import refuse_unmade
    from cds_service.audit.administering import administering

    settings = read_settings()
    refuse_unmade(settings)
    with administering(settings) as log:
        at = since.astimezone() if since else None
        reports = compared(log.events_of_kind("shadow", at))
    for report in reports:
        tell(*report.lines(), **report.to_json())
    if not reports:
        line = "no shadow has scored a call: `lamo-cds model shadow NAME` has one do so"
        click.echo(line, err=True)


def _shelf() -> "tuple[Shelf, Settings]":
    from cds_service.artifacts.shelf import Shelf

    settings = read_settings()
    return Shelf(settings.models_dir), settings


def _beside(name: str | None, off: bool) -> "tuple[Chosen | None, Settings]":
    """What is to be tried, verified; None for none. The bundled one cannot be: it is in no folder.

    Raises:
        ModelRefused: there is none of this name, or it is the bundled one.
    """
    from cds_service.artifacts.choice import ModelRefused

    shelf, settings = _shelf()
    if (name is None) != off:
        raise click.UsageError("wanted NAME, or --off")
    if name is None:
        return None, settings
    chosen = shelf.chosen(name)
    if chosen is None:
        raise ModelRefused("the bundled demonstration is served alone: activate it instead")
    _verify(shelf, chosen, settings)
    return chosen, settings


def _check_clients(names: Iterable[str], settings: Settings) -> None:
    """Return when each may call: the canary of a misspelt one would answer nobody."""
    from cds_service.artifacts.choice import ModelRefused
    from cds_service.at_hand import opened_to_read
    from cds_service.audit.entries import ANONYMOUS
    from cds_service.clients.registry import ClientRegistry

    if not names:
        return
    with opened_to_read(settings) as engine:
        registered = ClientRegistry(engine, settings.clients_file).list_all()
    known = {one.client.name for one in registered} | {ANONYMOUS}
    if unknown := sorted(set(names) - known):
        raise ModelRefused(
            f"no client is registered as {', '.join(unknown)}: take names from `lamo-cds clients "
            f"list`, or {ANONYMOUS} for callers without proof"
        )


def _change(settings: Settings, action: str, turn: "Turn", tell: Teller) -> None:
    from cds_service.artifacts.changing import active_name, change
    from cds_service.artifacts.choice import read_choice
    from cds_service.at_hand import shown
    from cds_service.audit.administering import administering
    from cds_service.serving.running import tell as tell_service

    before = read_choice(settings.models_dir)
    with administering(settings, make=True) as log:
        after = change(settings.models_dir, log, action, turn)
    stands = {
        "active": active_name(after),
        "shadow": after.shadow.name if after.shadow else None,
        "canary": after.canary.model.name if after.canary else None,
    }
    role = action.removesuffix("-model")
    role = role if role in stands else "active"
    service, database = tell_service(settings.var_dir), shown(settings.database_url)
    lines = [f"ok: {role}: {stands[role] or 'none'}", TELLS[service], f"recorded in {database}"]
    if role == "active" and before.shadow != after.shadow:
        lines.insert(1, "it was the shadow, and is so no more: there is no shadow now")
    tell(*lines, **stands, service=service, database=database)
    _tell_override(settings)


def _tell_override(settings: Settings) -> None:
    """What goes before the choice, where it is set."""
    if settings.artifact:
        line = f"note: LAMO_ARTIFACT is set: {settings.artifact} is served, whatever is active"
        click.echo(line, err=True)


def _verify(shelf: "Shelf", chosen: "Chosen | None", settings: Settings) -> None:
    for _ in _verified(shelf, chosen, settings):
        pass


def _verified(shelf: "Shelf", chosen: "Chosen | None", settings: Settings) -> Iterable[str]:
    from cds_service.artifacts.verifying import verified
    from cds_service.tools import LoadedModel, scorer_of
    from fhir_mappings.formulary import Formulary

    artifact = shelf.load(chosen)
    loaded = LoadedModel(artifact=artifact, prompts=artifact.prompt_plan)
    return verified(artifact, Formulary.load(), lambda: scorer_of(loaded, settings))


def _row(name: str, artifact: "Artifact", choice: "Choice", shelf: "Shelf") -> dict[str, Any]:
    chosen, canary = shelf.chosen(name), choice.canary
    roles = ["active"] if _is(choice.active, chosen) else []
    if choice.shadow and _is(choice.shadow, chosen):
        roles.append("shadow")
    if canary and _is(canary.model, chosen):
        roles.append(f"canary for {', '.join(canary.clients)}")
    source = artifact.recipe.get("cohort", {}).get("source", "what it does not say")
    return {
        "name": name,
        "model": artifact.name,
        "version": artifact.version,
        "sha256": artifact.sha256,
        "trained_on": source,
        "is_demonstration": artifact.is_demonstration,
        "roles": roles,
    }


def _is(one: "Chosen | None", other: "Chosen | None") -> bool:
    return (one and one.name) == (other and other.name)
