"""What one call gives to the mapping: its resources, the tables, and what is read as one goes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import chain
from typing import Any

from fhir_mappings.allergy_codes import AllergyCodes
from fhir_mappings.concepts import ConceptTable
from fhir_mappings.formulary import Formulary
from fhir_mappings.gaps import Gaps
from fhir_mappings.pool import Pool
from fhir_mappings.versions import Version, versions_of


@dataclass(frozen=True, slots=True, kw_only=True)
class MappingTables:
    """The tables that codes and names are looked up in."""

    formulary: Formulary
    conditions: ConceptTable
    procedures: ConceptTable
    allergy_codes: AllergyCodes

    @classmethod
    def load(cls) -> "MappingTables":
        """Load the tables that ship with the package."""
        formulary = Formulary.load()
        return cls(
            formulary=formulary,
            allergy_codes=AllergyCodes.load(formulary),
            conditions=ConceptTable.load("conditions"),
            procedures=ConceptTable.load("procedures"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """The bytes behind an attachment's URL, or why there are none."""

    data: bytes = field(default=b"", repr=False)
    content_type: str = ""  # with its parameters
    failure: str | None = None  # completes "a document was not read: ..."


@dataclass(frozen=True, slots=True, kw_only=True)
class HookResources:
    """The FHIR resources of one hook call, as received, Bundles already unpacked."""

    patient_id: str  # context.patientId
    encounter_id: str | None  # context.encounterId
    decided_at: datetime  # aware
    prefetched: Mapping[str, Sequence[Mapping[str, Any]]]  # by prefetch key
    draft_orders: Sequence[Mapping[str, Any]]  # of context.draftOrders, whatever their type
    selections: tuple[str, ...] = ()  # context.selections; the mapping maps every draft
    orders_are_final: bool = False  # at signing, a draft without a drug is not work in progress
    attachments: Mapping[str, Attachment] = field(default_factory=dict)  # by URL, as sent

    def __post_init__(self) -> None:
        if self.decided_at.tzinfo is None:
            raise ValueError(
                f"decided_at {self.decided_at.isoformat()} has no time zone; "
                "take it from datetime.now(UTC)"
            )

    @property
    def fhir_versions(self) -> tuple[Version, ...]:
        """Every FHIR version that these resources show; R4 where none shows another."""
        return versions_of(chain(self.draft_orders, *self.prefetched.values()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What every mapper of one call reads from, and the list that it puts its gaps on."""

    patient_id: str
    encounter_id: str | None
    decided_at: datetime
    tables: MappingTables
    pool: Pool
    gaps: Gaps
    orders_are_final: bool = False
    attachments: Mapping[str, Attachment] = field(default_factory=dict)  # by URL, as sent

    @property
    def today(self) -> date:
        """The day of the decision, in the time zone of `decided_at`."""
        return self.decided_at.date()
