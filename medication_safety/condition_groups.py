"""Condition groups: which recorded diagnoses mean heart failure, dementia, hospice care, ...

A diagnosis belongs to a group by its code (ICD-9 and ICD-10 by prefix, SNOMED CT exactly), by our
concise label, or by another exact name. One may belong to several. The tables that name groups
are read here too, so that a name which no group has is refused in one place.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Annotated, TypeVar

from pydantic import Field, StringConstraints

from fhir_mappings.concepts import ICD9, ICD10, SNOMED, normalise_name
from fhir_mappings.record import Diagnosis, PatientRecord
from medication_safety.reading import parsed, shipped, version_of
from medication_safety.tables import Members, Name, Row

FILE = "condition_groups.json"
Prefix = Annotated[str, StringConstraints(pattern=r"^[0-9A-Z]{1,7}$")]
Sctid = Annotated[str, StringConstraints(pattern=r"^[0-9]{6,18}$")]
Table = TypeVar("Table", bound=Row)

_COLUMN_OF_SYSTEM = {
    SNOMED: "snomed",
    "urn:oid:2.16.840.1.113883.6.96": "snomed",
    ICD10: "icd10",
    "http://hl7.org/fhir/sid/icd-10": "icd10",
    "urn:oid:2.16.840.1.113883.6.90": "icd10",
    "urn:oid:2.16.840.1.113883.6.3": "icd10",
    ICD9: "icd9",
    "http://hl7.org/fhir/sid/icd-9-cm/diagnosis": "icd9",
    "urn:oid:2.16.840.1.113883.6.103": "icd9",
}


class ConditionGroup(Row):
    """The codes and wordings of one group."""

    words: Name  # the group in plain words
    icd10: tuple[Prefix, ...]  # prefixes without dot
    icd9: tuple[Prefix, ...]  # prefixes without dot
    snomed: tuple[Sctid, ...]
    labels: tuple[Name, ...]  # of fhir_mappings/data/conditions*.csv
    names: tuple[Name, ...]  # other exact names of diagnoses without a code of ours


class GroupFile(Row):
    """`condition_groups.json`."""

    status: Name
    groups: Annotated[dict[Name, ConditionGroup], Field(min_length=1)]


class RuleFile(Row):
    """What every table of rules has: its status, and the ingredients that its rules name."""

    status: Name
    drugs: Annotated[dict[Name, Members], Field(min_length=1)]

    def codes(self) -> dict[str, frozenset[str]]:
        """The RxNorm codes of each group of ingredients."""
        return {name: frozenset(m.rxcui for m in members) for name, members in self.drugs.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """The condition groups of one record, each with the diagnosis that was recorded first."""

    active: Mapping[str, Diagnosis]
    ever: Mapping[str, Diagnosis]  # the past ones too: what excuses a medication may be past


@dataclass(frozen=True)
class ConditionGroups:
    """All groups, found by code and by name."""

    version: str  # the first 12 hex digits of the file's SHA-256
    words: Mapping[str, str]  # group to plain words
    _by_code: Mapping[str, Mapping[str, tuple[str, ...]]] = field(repr=False)  # of each system
    _by_name: Mapping[str, tuple[str, ...]] = field(repr=False)

    @classmethod
    def load(cls) -> "ConditionGroups":
        """Read the table that ships with the package.

        Raises:
            KnowledgeError: it is missing, cut short, or of another shape.
        """
        return cls.from_bytes(shipped(FILE))

    @classmethod
    def from_bytes(cls, raw: bytes) -> "ConditionGroups":
        """Read a table of the same shape; see `load`."""
        groups = parsed(GroupFile, FILE, raw).groups
        columns = ("icd10", "icd9", "snomed")
        return cls(
            version=version_of(raw),
            words={name: group.words for name, group in groups.items()},
            _by_code={
                column: _index((name, getattr(group, column)) for name, group in groups.items())
                for column in columns
            },
            _by_name=_index((name, _names_of(group)) for name, group in groups.items()),
        )

    def recorded(self, record: PatientRecord) -> "Recorded":
        """The groups of a record: make it once for all medications of a call."""
        return Recorded(active=self.groups_of(record), ever=self.ever_groups_of(record))

    def groups_of(self, record: PatientRecord) -> Mapping[str, Diagnosis]:
        """The groups of the active diagnoses, each with the diagnosis that was recorded first."""
        return self._found(record.diagnoses)

    def ever_groups_of(self, record: PatientRecord) -> Mapping[str, Diagnosis]:
        """The same of the active and the past ones: what excuses a medication may be past."""
        return self._found((*record.diagnoses, *record.past_diagnoses))

    def _found(self, diagnoses: Iterable[Diagnosis]) -> dict[str, Diagnosis]:
        found: dict[str, Diagnosis] = {}
        for diagnosis in diagnoses:
            for group in self._groups(diagnosis):
                earlier = found.setdefault(group, diagnosis)
                if (diagnosis.dated or date.min) < (earlier.dated or date.min):
                    found[group] = diagnosis
        return found

    def _groups(self, diagnosis: Diagnosis) -> Iterator[str]:
        yield from self._by_name.get(normalise_name(diagnosis.label), ())
        for system, code in diagnosis.codings:
            column = _COLUMN_OF_SYSTEM.get(system.strip().rstrip("/").lower(), "")
            known = self._by_code.get(column, {})
            cleaned = code.strip().replace(".", "").upper()
            shortest = len(cleaned) if column == "snomed" else 1
            for length in range(shortest, len(cleaned) + 1):
                yield from known.get(cleaned[:length], ())


def _names_of(group: ConditionGroup) -> tuple[str, ...]:
    return tuple(normalise_name(name) for name in (*group.labels, *group.names))


def _index(groups: Iterable[tuple[str, tuple[str, ...]]]) -> dict[str, tuple[str, ...]]:
    index: dict[str, tuple[str, ...]] = {}
    for name, keys in groups:
        for key in keys:
            index[key] = (*index.get(key, ()), name)
    return index
