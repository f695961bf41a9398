"""FHIR exports on disk, into a temporary SQLite file by patient: NDJSON of resources or Bundles."""

import json
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fhir_mappings.references import local_name
from lamo.exports.errors import LinesMissing
from lamo.exports.files import open_text
from lamo.exports.scratch import add_rows, open_scratch
from lamo.exports.tally import Tally

Resource = Mapping[str, Any]

_ENDINGS = (".ndjson", ".ndjson.gz", ".jsonl", ".jsonl.gz")
_OF_PATIENTS = frozenset(
    {
        "Patient",
        "Encounter",
        "Condition",
        "Procedure",
        "DocumentReference",
        "AllergyIntolerance",
        "MedicationRequest",
        "MedicationStatement",
    }
)
DOCUMENTS = 10  # notes of a patient, the newest
NOT_WANTED = "is not read"  # the end of a reason that loses nothing
_SHARED = frozenset({"Medication", "Location"})
_SCHEMA = """
CREATE TABLE resource (patient TEXT, type TEXT, body TEXT);
CREATE TABLE shared (type TEXT, id TEXT, body TEXT, PRIMARY KEY (type, id));
"""


@dataclass(slots=True, kw_only=True)
class Export:
    """The files of one export."""

    folders: Sequence[Path]  # folders, or files
    tally: Tally
    progress: bool = False
    inputs: dict[str, str] = field(default_factory=dict)

    @contextmanager
    def opened(self, scratch: Path | None = None) -> Iterator[sqlite3.Connection]:
        """All resources by patient, in a database for the time of one reading.

        Raises:
            LinesMissing, TableBroken: as `fill`.
        """
        with tempfile.TemporaryDirectory(prefix="export-", dir=scratch) as folder:
            db = open_scratch(Path(folder) / "export.sqlite")
            try:
                self.fill(db)
                yield db
            finally:
                db.close()

    def fill(self, db: sqlite3.Connection) -> None:
        """Put every resource that visits are made of into the tables of `db`.

        Raises:
            LinesMissing: there is no file with FHIR lines.
            TableBroken: a gzipped file is cut short.
        """
        db.executescript(_SCHEMA)
        files = [path for folder in self.folders for path in _files(folder)]
        if not files:
            raise LinesMissing(", ".join(map(str, self.folders)))
        for path in files:
            add_rows(db, "INSERT INTO resource VALUES (?, ?, ?)", self._rows(path, db))
        db.execute("CREATE INDEX of_patient ON resource (patient)")

    def _rows(self, path: Path, db: sqlite3.Connection) -> Iterator[tuple[str, str, str]]:
        for resource in self._resources(path):
            kind = str(resource.get("resourceType"))
            self.tally.count(f"resources: {kind}")
            if kind in _SHARED:
                row = (kind, str(resource.get("id")), json.dumps(resource))
                db.execute("INSERT OR REPLACE INTO shared VALUES (?, ?, ?)", row)
            elif kind not in _OF_PATIENTS:
                self.tally.drop(f"resources: {kind} {NOT_WANTED}")
            elif (patient := patient_of(resource)) is None:
                self.tally.drop(f"resources: {kind} without a patient")
            else:
                yield patient, kind, json.dumps(resource)

    def _resources(self, path: Path) -> Iterator[Resource]:
        with open_text(path, self.inputs, self.progress) as lines:
            for line in filter(str.strip, lines):
                body = _read(line)
                if body is None:
                    self.tally.drop("lines: not JSON, or text that cannot be stored")
                elif isinstance(body, dict):
                    yield from unpack(body)
                else:
                    self.tally.drop("lines: not a resource")


def patient_of(resource: Resource) -> str | None:
    """The id of the patient that a resource is about; None when it names none by id."""
    if resource.get("resourceType") == "Patient":
        return str(resource["id"]) if resource.get("id") else None
    holder = resource.get("subject") or resource.get("patient")
    reference = holder.get("reference") if isinstance(holder, dict) else None
    if not isinstance(reference, str) or "?" in reference or reference.startswith("#"):
        return None
    name = local_name(reference)
    return name.id if name.type in (None, "Patient") and name.id else None


def _read(line: str) -> Any:
    """The JSON of a line; None where it is none.

    Half of a surrogate pair is allowed in JSON and cannot be stored as text; a number may have more
    digits, and lists more depth, than are read.
    """
    try:
        body = json.loads(line)
        if "\\u" in line:
            json.dumps(body, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return None
    return body


def unpack(body: Resource) -> Iterator[Resource]:
    """The resource, or the resources of the Bundle."""
    if body.get("resourceType") != "Bundle":
        yield body
        return
    entries = body.get("entry")
    for entry in entries if isinstance(entries, list) else ():
        resource = entry.get("resource") if isinstance(entry, dict) else None
        if isinstance(resource, dict):
            yield resource


def patients_in(db: sqlite3.Connection) -> list[str]:
    """Everybody of whom there is something, in the order of their ids."""
    rows = db.execute("SELECT DISTINCT patient FROM resource ORDER BY patient").fetchall()
    return [patient for (patient,) in rows]


def newest(documents: Iterable[Resource]) -> list[Resource]:
    """The latest documents, as a search with a limit would give them."""
    ordered = sorted(documents, key=lambda one: str(one.get("date") or ""), reverse=True)
    return ordered[:DOCUMENTS]


def of_patient(db: sqlite3.Connection, patient: str) -> list[Resource]:
    """Everything of one patient, and the Medications and Locations that it points to."""
    query = "SELECT body FROM resource WHERE patient = ? ORDER BY rowid"
    own = [json.loads(body) for (body,) in db.execute(query, (patient,))]
    return own + _pointed_to(db, own)


def _pointed_to(db: sqlite3.Connection, own: Sequence[Resource]) -> list[Resource]:
    names = {local_name(reference) for resource in own for reference in _references(resource)}
    found = []
    for name in sorted(names, key=str):
        query = "SELECT body FROM shared WHERE id = ? AND type = coalesce(?, type)"
        found += db.execute(query, (name.id, name.type)).fetchall()
    return [json.loads(body) for (body,) in found]


def _references(resource: Resource) -> Iterator[str]:
    places = resource.get("location")
    holders = [resource.get("medicationReference")]
    for place in places if isinstance(places, list) else ():
        holders.append(place.get("location") if isinstance(place, dict) else None)
    for holder in holders:
        reference = holder.get("reference") if isinstance(holder, dict) else None
        if isinstance(reference, str) and not reference.startswith("#"):
            yield reference


def _files(place: Path) -> list[Path]:
    if place.is_file():
        return [place]
    return sorted(path for path in place.iterdir() if path.name.lower().endswith(_ENDINGS))
