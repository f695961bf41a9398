"""`lamo-cds audit export`: a file for other tools, and the event that says who took it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import date, datetime
from pathlib import Path
from typing import IO, Any
from uuid import uuid4

import click

from cds_service.audit.entries import OPERATOR, AccessEntry
from cds_service.audit.evidence_cli import first_key_of, in_folder, with_key
from cds_service.audit.exports.exporter import FORMATS, Exporter, Wanted, Written
from cds_service.audit.exports.rows import Span
from cds_service.audit.ids import new_event_id
from cds_service.audit.log import AuditLog
from cds_service.audit.place import Place, refusals
from cds_service.keys.service import NotOpened
from cds_service.manners import Teller, json_option
from cds_service.refusing import refusing

DAY = click.DateTime(formats=["%Y-%m-%d"])
since_option = click.option("--since", type=DAY, help="Only events from this day on (UTC).")
until_option = click.option("--until", type=DAY, help="Only events up to this day (UTC), with it.")


@click.command("export")
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    default="bundle",
    show_default=True,
    help="A bundle that scripts/verify_audit.py verifies; FHIR R4 AuditEvent or Provenance, one a "
    "line; or CSV for spreadsheets.",
)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True)
@since_option
@until_option
@click.option("--event-id", "event_ids", multiple=True, help="Of a bundle: only these.")
@click.option("--with-patients", is_flag=True, help="With patients' ids, and drafts as sent.")
@click.option("--purpose", help="What it is for; kept in the audit log, encrypted.")
@in_folder
@with_key
@json_option
@click.pass_obj
@refusing(lambda: (NotOpened, OSError))
def export(place: Place, out: Path, purpose: str | None, tell: Teller, **asked: Any) -> None:
    """Write a file for auditors and other tools. That it was taken is an event itself."""
    folder = asked["var_dir"] or place.settings.var_dir
    with refusals():
        wanted = wanted_of(**{name: asked[name] for name in _WANTED})
        if wanted.with_patients and not (purpose or "").strip():
            raise click.UsageError("say with --purpose what an export with patients is for")
        exporter = Exporter(
            database_url=place.reader_url,
            keys=place.needed_keys,
            base_url=place.settings.base_url,
            first_key=lambda: first_key_of(asked["key"], folder).to_text(),
        )
        with _handed_out(out) as file:
            written = exporter.write(wanted, file)
            _record(place, wanted, written, purpose)
    lines = [f"ok: {written.rows} rows are in {out}, SHA-256 {written.sha256}"]
    members = {"file": str(out), **asdict(written)}
    if wanted.form == "bundle":
        members["first_key"] = exporter.first_key()
        lines.append(f"the log's first key is {members['first_key']}")
    tell(*lines, **members)


_WANTED = ("form", "since", "until", "event_ids", "with_patients")


def wanted_of(
    form: Any,
    since: datetime | None,
    until: datetime | None,
    event_ids: tuple[str, ...] = (),
    with_patients: bool = False,
) -> Wanted:
    """What the options ask for.

    Raises:
        ValueError: they do not go together.
    """
    span = span_of(since, until)
    return Wanted(form=form, span=span, event_ids=event_ids, with_patients=with_patients)


def span_of(since: datetime | None, until: datetime | None) -> Span:
    """The days that the options name."""
    return Span(since=_day(since), until=_day(until))


def _day(moment: datetime | None) -> date | None:
    return moment.date() if moment else None


def _record(place: Place, wanted: Wanted, written: Written, purpose: str | None) -> None:
    log = AuditLog(place.owner_url, place.needed_keys)
    try:
        log.append_access(
            AccessEntry(
                event_id=new_event_id(),
                request_id=str(uuid4()),
                user=OPERATOR,
                roles=(),
                page="export",
                outcome="seen",
                filters=wanted.filters(),
                rows=written.rows,
                sha256=written.sha256,
                purpose=purpose,
            )
        )
    finally:
        log.close()


@contextmanager
def _handed_out(out: Path) -> Iterator[IO[bytes]]:
    """A file that has its name only when the block has ended well, and is nobody else's to read."""
    if not out.parent.is_dir():
        raise click.ClickException(
            f"the folder {out.parent} of --out is not there: make it, or name another one"
        )
    part = out.with_name(f".{out.name}.{uuid4().hex}")
    try:
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            yield file
        os.replace(part, out)
    finally:
        part.unlink(missing_ok=True)
