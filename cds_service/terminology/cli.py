"""`lamo-cds terminology`: a hospital's own RxNorm release, loaded, shown and named."""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import click

from cds_service.environment import read_settings
from cds_service.manners import json_option
from cds_service.refusing import refusing

_SYSTEMS = ("rxnorm", "ndc", "atc")


@click.group()
def terminology() -> None:
    """A drug terminology of your own: codes that the shipped tables do not know."""


def _refusals() -> tuple[type[Exception], ...]:
    from cds_service.terminology.release import ReleaseRefused

    return (ReleaseRefused,)


_refusing = refusing(_refusals)


@terminology.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--name", "version", help="What to call the release; by default, its folder's name.")
@_refusing
def load(folder: Path, version: str | None) -> None:
    """Load the RxNorm release in FOLDER, in place of the one that is loaded.

    FOLDER holds RXNCONSO.RRF, RXNREL.RRF and RXNSAT.RRF, or the rrf folder with them. Nothing
    changes unless all of it can be read and written. With a SQLite database, stop the service
    first; with either, start it again afterwards.
    """
    from cds_service.audit.migrate import upgrade
    from cds_service.keys.building import keys_if_any
    from cds_service.terminology.load import read_release, write_content
    from cds_service.terminology.release import Release

    settings = read_settings()
    upgrade(settings.owner_url, keys_if_any(settings))
    release = Release(folder, _said("read"))
    called = version or release.version
    if not (called.isprintable() and 0 < len(called) <= 60):
        raise click.BadParameter(
            f"{called!r} is no name to print: give one to 60 plain characters", param_hint="--name"
        )
    content = read_release(release)
    write_content(settings.owner_url, content, called, progress=_said("written"))
    click.echo(
        f"ok: {called} is loaded, {len(content.concepts)} concepts and {len(content.codes)} codes; "
        f"{content.without_ingredients} concepts lead to no ingredient and were left out"
    )


@terminology.command()
@click.argument("code")
@click.option("--system", type=click.Choice(_SYSTEMS), help="By default, all of them.")
@json_option
@_refusing
def show(code: str, system: str | None, as_json: bool) -> None:
    """Print what CODE means: an RxNorm code, an NDC with or without dashes, or an ATC code."""
    from cds_service.terminology.lookup import Terminology
    from fhir_mappings.code_lookup import ATC, NDC, RXNORM, keys_of

    systems = dict(zip(_SYSTEMS, (RXNORM, NDC, ATC), strict=True))
    asked = [systems[system]] if system else list(systems.values())
    known = Terminology(_upgraded())
    keys = [key for one in asked for key in keys_of(one, code)]
    found = [(key, concept) for key in keys for concept in known.concepts(*key)]
    known.close()
    if not found:
        raise click.ClickException(
            f"no loaded code is {code!r}: see `lamo-cds terminology status` for what is loaded"
        )
    for (of_system, of_code), concept in found:
        if as_json:
            click.echo(json.dumps({"system": of_system, "code": of_code} | asdict(concept)))
            continue
        click.echo(f"{of_system}|{of_code} is {concept.tty} {concept.rxcui} {concept.name}")
        for rxcui, name in concept.ingredients:
            click.echo(f"  ingredient {rxcui} {name}{_in_formulary(rxcui)}")


@terminology.command()
@json_option
@_refusing
def status(as_json: bool) -> None:
    """Print which release is loaded."""
    from cds_service.terminology.lookup import Terminology

    known = Terminology(_upgraded())
    release = known.release()
    known.close()
    if as_json:
        click.echo(json.dumps(asdict(release) if release else None))
        return
    if release is None:
        click.echo("no terminology is loaded: run `lamo-cds terminology load FOLDER`")
        return
    click.echo(
        f"{release.source} {release.version}, loaded at {release.loaded_at}: "
        f"{release.concepts} concepts, {release.codes} codes"
    )


def _upgraded() -> str:
    from cds_service.audit.migrate import upgrade
    from cds_service.keys.building import keys_if_any

    settings = read_settings()
    upgrade(settings.owner_url, keys_if_any(settings))
    return settings.owner_url


def _in_formulary(rxcui: str) -> str:
    from fhir_mappings.code_lookup import RXNORM
    from fhir_mappings.formulary import Formulary

    found = Formulary.load().resolve([(RXNORM, rxcui, None)], None).ingredients
    labels = " + ".join(one.label for one in found)
    return f", here {labels}" if found else ", not in the formulary"


def _said(what: str) -> Callable[[str, int], None]:
    """Progress on standard error, so that the answer can be piped."""

    def say(name: str, count: int) -> None:
        click.echo(f"{name}: {count:,} {what}", err=True)

    return say
