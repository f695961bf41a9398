"""Which conditions and procedures indicate which medication. A draft, not reviewed."""

import csv
import hashlib
import io
from dataclasses import dataclass, field
from importlib.resources import files

FILE = "indications.csv"


@dataclass(frozen=True, slots=True, kw_only=True)
class Indication:
    """One condition or procedure that a medication is commonly given for."""

    medication: str
    given: str  # the label of a condition or procedure
    setting: str  # any, inpatient, outpatient or icu
    basis: str  # label, guideline or common use


@dataclass(frozen=True)
class Indications:
    """The shipped table, by medication label."""

    version: str  # the first 12 hex digits of the file's SHA-256
    rows: tuple[Indication, ...]
    _by_label: dict[str, tuple[str, ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        found: dict[str, dict[str, None]] = {}
        for row in self.rows:
            found.setdefault(row.medication, {})[row.given] = None
        object.__setattr__(self, "_by_label", {label: tuple(by) for label, by in found.items()})

    @classmethod
    def load(cls) -> "Indications":
        """Read the table that ships with the package."""
        raw = (files("fhir_mappings") / "data" / FILE).read_bytes()
        reader = csv.DictReader(io.StringIO(raw.decode()))
        rows = tuple(
            Indication(
                medication=row["medication"],
                given=row["given"],
                setting=row["setting"],
                basis=row["basis"],
            )
            for row in reader
        )
        return cls(hashlib.sha256(raw).hexdigest()[:12], rows)

    def for_label(self, medication_label: str) -> tuple[str, ...]:
        """Labels of the conditions and procedures that indicate it; empty when none is listed."""
        return self._by_label.get(medication_label, ())
