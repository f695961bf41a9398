"""Read a MIMIC-IV of the real one's size in bounded memory.

    python -m benchmarks.cohort_memory --demo FOLDER --rows 20000000

The tables of the MIMIC-III demo (FOLDER, or data/mimic3demo of LAMO_TEST_DATA) are written out in
MIMIC-IV's schema, with new ids and NDCs, until there are so many rows of prescriptions; the other
tables grow with them as in the real one. Reading runs in a process of its own, whose peak resident
memory is printed beside the limit. The full size needs about 10 GB of disk (30 with notes).
"""

import csv
import gzip
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any

import click

from lamo.exports.tally import Tally
from lamo.training.cohort.config import CohortConfig
from lamo.training.cohort.rules import CohortRules
from lamo.training.cohort.sources import cohort_visits
from lamo.training.cohort.visit import save_cohort

LIMIT_MB = 8192.0
FULL_ROWS = 20_292_611  # prescriptions of MIMIC-IV 3.1
ROWS_A_VISIT = 37  # prescriptions of an admission there
NDC_VARIANTS = 20  # of each drug, so that there are as many kinds of rows as in the real table
YEARS = ("2008 - 2010", "2011 - 2013", "2014 - 2016", "2017 - 2019")
LOREM = "History of Present Illness:\n" + "A sentence about the patient and the illness. " * 200

_PATIENTS = ("subject_id", "gender", "anchor_age", "anchor_year", "anchor_year_group")
_ADMISSIONS = ("subject_id", "hadm_id", "admittime", "dischtime")
_ORDERS = ("subject_id", "hadm_id", "starttime", "stoptime", "drug_type", "drug", "ndc")
_CODES = ("subject_id", "hadm_id", "seq_num", "icd_code", "icd_version")
_TITLES = ("icd_code", "icd_version", "long_title")
_NOTES = ("hadm_id", "charttime", "note_type", "text")


@dataclass(frozen=True)
class Demo:
    """The demo's rows, by admission."""

    admissions: list[dict[str, str]]
    rows: dict[str, dict[str, list[dict[str, str]]]] = field(default_factory=dict)

    @classmethod
    def load(cls, folder: Path) -> "Demo":
        """Read the tables of the MIMIC-III demo."""
        demo = cls(_demo_rows(folder, "ADMISSIONS"))
        for table in ("PRESCRIPTIONS", "DIAGNOSES_ICD", "PROCEDURES_ICD"):
            grouped: dict[str, list[dict[str, str]]] = defaultdict(list)
            for row in _demo_rows(folder, table):
                grouped[row["hadm_id"]].append(row)
            demo.rows[table] = grouped
        return demo


@click.command()
@click.option("--demo", "folder", type=click.Path(exists=True, path_type=Path))
@click.option("--rows", default=1_000_000, show_default=True, help="Rows of prescriptions.")
@click.option("--notes/--no-notes", default=False, help="A discharge summary for each admission.")
@click.option("--scratch", type=click.Path(exists=True, path_type=Path), help="For all files.")
@click.option("--read", "only_read", type=click.Path(exists=True, path_type=Path), hidden=True)
def main(
    folder: Path | None, rows: int, notes: bool, scratch: Path | None, only_read: Path | None
) -> None:
    """Write the tables, read them in a process of its own, and print the table."""
    if only_read is not None:
        _read(only_read)
        return
    folder = folder or Path(os.environ["LAMO_TEST_DATA"]) / "data" / "mimic3demo"
    with tempfile.TemporaryDirectory(dir=scratch) as place:
        tables = Path(place)
        sizes = _inflate(Demo.load(folder), rows, notes, tables)
        for name, size in sizes.items():
            click.echo(f"{size:>14,}  {name}")
        command = [sys.executable, "-m", "benchmarks.cohort_memory", "--read", str(tables)]
        subprocess.run(command, check=True)


def _inflate(demo: Demo, rows: int, notes: bool, out: Path) -> dict[str, int]:
    """Write the tables of MIMIC-IV and return how many rows each has."""
    copies = -(-rows // (ROWS_A_VISIT * len(demo.admissions)))
    admissions = _admissions(demo, copies)
    admitted = ((*ids, row["admittime"], row["dischtime"]) for ids, row in admissions)
    sizes = {
        "patients": _write(out, "patients", _PATIENTS, _people(demo, copies)),
        "admissions": _write(out, "admissions", _ADMISSIONS, admitted),
        "prescriptions": _write(out, "prescriptions", _ORDERS, _orders(demo, copies, rows)),
    }
    for table in ("DIAGNOSES_ICD", "PROCEDURES_ICD"):
        sizes[table.lower()] = _write(out, table.lower(), _CODES, _codes(demo, copies, table))
        known = {row["icd9_code"] for _, _, row in _rows(demo, 1, table)}
        titles = ((code, 9, f"The disorder {code}") for code in sorted(known))
        _write(out, f"d_icd_{table.partition('_')[0].lower()}", _TITLES, titles)
    if notes:
        admissions = _admissions(demo, copies)
        texts = ((ids[1], row["dischtime"], "DS", LOREM) for ids, row in admissions)
        sizes["discharge"] = _write(out, "discharge", _NOTES, texts)
    return sizes


def _people(demo: Demo, copies: int) -> Iterator[tuple[object, ...]]:
    patients = sorted({row["subject_id"] for row in demo.admissions})
    for copy in range(1, copies + 1):
        for patient in patients:
            age = 40 + copy % 50
            yield f"{copy:05}{patient}", "FM"[copy % 2], age, 2150, YEARS[copy % len(YEARS)]


def _read(tables: Path) -> None:
    """Read the tables and print seconds, rows a second and the peak of memory."""
    tally = Tally()
    start = time.perf_counter()
    config = CohortConfig(
        source="mimic4",
        folders=(tables,),
        out=tables / "out",
        rules=replace(CohortRules(), notes="optional"),
        scratch=tables,
    )
    visits = save_cohort(tables / "visits.jsonl", cohort_visits(config, tally, {}))
    seconds, worked = time.perf_counter() - start, time.process_time()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    rows = tally.counted["prescriptions.csv: rows"]
    click.echo(f"{visits:>14,}  visits written")
    click.echo(f"{seconds:>14,.0f}  seconds, {rows / seconds:,.0f} rows of prescriptions a second")
    click.echo(f"{worked:>14,.0f}  seconds of them of processor time")
    click.echo(f"{peak:>14,.0f}  MB at the peak; the limit is {LIMIT_MB:,.0f}")
    click.echo(f"{worked * FULL_ROWS / rows:>14,.0f}  seconds of work for all of it, if linear")
    if peak > LIMIT_MB:
        raise SystemExit("over the limit")


def _admissions(demo: Demo, copies: int) -> Iterator[tuple[tuple[str, str], dict[str, str]]]:
    for copy in range(1, copies + 1):
        for row in demo.admissions:
            yield (f"{copy:05}{row['subject_id']}", f"{copy:05}{row['hadm_id']}"), row


def _rows(
    demo: Demo, copies: int, table: str
) -> Iterator[tuple[int, tuple[str, str], dict[str, str]]]:
    for number, (ids, admission) in enumerate(_admissions(demo, copies)):
        for row in demo.rows[table].get(admission["hadm_id"], ()):
            yield number // len(demo.admissions), ids, row


def _orders(demo: Demo, copies: int, most: int) -> Iterator[tuple[object, ...]]:
    """Every second row, so that an admission has about as many as in MIMIC-IV."""
    made = count()
    for number, (copy, ids, row) in enumerate(_rows(demo, copies, "PRESCRIPTIONS")):
        if number % 2 == 0:
            if next(made) >= most:
                return
            ndc = f"{copy % NDC_VARIANTS:02}{row['ndc'][2:]}" if row["ndc"] != "0" else "0"
            times = (row["startdate"], row["enddate"])
            yield (*ids, *times, row["drug_type"], row["drug"], ndc)


def _codes(demo: Demo, copies: int, table: str) -> Iterator[tuple[object, ...]]:
    for _, ids, row in _rows(demo, copies, table):
        yield *ids, row["seq_num"], row["icd9_code"], 9


def _write(folder: Path, table: str, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
    written = 0
    with (folder / f"{table}.csv").open("w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out)
        writer.writerow(header)
        for row in rows:
            writer.writerow(row)
            written += 1
    return written


def _demo_rows(folder: Path, table: str) -> list[dict[str, str]]:
    with gzip.open(folder / f"{table}.csv.gz", "rt", newline="") as lines:
        return list(csv.DictReader(lines))


if __name__ == "__main__":
    main()
