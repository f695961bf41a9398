"""Medications whose abrupt stopping may do harm, with a sentence that says so.

For the cards that suggest to remove or review an order. How it is reduced is not said here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from fhir_mappings.record import Medication
from medication_safety.condition_groups import RuleFile
from medication_safety.older_adults import acts_systemically
from medication_safety.reading import parsed, refuse_unknown, shipped, version_of
from medication_safety.tables import Name, Row

FILE = "taper.json"


class Caution(Row):
    """What abrupt stopping may do, for some groups of ingredients."""

    id: Name
    drugs: Annotated[tuple[Name, ...], Field(min_length=1)]
    degree: Literal["harm", "mild"]
    sentence: Name


class TaperFile(RuleFile):
    """`taper.json`: the more harmful first."""

    cautions: Annotated[tuple[Caution, ...], Field(min_length=1)]


@dataclass(frozen=True, kw_only=True)
class TaperTable:
    """The cautions of one version, by RxNorm code."""

    cautions: tuple[Caution, ...]  # the more harmful first
    drugs: Mapping[str, frozenset[str]]  # group to RxNorm codes
    version: str

    @classmethod
    def load(cls) -> "TaperTable":
        """Read the table that ships with the package.

        Raises:
            KnowledgeError: it is missing, cut short, or names a group that is not there.
        """
        return cls.from_bytes(shipped(FILE))

    @classmethod
    def from_bytes(cls, raw: bytes) -> "TaperTable":
        """Check the bytes of the table; see `load`."""
        file = parsed(TaperFile, FILE, raw)
        drugs = file.codes()
        refuse_unknown(FILE, {name for one in file.cautions for name in one.drugs}, drugs)
        return cls(cautions=file.cautions, drugs=drugs, version=version_of(raw))

    def caution_of(self, medication: Medication) -> Caution | None:
        """The first caution of the table for what acts systemically; None where there is none."""
        if not acts_systemically(medication):
            return None
        found = {one.rxcui for one in medication.ingredients}
        rows = (row for row in self.cautions if any(found & self.drugs[n] for n in row.drugs))
        return next(rows, None)
