"""`lamo-cds audit`: erasing a patient, ending what has expired, legal holds, rotating keys."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import click

from cds_service.audit.expiry import Gone
from cds_service.audit.keeping import EVERYBODY, KEPT, SHORTEST, Keeper
from cds_service.audit.place import Place, refusals
from cds_service.audit.vault import Whom
from cds_service.keys.building import key_file
from cds_service.keys.files import rotate
from cds_service.manners import Teller, json_option
from cds_service.notes.store import DigestStore
from cds_service.reviewer.accounts.rotation import rewrap_factors


@click.command("erase-patient")
@click.option("--client", required=True, help="Whose patient, as events name the client.")
@click.option("--patient", "patient_id", required=True, help="The patient id of that client.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@click.pass_obj
def erase_patient(place: Place, client: str, patient_id: str, yes: bool, tell: Teller) -> None:
    """Delete all that is protected of a patient. It cannot be taken back."""
    whom = Whom(client=client, patient_id=patient_id)
    with (
        _keeper(place) as keeper,
        closing(DigestStore(place.owner_url, place.needed_keys)) as store,
    ):
        if not yes:
            kept = keeper.erasable(whom, lambda one: store.count(patient_id=one))
            asked = f"Cards, scores and feedback of this patient are lost ({_told(kept)}). Go on?"
            click.confirm(asked, abort=True, err=True)
        gone = keeper.erase(whom, lambda one: store.forget(patient_id=one))
    line = f"ok: {_told(gone)} are deleted; the events stay, and tell nothing of the patient"
    tell(line, **asdict(gone))


@click.command("purge")
@click.option(
    "--before",
    type=click.DateTime(formats=["%Y-%m-%d"]),
    help="Of events before this day (UTC), six months ago at the latest. "
    "Default: six years and 30 days ago.",
)
@click.option("--dry-run", is_flag=True, help="Only say how much that is.")
@click.option("--yes", is_flag=True, help="Delete it.")
@json_option
@click.pass_obj
def purge(place: Place, before: datetime | None, dry_run: bool, yes: bool, tell: Teller) -> None:
    """Delete what is protected of events whose time is over; the events stay."""
    if dry_run == yes:
        raise click.UsageError("name --dry-run or --yes.")
    moment = _long_past(before.replace(tzinfo=UTC)) if before else datetime.now(UTC) - KEPT
    with _keeper(place) as keeper:
        gone = keeper.due(moment) if dry_run else keeper.purge(moment)
    day = f"{moment:%Y-%m-%d}"
    line = f"ok: {_told(gone)} are {'due' if dry_run else 'deleted'}, before {day}"
    tell(line, before=day, is_deleted=yes, **asdict(gone))


def _long_past(day: datetime) -> datetime:
    """The day, when no law wants what is older kept."""
    latest = datetime.now(UTC) - SHORTEST
    if day > latest:
        raise click.UsageError(
            f"--before {day:%Y-%m-%d} is too late: what is younger than {SHORTEST.days} days (six "
            f"months) is kept; name {latest:%Y-%m-%d} or an earlier day"
        )
    return day


def _of_whom(command: Callable[..., None]) -> Callable[..., None]:
    """Whom a hold is about."""
    for option in (
        click.option("--all", "everybody", is_flag=True, help="Everybody."),
        click.option("--patient", "patient_id", help="The patient id of that client."),
        click.option("--client", help="Whose patient, as events name the client."),
    ):
        command = option(command)
    return command


@click.group("hold")
def hold() -> None:
    """Legal holds: what is under one is neither purged nor erased."""


@hold.command("add")
@_of_whom
@json_option
@click.pass_obj
def hold_add(place: Place, /, tell: Teller, **named: Any) -> None:
    """Put a patient, or everybody, under a legal hold."""
    whom = _whom(**named)
    with _keeper(place) as keeper:
        keeper.hold(whom)
    tell("ok: it is held", is_held=True)


@hold.command("remove")
@_of_whom
@json_option
@click.pass_obj
def hold_remove(place: Place, /, tell: Teller, **named: Any) -> None:
    """End a legal hold."""
    whom = _whom(**named)
    with _keeper(place) as keeper:
        was_held = keeper.release(whom)
    line = "ok: it is held no more" if was_held else "ok: it was not held"
    tell(line, is_held=False, was_held=was_held)


@hold.command("list")
@json_option
@click.pass_obj
def hold_list(place: Place, tell: Teller) -> None:
    """List legal holds: since when, and of whom, as `audit list --json` names patients."""
    with refusals():
        keeper = Keeper(place.owner_url, place.reading_keys)
        holds = keeper.holds()
        keeper.close()
    for subject, placed_at in holds.items():
        patient = None if subject == EVERYBODY else subject
        tell(f"{placed_at}  {subject}", patient=patient, placed_at=placed_at)
    if not holds:
        click.echo("no legal holds", err=True)


@click.command("rotate-keys")
@click.option("--new-key", is_flag=True, help="First step: add a new tenant key to the key file.")
@json_option
@click.pass_obj
def rotate_keys(place: Place, new_key: bool, tell: Teller) -> None:
    """Wrap the keys of patients, months and second factors under the newest tenant key.

    Run it with --new-key, start the service anew so that it knows the new key, then run it without.
    """
    if not new_key:
        with _keeper(place) as keeper:
            count = keeper.rotate()
        count += rewrap_factors(place.owner_url, place.needed_keys)
        line = f"ok: {count} keys were under older tenant keys, and are under the newest now"
        tell(line, rewrapped=count)
        return
    if place.settings.keys is not None:
        raise click.ClickException("the keys stand in LAMO_KEYS: add the new key where it is made")
    with refusals():
        key_id = rotate(key_file(place.settings))
    line = f"ok: {key_id} is the newest tenant key; start the service anew before the next step"
    tell(line, key_id=key_id)


def _whom(client: str | None, patient_id: str | None, everybody: bool) -> Whom | None:
    if everybody and client is None and patient_id is None:
        return None
    if everybody or client is None or patient_id is None:
        raise click.UsageError("name --client and --patient, or else --all alone")
    return Whom(client=client, patient_id=patient_id)


def _told(gone: Gone) -> str:
    more = {
        "keys of patients": gone.patients,
        "keys of months": gone.periods,
        "digests of notes": gone.note_digests,
    }
    return ", ".join(
        [f"{gone.payloads} payloads", *(f"{count} {what}" for what, count in more.items() if count)]
    )


@contextmanager
def _keeper(place: Place) -> Iterator[Keeper]:
    with refusals():
        keeper = Keeper(place.owner_url, place.needed_keys)
        try:
            yield keeper
        finally:
            keeper.close()
