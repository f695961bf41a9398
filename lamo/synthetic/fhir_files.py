"""Synthetic visits as files of FHIR: one Bundle a line, or a bulk export by resource type."""

import json
from collections import Counter
from collections.abc import Iterable
from contextlib import ExitStack
from itertools import groupby
from pathlib import Path
from typing import TextIO

from lamo.synthetic.fhir import AnyVisit, finished_chart, visit_bundle
from lamo.synthetic.fhir_parts import Resource
from lamo.visits import Visit


def write_bundles(path: Path, visits: Iterable[AnyVisit]) -> int:
    """Write each visit's chart as one line of NDJSON and return how many there were."""
    count = 0
    with path.open("w", encoding="utf-8") as out:
        for visit in visits:
            out.write(_line(visit_bundle(visit)))
            count += 1
    return count


def export_by_type(folder: Path, visits: Iterable[AnyVisit]) -> dict[str, int]:
    """Write one `<type>.ndjson` per resource type, as a Bulk Data export does.

    Args:
        folder: made when it is not there.
        visits: the visits of a patient must stand together, oldest first.

    Returns:
        How many resources of each type were written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    counts: Counter[str] = Counter()
    with ExitStack() as stack:
        files: dict[str, TextIO] = {}
        for _, group in groupby(visits, key=_patient_of):
            for resource in finished_chart(list(group)):
                kind = resource["resourceType"]
                if kind not in files:
                    path = folder / f"{kind}.ndjson"
                    files[kind] = stack.enter_context(path.open("w", encoding="utf-8"))
                files[kind].write(_line(resource))
                counts[kind] += 1
    return dict(sorted(counts.items()))


def _line(resource: Resource) -> str:
    return json.dumps(resource, separators=(",", ":"), ensure_ascii=False) + "\n"


def _patient_of(visit: AnyVisit) -> int:
    return visit.patient if isinstance(visit, Visit) else visit.visit.patient
