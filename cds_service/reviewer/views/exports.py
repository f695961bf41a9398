"""Exports of the log: a form, and the file that it asks for."""

from datetime import date
from tempfile import TemporaryFile

from flask import request, send_file
from werkzeug.exceptions import BadRequest

from cds_service.audit.exports.exporter import FORMATS, MEDIA_TYPES, Wanted
from cds_service.audit.exports.rows import Span
from cds_service.reviewer.pages import Look, Seen, desk, page

MOST = 100_000  # events: what a browser waits for, and a process has time for
TEMPLATE = "review/exports.html"
SAID = {
    "auditevent": "FHIR R4 AuditEvent, one a line (NDJSON)",
    "provenance": "FHIR R4 Provenance of each suggestion, one a line (NDJSON)",
    "csv": "CSV for spreadsheets",
    "bundle": "the whole log as a bundle that verifies itself, without dates",
}


@page("/exports", {"compliance"}, methods=("GET", "POST"))
def exports() -> Seen:
    """Show the form; or hand out a file, once it stands in the log that it was."""
    if request.method == "GET":
        return Seen(template=TEMPLATE, values={"formats": SAID, "most": MOST})
    wanted, purpose = _wanted(), request.form.get("purpose", "").strip()
    if not purpose:
        raise BadRequest("say what the export is for; it is kept in the audit log")
    if desk().exporter.count(wanted, MOST + 1) > MOST:
        raise BadRequest(
            f"that is more than {MOST:,} events: choose fewer days, or have the operator run "
            f"{_command(wanted)}"
        )
    file = TemporaryFile()
    try:
        written = desk().exporter.write(wanted, file)
    except BaseException:
        file.close()
        raise
    file.seek(0)
    media_type, ending = MEDIA_TYPES[wanted.form]
    return Seen(
        answer=send_file(
            file,
            mimetype=media_type,
            as_attachment=True,
            download_name=f"audit-{wanted.form}.{ending}",
            max_age=0,
        ),
        look=Look(
            filters=wanted.filters(), rows=written.rows, sha256=written.sha256, purpose=purpose
        ),
    )


def _wanted() -> Wanted:
    form = request.form.get("format", "")
    found = next((one for one in FORMATS if one == form), None)
    if found is None:
        raise BadRequest(f"choose a format: {', '.join(FORMATS)}")
    try:
        span = Span(since=_day("since"), until=_day("until"))
        return Wanted(form=found, span=span, with_patients="with_patients" in request.form)
    except ValueError as error:
        raise BadRequest(str(error)) from None


def _day(name: str) -> date | None:
    text = request.form.get(name, "").strip()
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise BadRequest(f"{name} is no day: write it as 2026-01-31") from None


def _command(wanted: Wanted) -> str:
    days = {"since": wanted.span.since, "until": wanted.span.until}
    options = [f"--{name} {day}" for name, day in days.items() if day]
    patients = ["--with-patients"] if wanted.with_patients else []
    command = ["lamo-cds audit export", "--format", wanted.form, *options, *patients]
    return f"`{' '.join(command)} --purpose TEXT --out FILE`"
