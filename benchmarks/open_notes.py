"""The rule reader on open notes that nobody wrote for it.

    LAMO_TEST_DATA=FOLDER python -m benchmarks.open_notes

Synthea's notes have the same patient's FHIR resources as their truth. MTS-Dialog's sections have
only their headings: they are put together, many to a note, to see whether each is found again.
"""

import base64
import csv
import gzip
import io
import json
import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from fhir_mappings.formulary import Formulary
from lamo.notes.headings import find_sections
from lamo.notes.rules import RuleReader

MTS_KINDS = {
    "GENHX": "history_of_present_illness",
    "PASTMEDICALHX": "past_medical_history",
    "PASTSURGICAL": "past_medical_history",
    "ALLERGY": "allergies",
    "MEDICATIONS": "medications_on_admission",
    "FAM/SOCHX": "other",
    "EXAM": "other",
    "PLAN": "other",
    "ASSESSMENT": "other",
    "ROS": "other",
}
MTS_HEADINGS = {
    "GENHX": "HISTORY OF PRESENT ILLNESS",
    "PASTMEDICALHX": "PAST MEDICAL HISTORY",
    "PASTSURGICAL": "PAST SURGICAL HISTORY",
    "ALLERGY": "ALLERGIES",
    "MEDICATIONS": "MEDICATIONS",
    "FAM/SOCHX": "FAMILY AND SOCIAL HISTORY",
    "EXAM": "PHYSICAL EXAMINATION",
    "PLAN": "PLAN",
    "ASSESSMENT": "ASSESSMENT",
    "ROS": "REVIEW OF SYSTEMS",
}
OTHERS = ("other", "family", "social")


@dataclass(slots=True)
class Counts:
    """What was found of what there is."""

    right: Counter[str] = field(default_factory=Counter)
    wanted: Counter[str] = field(default_factory=Counter)
    extra: Counter[str] = field(default_factory=Counter)

    def share(self, name: str) -> float:
        """Right of wanted."""
        return self.right[name] / max(1, self.wanted[name])

    def precision(self, name: str) -> float:
        """Right of found."""
        return self.right[name] / max(1, self.right[name] + self.extra[name])


def rows(path: Path) -> Iterator[dict[str, Any]]:
    """The resources of a gzipped NDJSON file."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        yield from (json.loads(line) for line in lines)


def synthea(folder: Path, formulary: Formulary) -> tuple[int, Counts]:
    """Notes of the bulk export: medications against the list in the note and in FHIR."""
    ordered: dict[str, set[str]] = defaultdict(set)
    for request in rows(folder / "MedicationRequest.000.ndjson.gz"):
        concept = request.get("medicationCodeableConcept", {})
        codings = [(c.get("system"), c.get("code"), c.get("display")) for c in concept["coding"]]
        parts = formulary.resolve(codings, concept.get("text")).ingredients
        ordered[request["subject"]["reference"]] |= {part.rxcui for part in parts}
    allergic: dict[str, bool] = defaultdict(bool)
    for allergy in rows(folder / "AllergyIntolerance.000.ndjson.gz"):
        allergic[allergy["patient"]["reference"]] = True
    reader, counts, number = RuleReader(formulary), Counts(), 0
    for document in rows(folder / "DocumentReference.000.ndjson.gz"):
        number += 1
        text = base64.b64decode(document["content"][0]["attachment"]["data"]).decode()
        _count_synthea(text, document["subject"]["reference"], ordered, allergic, reader, counts)
    return number, counts


def _count_synthea(
    text: str,
    patient: str,
    ordered: dict[str, set[str]],
    allergic: dict[str, bool],
    reader: RuleReader,
    counts: Counts,
) -> None:
    read = reader.read(text)
    kinds = [section.kind for section in find_sections(text)]
    for kind in ("history_of_present_illness", "allergies", "medications_on_admission"):
        counts.wanted[f"section {kind}"] += 1
        counts.right[f"section {kind}"] += kind in kinds
    body = text.split("# Medications\n", 1)[1].split("\n#", 1)[0]
    told = _ingredients(body.split("; "), reader.formulary)
    found = _ingredients((one.name for one in read.medications_on_admission), reader.formulary)
    _add(counts, "medications as the note lists them", found, told)
    counts.right["of those read, among the patient's orders"] += len(found & ordered[patient])
    counts.wanted["of those read, among the patient's orders"] += len(found)
    says_none = "No Known Allergies" in text
    counts.wanted["allergies: none or some, as the note says"] += 1
    is_right = bool(read.allergies) is not says_none
    counts.right["allergies: none or some, as the note says"] += is_right
    counts.wanted["allergies: none or some, as FHIR says"] += 1
    counts.right["allergies: none or some, as FHIR says"] += (
        bool(read.allergies) is allergic[patient]
    )


def _ingredients(names: Iterable[str], formulary: Formulary) -> set[str]:
    return {part.rxcui for name in names for part in formulary.find_in_text(name)}


def _add(counts: Counts, name: str, found: set[str], wanted: set[str]) -> None:
    counts.right[name] += len(found & wanted)
    counts.wanted[name] += len(wanted)
    counts.extra[name] += len(found - wanted)


def mts_dialog(folder: Path) -> tuple[int, Counts]:
    """Sections of dictated notes, put together ten to a note and found again."""
    sections = [
        (row["section_header"].strip(), " ".join(row["section_text"].split()))
        for path in sorted(folder.glob("*.csv.gz"))
        for row in csv.DictReader(io.StringIO(gzip.decompress(path.read_bytes()).decode()))
    ]
    wanted = [(head, text) for head, text in sections if head in MTS_KINDS and text]
    counts = Counts()
    for at in range(0, len(wanted), 10):
        _count_mts(wanted[at : at + 10], counts)
    return len(wanted), counts


def _count_mts(parts: list[tuple[str, str]], counts: Counts) -> None:
    note = ""
    truth: list[tuple[str, int, int]] = []
    for head, text in parts:
        note += f"{MTS_HEADINGS[head]}:  "
        truth.append((MTS_KINDS[head], len(note), len(note) + len(text)))
        note += f"{text}\n\n"
    found = {("other" if s.kind in OTHERS else s.kind, s.start, s.end) for s in find_sections(note)}
    for kind, start, end in truth:
        counts.wanted[kind] += 1
        counts.right[kind] += (kind, start, end) in found


@click.command()
def main() -> None:
    """Print both tables."""
    folder = os.environ.get("LAMO_TEST_DATA")
    if not folder:
        raise SystemExit("set LAMO_TEST_DATA to the folder of the shared test data")
    data = Path(folder) / "data"
    number, counts = synthea(data / "fhir" / "synthea_bulk_10patients", Formulary.load())
    click.echo(f"{number} notes of Synthea's bulk export\n")
    for name in counts.wanted:
        precision = f"  precision {counts.precision(name):.3f}" if "medications as" in name else ""
        click.echo(f"{name:<48}{counts.share(name):>8.3f}  of {counts.wanted[name]}{precision}")
    number, counts = mts_dialog(data / "notes" / "mts_dialog")
    click.echo(f"\n{number} sections of MTS-Dialog: found again with both ends\n")
    for name in counts.wanted:
        click.echo(f"{name:<48}{counts.share(name):>8.3f}  of {counts.wanted[name]}")


if __name__ == "__main__":
    main()
