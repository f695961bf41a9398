"""Diagnosis and procedure codes to the concise titles that the prompt prints."""

import csv
import hashlib
import io
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Literal, TypeVar

TableName = Literal["conditions", "procedures"]
Key = TypeVar("Key", str, tuple[str, str])
Coding = tuple[str | None, str | None]  # (system, code), either may be missing

SNOMED = "http://snomed.info/sct"
ICD10 = "http://hl7.org/fhir/sid/icd-10-cm"
ICD9 = "http://hl7.org/fhir/sid/icd-9-cm"

# the system's address, lower case, to the column of the table that holds its codes
_COLUMN_OF_SYSTEM = {
    "http://snomed.info/sct": "snomed",
    "urn:oid:2.16.840.1.113883.6.96": "snomed",
    "http://hl7.org/fhir/sid/icd-10-cm": "icd10",
    "http://hl7.org/fhir/sid/icd-10": "icd10",
    "http://fhir.de/codesystem/bfarm/icd-10-gm": "icd10",
    "http://fhir.de/codesystem/dimdi/icd-10-gm": "icd10",
    "urn:oid:2.16.840.1.113883.6.90": "icd10",
    "urn:oid:2.16.840.1.113883.6.3": "icd10",
    "http://hl7.org/fhir/sid/icd-9-cm": "icd9",
    "http://hl7.org/fhir/sid/icd-9-cm/diagnosis": "icd9",
    "http://hl7.org/fhir/sid/icd-9-cm/procedure": "icd9",
    "urn:oid:2.16.840.1.113883.6.103": "icd9",
    "urn:oid:2.16.840.1.113883.6.104": "icd9",
    "http://hl7.org/fhir/sid/icd-10-pcs": "icd10",
    "http://www.cms.gov/medicare/coding/icd10": "icd10",
    "urn:oid:2.16.840.1.113883.6.4": "icd10",
    "http://www.ama-assn.org/go/cpt": "cpt",
    "urn:oid:2.16.840.1.113883.6.12": "cpt",
}
_BY_PREFIX = frozenset({"icd10", "icd9"})
_SHAPES: dict[TableName, tuple[tuple[str, re.Pattern[str]], ...]] = {
    "conditions": (
        ("snomed", re.compile(r"\d{6,18}")),
        ("icd9", re.compile(r"\d{3}(\.?\d{1,2})?|V\d{2}(\.?\d{1,2})?|E[89]\d{2}(\.?\d)?")),
        ("icd10", re.compile(r"[A-Z]\d[0-9A-Z](\.?[0-9A-Z]{1,4})?")),
    ),
    "procedures": (
        ("icd10", re.compile(r"(?=.*[A-Z])[0-9A-Z]{7}")),
        ("snomed", re.compile(r"\d{6,18}")),
        ("cpt", re.compile(r"\d{5}")),
        ("icd9", re.compile(r"\d{2}(\.?\d{1,2})?")),
    ),
}


class ConceptTableBroken(Exception):  # noqa: N818 - says which row of the shipped table is wrong
    """The shipped table contradicts itself: two rows claim one code, label or name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Concept:
    """One diagnosis or procedure, with the codes that mean it."""

    label: str  # the concise title of the prompt
    icd10: tuple[str, ...] = ()  # prefixes without dot; ICD-10-PCS in the procedures
    icd9: tuple[str, ...] = ()  # prefixes without dot
    snomed: tuple[str, ...] = ()
    cpt: tuple[str, ...] = ()  # procedures only
    names: tuple[str, ...] = ()  # other wordings and abbreviations


def normalise_name(text: str) -> str:
    """Lower case, single spaces, without a SNOMED tag such as '(disorder)' at the end."""
    untagged = re.sub(r"\s*\((disorder|finding|procedure|situation|regime/therapy)\)\s*$", "", text)
    return " ".join(untagged.lower().replace(",", " ").split())


def _normalise_code(code: str) -> str:
    return code.strip().replace(".", "").upper()


@dataclass(frozen=True)
class ConceptTable:
    """The concepts of one shipped table, found by code or by name."""

    name: TableName
    version: str  # the first 12 hex digits of the file's SHA-256
    concepts: tuple[Concept, ...]
    _by_code: dict[tuple[str, str], Concept] = field(init=False, repr=False, compare=False)
    _by_name: dict[str, Concept] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_by_code", _index(self.name, self.concepts, _codes_of))
        object.__setattr__(self, "_by_name", _index(self.name, self.concepts, _names_of))

    @classmethod
    def load(cls, name: TableName) -> "ConceptTable":
        """Read the table that ships with the package.

        Raises:
            ConceptTableBroken: a code, label or name stands in two rows.
        """
        raw = (files("fhir_mappings") / "data" / f"{name}.csv").read_bytes()
        return cls.parse(name, raw)

    @classmethod
    def parse(cls, name: TableName, raw: bytes) -> "ConceptTable":
        """Read a table of the same shape from UTF-8 CSV bytes."""
        rows = csv.DictReader(io.StringIO(raw.decode()))
        concepts = tuple(_to_concept(row) for row in rows)
        return cls(name, hashlib.sha256(raw).hexdigest()[:12], concepts)

    def find(self, codings: Sequence[Coding], text: str | None) -> Concept | None:
        """The concept of the first coding that is known, or else of the text.

        ICD codes match the longest prefix in the table, SNOMED CT and CPT codes exactly, text an
        exact label or name without regard to case. A coding without a system is read by the shape
        of its code.
        """
        for system, code in codings:
            found = self._by_coding(system, code) if code else None
            if found:
                return found
        return self._by_name.get(normalise_name(text)) if text else None

    def by_label(self, label: str) -> Concept | None:
        """The concept with exactly this label or other name, without regard to case."""
        return self._by_name.get(normalise_name(label))

    def _by_coding(self, system: str | None, code: str) -> Concept | None:
        column = self._column(system, code)
        wanted = _normalise_code(code)
        if column is None:
            return None
        shortest = 2 if column in _BY_PREFIX else len(wanted)
        lengths = range(len(wanted), shortest - 1, -1)
        hits = (self._by_code.get((column, wanted[:length])) for length in lengths)
        return next((hit for hit in hits if hit), None)

    def _column(self, system: str | None, code: str) -> str | None:
        if system:
            return _COLUMN_OF_SYSTEM.get(system.strip().rstrip("/").lower())
        shapes = _SHAPES[self.name]
        cleaned = code.strip().upper()
        return next((column for column, shape in shapes if shape.fullmatch(cleaned)), None)


def _to_concept(row: dict[str, str]) -> Concept:
    def cell(column: str) -> tuple[str, ...]:
        return tuple(part.strip() for part in (row.get(column) or "").split(";") if part.strip())

    icd10 = cell("icd10") + cell("icd10pcs")
    return Concept(
        label=row["label"],
        icd10=icd10,
        icd9=cell("icd9"),
        snomed=cell("snomed"),
        cpt=cell("cpt"),
        names=cell("names"),
    )


def _codes_of(concept: Concept) -> Iterator[tuple[str, str]]:
    for column in ("icd10", "icd9", "snomed", "cpt"):
        for code in getattr(concept, column):
            yield column, _normalise_code(code)


def _names_of(concept: Concept) -> Iterator[str]:
    yield from (normalise_name(name) for name in (concept.label, *concept.names))


def _index(
    table: str, concepts: Iterable[Concept], keys_of: Callable[[Concept], Iterator[Key]]
) -> dict[Key, Concept]:
    index: dict[Key, Concept] = {}
    for concept in concepts:
        for key in keys_of(concept):
            if key in index:
                raise ConceptTableBroken(
                    f"{table}.csv: {key!r} stands for both '{index[key].label}' and "
                    f"'{concept.label}'; leave it in one row"
                )
            index[key] = concept
    return index
