"""A visit of a real cohort, and its JSON line.

The line of a cohort visit is the line of a `lamo.visits.Visit` with a part of its own at the end,
so whatever reads visits reads cohorts too.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from fhir_mappings.record import PatientRecord
from lamo import visits
from lamo.visits import Visit, VisitUnreadable

_OWN = ',"cohort":'
Source = Literal["mimic3", "mimic4", "eicu", "fhir", "synthetic"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CohortVisit:
    """One visit of one patient: what was known, and what was prescribed."""

    visit_id: str
    patient_id: str
    record: PatientRecord  # without orders
    prescribed: tuple[str, ...]  # labels, sorted
    admitted_at: datetime  # aware; shifted per patient in MIMIC
    source: Source
    year_bucket: str | None = None  # real years where `admitted_at` is shifted or nominal
    first_order_at: datetime | None = None
    probabilities: Mapping[str, float] = field(default_factory=dict)  # known of synthetic ones

    def to_visit(self) -> Visit:
        """The visit as training reads it; its patient is a number made of source and id."""
        return Visit(
            record=self.record,
            prescribed=frozenset(self.prescribed),
            probabilities=self.probabilities,
            patient=_number(f"{self.source}/{self.patient_id}"),
            setting=self.record.setting or "inpatient",
        )


def from_synthetic(visit: Visit) -> CohortVisit:
    """A synthetic visit as one of a cohort."""
    record = visit.record
    return CohortVisit(
        visit_id=f"{record.patient_id}-{record.decided_at:%Y%m%d%H%M%S}",
        patient_id=record.patient_id,
        record=record,
        prescribed=tuple(sorted(visit.prescribed)),
        admitted_at=record.decided_at,
        source="synthetic",
        probabilities=visit.probabilities,
    )


def to_json(visit: CohortVisit) -> str:
    """One line of JSON that holds the whole visit."""
    own = {
        "visit_id": visit.visit_id,
        "patient_id": visit.patient_id,
        "admitted_at": visit.admitted_at.isoformat(),
        "source": visit.source,
        "year_bucket": visit.year_bucket,
        "first_order_at": visit.first_order_at.isoformat() if visit.first_order_at else None,
    }
    line = visits.to_json(visit.to_visit())
    return f"{line[:-1]}{_OWN}{json.dumps(own, separators=(',', ':'), ensure_ascii=False)}}}"


def from_json(line: str) -> CohortVisit:
    """Read a line of `to_json`.

    Raises:
        VisitUnreadable: the line is not JSON, or lacks a field of a cohort visit.
    """
    visit = visits.from_json(line)
    try:
        own = own_part(line)
        first = own["first_order_at"]
        return CohortVisit(
            visit_id=own["visit_id"],
            patient_id=own["patient_id"],
            record=visit.record,
            prescribed=tuple(sorted(visit.prescribed)),
            admitted_at=datetime.fromisoformat(own["admitted_at"]),
            source=own["source"],
            year_bucket=own["year_bucket"],
            first_order_at=datetime.fromisoformat(first) if first else None,
            probabilities=visit.probabilities,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise VisitUnreadable(
            f"not a visit of a cohort ({error!r}): give a file that the cohort stage wrote"
        ) from error


def own_part(line: str) -> dict[str, Any]:
    """What a line says of the visit itself, read without its record.

    Raises:
        VisitUnreadable: the line has no such part at its end.
    """
    start = line.rfind(_OWN)  # cannot stand inside a text: there its quotes would be escaped
    try:
        part: dict[str, Any] = json.loads(line[start + len(_OWN) :].rstrip()[:-1])
    except json.JSONDecodeError as error:
        raise VisitUnreadable(
            f"not a visit of a cohort ({error}): give a file that the cohort stage wrote"
        ) from error
    return part


def read_cohort(path: Path) -> Iterator[CohortVisit]:
    """Every visit of a JSON lines file, in its order."""
    with path.open(encoding="utf-8") as lines:
        yield from (from_json(line) for line in lines)


def save_cohort(path: Path, cohort: Iterable[CohortVisit]) -> int:
    """Write the visits as JSON lines and return how many there were."""
    count = 0
    with path.open("w", encoding="utf-8") as out:
        for visit in cohort:
            out.write(to_json(visit) + "\n")
            count += 1
    return count


def _number(name: str) -> int:
    """48 bits of a name: small enough for every reader of JSON."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:6], "big")
