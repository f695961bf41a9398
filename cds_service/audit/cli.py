"""`lamo-cds audit`: reading the audit log in a terminal."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

import click

from cds_service.at_hand import shown
from cds_service.audit.bodies import OUTCOMES
from cds_service.audit.evidence_cli import add_commands
from cds_service.audit.exports.cli import export
from cds_service.audit.keeping_cli import erase_patient, hold, purge, rotate_keys
from cds_service.audit.log import AuditLog, EventSummary
from cds_service.audit.migrate import newest_revision, upgrade
from cds_service.audit.place import Place, refusals
from cds_service.audit.read_model.cli import reindex
from cds_service.audit.stats_cli import stats
from cds_service.audit.text import printable, render_body
from cds_service.audit.vault import Whom
from cds_service.environment import read_settings
from cds_service.keys.building import keys_if_any
from cds_service.keys.service import KeyService
from cds_service.manners import Teller, json_option

WHY_NOT_SHOWN = {
    "closed": "the keys that it was encrypted under are not at hand (VAR_DIR or LAMO_KEYS)",
    "gone": "there is none any more: the patient was erased, or its time is over",
}
ALTERED = (
    "CHANGED: the bytes of this event are not those that got its place in the tree; what is shown "
    "is what somebody put there: see `lamo-cds audit verify`"
)
COLUMNS: tuple[tuple[str, int, Callable[[EventSummary], object]], ...] = (
    ("time", 27, lambda event: event.recorded_at),
    ("event id", 36, lambda event: event.event_id),
    ("kind", 8, lambda event: event.kind),
    ("hook", 20, lambda event: event.hook or "-"),
    ("patient", 36, lambda event: event.patient_id or event.patient or "-"),
    ("cards", 5, lambda event: event.card_count),
    ("status", 6, lambda event: event.status),
    ("outcome", 12, lambda event: event.outcome),
)


@click.group()
@click.option("--database-url", help="Default: LAMO_DATABASE_URL, or the file in VAR_DIR.")
@click.pass_context
def audit(context: click.Context, database_url: str | None) -> None:
    """The audit log: read it, and keep what is protected in it no longer than is due."""
    with refusals():
        settings = read_settings()
        context.obj = Place(settings=settings, given_url=database_url, keys=keys_if_any(settings))


@audit.command("list")
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True)
@click.option("--before", metavar="EVENT_ID", help="Go on behind this event.")
@click.option("--hook", help="Only events of this hook.")
@click.option("--outcome", type=click.Choice(OUTCOMES), help="Only events of this outcome.")
@click.option("--client", help="With --patient: whose patient, as events name the client.")
@click.option("--patient", "patient_id", help="Only events of this patient id of the client.")
@json_option
@click.pass_obj
def list_command(
    place: Place, /, tell: Teller, client: str | None, patient_id: str | None, **filters: Any
) -> None:
    """List events, newest first. Patients have their ids where the keys are at hand."""
    if (client is None) != (patient_id is None):
        raise click.UsageError("name --client and --patient, or neither")
    whom, keys = None, place.reading_keys
    if client is not None and patient_id is not None:
        whom, keys = Whom(client=client, patient_id=patient_id), place.needed_keys
    with _open_log(place.reader_url, keys) as log:
        events = log.list_events(**filters, patient=whom)
    if not tell.as_json:
        click.echo(_line([name for name, _, _ in COLUMNS]))
    for event in events:
        tell(_row(event), **asdict(event))


@audit.command("show")
@click.argument("event_id")
@json_option
@click.pass_obj
def show_command(place: Place, event_id: str, tell: Teller) -> None:
    """Show everything that is stored of one event, and can be read with the keys at hand."""
    with _open_log(place.reader_url, place.reading_keys) as log:
        stored = log.find_event(event_id)
    links = {
        "decision_event_id": stored.decision_event_id,
        "feedback_event_ids": list(stored.feedback_event_ids),
    }
    if stored.is_altered:
        click.echo(ALTERED, err=True)
    if stored.protected != "open":
        click.echo(f"protected data: {WHY_NOT_SHOWN[stored.protected]}", err=True)
    lines = render_body({**stored.body, **{key: ids for key, ids in links.items() if ids}})
    told = {"is_altered": stored.is_altered, "protected": stored.protected, "body": stored.body}
    tell(*lines, **links, **told)


@audit.command("upgrade")
@json_option
@click.pass_obj
def upgrade_command(place: Place, tell: Teller) -> None:
    """Create the tables, or bring them to the state that this release needs."""
    with refusals():
        upgrade(place.url_to_make, place.keys)
    database = shown(place.url_to_make)
    line = f"ok: {database} has the tables of this release"
    tell(line, revision=newest_revision(), database=database)


for command in (erase_patient, purge, hold, rotate_keys, reindex, export, stats):
    audit.add_command(command)
add_commands(audit)


@contextmanager
def _open_log(database_url: str, keys: KeyService) -> Iterator[AuditLog]:
    with refusals():
        log = AuditLog(database_url, keys)
        try:
            yield log
        finally:
            log.close()


def _row(event: EventSummary) -> str:
    return _line([printable(str(value(event))) for _, _, value in COLUMNS])


def _line(cells: list[str]) -> str:
    widths = (width for _, width, _ in COLUMNS)
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()
