"""`lamo-cds terminology`: a hospital's own RxNorm release, loaded, shown and named."""

from dataclasses import asdict
from pathlib import Path

import click

from cds_service.environment import read_settings
from cds_service.manners import Teller, json_option, watched
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
@json_option
@_refusing
def load(folder: Path, version: str | None, tell: Teller) -> None:
    """Load the RxNorm release in FOLDER, in place of the one that is loaded.

    FOLDER holds RXNCONSO.RRF, RXNREL.RRF and RXNSAT.RRF, or the rrf folder with them. Nothing
    changes unless all of it can be read and written. With a SQLite database, stop the service
    first; with either, start it again afterwards.
    """
    from cds_service.terminology.load import read_release, write_content
    from cds_service.terminology.release import Release

    release = Release(folder, watched)
    called = version or release.version
    if not (called.isprintable() and 0 < len(called) <= 60):
        raise click.BadParameter(
            f"{called!r} is no name to print: give one to 60 plain characters", param_hint="--name"
        )
    database_url = _upgraded()  # first: reading takes minutes
    content = read_release(release)
    write_content(database_url, content, called, watch=watched)
    concepts, codes = len(content.concepts), len(content.codes)
    tell(
        f"ok: {called} is loaded, {concepts} concepts and {codes} codes; "
        f"{content.without_ingredients} concepts lead to no ingredient and were left out",
        version=called,
        concepts=concepts,
        codes=codes,
        without_ingredients=content.without_ingredients,
    )


@terminology.command()
@click.argument("code")
@click.option("--system", type=click.Choice(_SYSTEMS), help="By default, all of them.")
@json_option
@_refusing
def show(code: str, system: str | None, tell: Teller) -> None:
    """Print what CODE means: an RxNorm code, an NDC with or without dashes, or an ATC code."""
    from cds_service.terminology.lookup import Terminology
    from fhir_mappings.code_lookup import ATC, NDC, RXNORM, keys_of

    systems = dict(zip(_SYSTEMS, (RXNORM, NDC, ATC), strict=True))
    asked = [systems[system]] if system else list(systems.values())
    known = Terminology(_at_hand())
    keys = [key for one in asked for key in keys_of(one, code)]
    found = [(key, concept) for key in keys for concept in known.concepts(*key)]
    known.close()
    if not found:
        raise click.ClickException(
            f"no loaded code is {code!r}: see `lamo-cds terminology status` for what is loaded"
        )
    for (of_system, of_code), concept in found:
        lines = [f"{of_system}|{of_code} is {concept.tty} {concept.rxcui} {concept.name}"]
        for rxcui, name in concept.ingredients:
            lines.append(f"  ingredient {rxcui} {name}{_in_formulary(rxcui)}")
        tell(*lines, system=of_system, code=of_code, **asdict(concept))


@terminology.command()
@json_option
@_refusing
def status(tell: Teller) -> None:
    """Print which release is loaded."""
    from cds_service.terminology.lookup import Terminology

    known = Terminology(_at_hand())
    release = known.release()
    known.close()
    if release is None:
        line = "no terminology is loaded: run `lamo-cds terminology load FOLDER`"
        click.echo(line, err=True)
        return
    tell(
        f"{release.source} {release.version}, loaded at {release.loaded_at}: "
        f"{release.concepts} concepts, {release.codes} codes",
        **asdict(release),
    )


def _at_hand() -> str:
    from cds_service.at_hand import opened_to_read

    settings = read_settings()
    with opened_to_read(settings):
        return settings.database_url


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
