"""`lamo-cds audit`: reading the audit log in a terminal."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import click

from cds_service.audit.bodies import OUTCOMES
from cds_service.audit.database import AuditFailure
from cds_service.audit.log import AuditLog, EventSummary, EventUnknown
from cds_service.audit.migrate import upgrade
from cds_service.audit.text import printable, render_body
from cds_service.settings import SettingsError, read_settings

COLUMNS: tuple[tuple[str, int, Callable[[EventSummary], object]], ...] = (
    ("time", 27, lambda event: event.recorded_at),
    ("event id", 36, lambda event: event.event_id),
    ("kind", 8, lambda event: event.kind),
    ("hook", 20, lambda event: event.hook or "-"),
    ("patient", 36, lambda event: event.patient_id or "-"),
    ("cards", 5, lambda event: event.card_count),
    ("status", 6, lambda event: event.status),
    ("outcome", 12, lambda event: event.outcome),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """Which events `list` prints."""

    limit: int
    before: str | None
    hook: str | None
    outcome: str | None


@click.group()
@click.option("--database-url", help="Default: LAMO_DATABASE_URL, or the file in VAR_DIR.")
@click.pass_context
def audit(context: click.Context, database_url: str | None) -> None:
    """Read the audit log: every decision, refusal and feedback."""
    with _refusals():
        context.obj = database_url or read_settings().database_url


@audit.command("list")
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True)
@click.option("--before", metavar="EVENT_ID", help="Go on behind this event.")
@click.option("--hook", help="Only events of this hook.")
@click.option("--outcome", type=click.Choice(OUTCOMES), help="Only events of this outcome.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.pass_obj
def list_command(database_url: str, /, as_json: bool, **filters: Any) -> None:
    """List events, newest first."""
    with _open_log(database_url) as log:
        events = log.list_events(**asdict(Filters(**filters)))
    if not as_json:
        click.echo(_line([name for name, _, _ in COLUMNS]))
    for event in events:
        click.echo(json.dumps(asdict(event)) if as_json else _row(event))


@audit.command("show")
@click.argument("event_id")
@click.option("--json", "as_json", is_flag=True, help="The event as one JSON object.")
@click.pass_obj
def show_command(database_url: str, event_id: str, as_json: bool) -> None:
    """Show everything that is stored of one event."""
    with _open_log(database_url) as log:
        stored = log.find_event(event_id)
    links = {
        "decision_event_id": stored.decision_event_id,
        "feedback_event_ids": list(stored.feedback_event_ids),
    }
    if as_json:
        click.echo(json.dumps({**links, "body": stored.body}, indent=2))
        return
    for line in render_body({**stored.body, **{key: ids for key, ids in links.items() if ids}}):
        click.echo(line)


@audit.command("upgrade")
@click.pass_obj
def upgrade_command(database_url: str) -> None:
    """Create the tables, or bring them to the state that this release needs."""
    with _refusals():
        upgrade(database_url)
    click.echo("ok: the audit log has the tables of this release")


@contextmanager
def _open_log(database_url: str) -> Iterator[AuditLog]:
    with _refusals():
        log = AuditLog(database_url)
        try:
            yield log
        finally:
            log.close()


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except AuditFailure as error:
        raise click.ClickException(error.reason) from error
    except (EventUnknown, SettingsError, ValueError) as error:
        raise click.ClickException(str(error)) from error


def _row(event: EventSummary) -> str:
    return _line([printable(str(value(event))) for _, _, value in COLUMNS])


def _line(cells: list[str]) -> str:
    widths = (width for _, width, _ in COLUMNS)
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()
