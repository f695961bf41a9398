"""`lamo-cds notes`: reading notes ahead, forgetting what was kept, and trying a reader."""

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from cds_service.environment import read_settings
from cds_service.manners import Teller, json_option
from cds_service.refusing import refusing
from cds_service.settings import Settings


@click.group()
def notes() -> None:
    """Clinical notes: read them ahead, forget them, measure a reader."""


def _refusals() -> tuple[type[Exception], ...]:
    from cds_service.notes.listed import ListRefused
    from cds_service.notes.store import StoreFailure
    from lamo.notes.evaluation import HandNotesRefused
    from lamo.notes.model_reader.plan import EndpointRefused

    kept = (EndpointRefused, HandNotesRefused, ListRefused, StoreFailure)
    return (*kept, *_unread())


def _unread() -> tuple[type[Exception], ...]:
    from fhir_mappings.attachments import UnreadText
    from lamo.notes.sections import NoteUnread

    return NoteUnread, UnreadText


def _said(refused: Exception) -> str:
    return f"not read: {refused}" if isinstance(refused, _unread()) else str(refused)


_refusing = refusing(_refusals, _said)


@notes.command()
@click.option("--fhir-server", required=True, help="Base URL of the FHIR server.")
@click.option(
    "--patients",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    required=True,
    help="A file with one patient id a line.",
)
@click.option(
    "--token-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A file with the access token.",
)
@json_option
@_refusing
def warm(fhir_server: str, patients: Path, token_file: Path | None, tell: Teller) -> None:
    """Read the notes of a list of patients, so that their next hook finds them read.

    Reads what a hook would read of each patient, with the note model of the settings if there is
    one, and keeps the digests. What is kept already is not read again.
    """
    from cds_service.at_hand import refuse_unmade
    from cds_service.audit.migrate import upgrade
    from cds_service.keys.building import keys_if_any
    from cds_service.notes.listed import access_token, patient_ids
    from cds_service.notes.warming import warm_patient, warming_tools
    from cds_service.prefetch.fhir_client import FhirServer

    ids = patient_ids(patients)
    token = access_token(token_file) if token_file else None
    settings = read_settings()
    refuse_unmade(settings)
    upgrade(settings.database_url, keys_if_any(settings))
    tools = warming_tools(settings)
    server = FhirServer(base=fhir_server.rstrip("/"), token=token)
    if not tools.fhir.may_read(server.base, None):
        raise click.ClickException(
            f"{server.base} is not a FHIR server that the settings allow: use https, or name it in "
            "LAMO_FHIR_ALLOWED_BASES"
        )
    failed = 0
    for patient_id in ids:
        outcome = warm_patient(patient_id, server, tools)
        failed += outcome.is_failure
        tell(f"{patient_id}: {outcome}", patient=patient_id, **asdict(outcome))
    if failed:
        raise click.ClickException(
            f"{failed} patients have notes that could not be read: see above"
        )


@notes.command()
@click.option("--patient", help="Only those of this patient id.")
@click.option(
    "--older-than", type=click.IntRange(min=1), help="Only those older than so many days."
)
@click.option("--all", "everything", is_flag=True, help="All of them.")
@json_option
@_refusing
def forget(patient: str | None, older_than: int | None, everything: bool, tell: Teller) -> None:
    """Delete kept digests of notes. The notes themselves are not touched."""
    if everything == (patient is not None or older_than is not None):
        raise click.UsageError("name --patient, --older-than or both, or else --all alone")
    from cds_service.notes.listed import checked_id

    if patient is not None:
        checked_id(patient, "--patient")
    store = _store(read_settings(), finds_patients=patient is not None)
    before = datetime.now(UTC) - timedelta(days=older_than) if older_than else None
    gone = store.forget(patient_id=patient, before=before, everything=everything)
    left = store.count()
    tell(f"ok: {gone} digests are deleted, {left} are left", deleted=gone, left=left)


@notes.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--type", "content_type", default="", help="Media type, if the bytes do not tell.")
@_refusing
def read(file: Path, content_type: str) -> None:
    """Print what is read in FILE: a note as text, HTML, RTF, PDF or C-CDA.

    With the note model of the settings if there is one, else by rules. Nothing is kept.
    """
    from cds_service.notes.warming import describe

    click.echo(describe(read_settings(), file.read_bytes(), content_type))


@notes.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@json_option
@_refusing
def evaluate(folder: Path, tell: Teller) -> None:
    """Compare the reader of the settings with notes that people have read.

    FOLDER holds notes as *.txt, each with what a careful person finds in it as *.json beside it;
    docs/notes.md has the members.
    """
    from cds_service.notes.warming import evaluated

    found = evaluated(read_settings(), folder)
    tell(*found.lines(), **found.to_json())


def _store(settings: Settings, *, finds_patients: bool) -> Any:
    """The digests; one patient's are found by the keys, all others without."""
    from cds_service.at_hand import refuse_unmade
    from cds_service.audit.migrate import upgrade
    from cds_service.keys.building import keys_at_hand, keys_if_any
    from cds_service.keys.file_keys import FileKeys
    from cds_service.keys.ring import new_ring
    from cds_service.notes.store import DigestStore

    refuse_unmade(settings)
    upgrade(settings.database_url, keys_if_any(settings))
    keys = keys_at_hand(settings) if finds_patients else FileKeys(new_ring())
    return DigestStore(settings.database_url, keys)
