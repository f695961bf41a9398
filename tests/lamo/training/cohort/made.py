"""Small tables of the published schemas, made by hand, and the reading of them."""

import csv
import gzip
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from fhir_mappings.mapping import MappingTables
from lamo.exports.tally import Tally
from lamo.training.cohort.config import CohortConfig
from lamo.training.cohort.rules import EVERY_VISIT, CohortRules
from lamo.training.cohort.sources import cohort_visits
from lamo.training.cohort.visit import CohortVisit, Source

Rows = Sequence[Mapping[str, object]]


@dataclass
class Read:
    """What reading gave."""

    visits: list[CohortVisit] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)
    inputs: dict[str, str] = field(default_factory=dict)

    @property
    def by_id(self) -> dict[str, CohortVisit]:
        return {visit.visit_id: visit for visit in self.visits}


@cache
def mapping() -> MappingTables:
    return MappingTables.load()


def write_table(
    folder: Path, name: str, rows: Rows, *, gz: bool = False, upper: bool = False
) -> Path:
    """One CSV table; the upper case is of file and columns, as MIMIC-III's first releases."""
    folder.mkdir(parents=True, exist_ok=True)
    text = io.StringIO()
    columns = list(rows[0])
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([column.upper() if upper else column for column in columns])
    writer.writerows([row.get(column, "") for column in columns] for row in rows)
    path = folder / f"{name.upper() if upper else name}.csv{'.gz' if gz else ''}"
    raw = text.getvalue().encode()
    path.write_bytes(gzip.compress(raw) if gz else raw)
    return path


def read(source: Source, *folders: Path, rules: CohortRules = EVERY_VISIT, **more: Path) -> Read:
    """Every visit of a source, what was counted, and the hashes."""
    result = Read()
    config = CohortConfig(
        source=source, folders=folders, out=folders[0], rules=rules, codes=more.get("codes")
    )
    result.visits = list(cohort_visits(config, result.tally, result.inputs))
    return result
