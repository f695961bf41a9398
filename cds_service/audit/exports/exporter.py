"""Writing an export: a stream of lines, counted and hashed as they are written."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import IO, Any, Literal, get_args

from sqlalchemy import Connection

from cds_service.audit.bundle import bundle_lines
from cds_service.audit.exports.audit_events import Names, to_audit_event
from cds_service.audit.exports.provenances import to_provenances
from cds_service.audit.exports.rows import ALL_DAYS, Exported, Span, count_events, read_events
from cds_service.audit.exports.spreadsheet import Spreadsheet
from cds_service.audit.snapshot import snapshot
from cds_service.audit.vault import Vault
from cds_service.keys.service import KeyService

Format = Literal["bundle", "auditevent", "provenance", "csv"]
FORMATS: tuple[Format, ...] = get_args(Format)
NDJSON = "application/fhir+ndjson"
MEDIA_TYPES: Mapping[Format, tuple[str, str]] = {  # and how a file's name ends
    "bundle": ("application/jsonl", "jsonl"),
    "auditevent": (NDJSON, "ndjson"),
    "provenance": (NDJSON, "ndjson"),
    "csv": ("text/csv; charset=utf-8; header=present", "csv"),
}
NO_ROWS = ('{"type": "bundle"', '{"type": "head"', '{"type": "end"', "event_id,")
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to be exported."""

    form: Format
    span: Span = ALL_DAYS
    with_patients: bool = False  # by their ids, which takes the keys
    event_ids: tuple[str, ...] = ()  # of a bundle: these alone, each with a proof

    def __post_init__(self) -> None:
        is_bundle = self.form == "bundle"
        if is_bundle and (self.span != ALL_DAYS or self.with_patients):
            raise ValueError(
                "a bundle is of the whole log, or of the events that are named, and holds nothing "
                "of patients: leave out days and patients, or choose another format"
            )
        if self.event_ids and not is_bundle:
            raise ValueError("only a bundle is of events that are named: name days instead")

    def filters(self) -> dict[str, Any]:
        """How the access event tells it."""
        told = {"since": self.span.since, "until": self.span.until}
        return {
            "format": self.form,
            **{name: day.isoformat() for name, day in told.items() if day},
            **({"with_patients": True} if self.with_patients else {}),
            **({"event_ids": list(self.event_ids)} if self.event_ids else {}),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What was written."""

    rows: int  # events or resources
    sha256: str  # of the whole file, in hex


@dataclass(frozen=True, slots=True, kw_only=True)
class Exporter:
    """Exports of one log."""

    database_url: str
    keys: KeyService
    base_url: str  # of the service; what is ours is named below it
    first_key: Callable[[], str]  # of the log, for bundles

    def write(self, wanted: Wanted, file: IO[bytes]) -> Written:
        """Write an export, in memory that does not grow with the log.

        Raises:
            AuditFailure: the database cannot be read, or a key does not fit.
            EventUnknown: a named event is not under a head.
            NotOpened: a payload is not the one of its event.
        """
        rows, digest = 0, sha256()
        with snapshot(self.database_url) as connection:
            for line in self._lines(connection, wanted):
                rows += not line.startswith(NO_ROWS)
                data = line.encode("utf-8", "surrogateescape")
                digest.update(data)
                file.write(data)
        return Written(rows=rows, sha256=digest.hexdigest())

    def count(self, wanted: Wanted, most: int) -> int:
        """How many events an export is of, counted up to `most`."""
        with snapshot(self.database_url) as connection:
            return count_events(connection, wanted.span, most)

    def _lines(self, connection: Connection, wanted: Wanted) -> Iterator[str]:
        if wanted.form == "bundle":
            lines = bundle_lines(connection, self.first_key(), wanted.event_ids)
            return (f"{line}\n" for line in lines)
        of_form = {"auditevent": _audit_events, "provenance": _provenances, "csv": _csv}
        needs_keys = wanted.with_patients or wanted.form == "provenance"
        vault = Vault(self.keys) if needs_keys else None
        events = read_events(connection, wanted.span, vault)
        return of_form[wanted.form](events, wanted, Names(base_url=self.base_url))


def _audit_events(events: Iterator[Exported], wanted: Wanted, names: Names) -> Iterator[str]:
    del wanted
    for event in events:
        yield f"{_encode(to_audit_event(event, names))}\n"


def _provenances(events: Iterator[Exported], wanted: Wanted, names: Names) -> Iterator[str]:
    for event in events:
        for one in to_provenances(event, names, with_patients=wanted.with_patients):
            yield f"{_encode(one)}\n"


def _csv(events: Iterator[Exported], wanted: Wanted, names: Names) -> Iterator[str]:
    del names
    sheet = Spreadsheet(with_patients=wanted.with_patients)
    yield sheet.header()
    for event in events:
        yield sheet.row(event)
