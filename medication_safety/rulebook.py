"""All knowledge of one version: every table that a rule reads, loaded whole or not at all."""

import hashlib
from dataclasses import dataclass

from fhir_mappings.formulary import Formulary
from medication_safety.cascades import CascadeTable
from medication_safety.condition_groups import ConditionGroups
from medication_safety.courses import CourseTable
from medication_safety.interactions import InteractionTable
from medication_safety.knowledge import Knowledge
from medication_safety.older_adults import OlderAdultTable
from medication_safety.organ_function import OrganTable
from medication_safety.pregnancy import PregnancyTable
from medication_safety.taper import TaperTable


@dataclass(frozen=True, kw_only=True)
class Rulebook:
    """The tables, each a draft that no pharmacist has reviewed yet."""

    knowledge: Knowledge  # allergies and duplicates
    conditions: ConditionGroups  # of the three tables that ask for them
    interactions: InteractionTable
    organs: OrganTable
    pregnancy: PregnancyTable
    older_adults: OlderAdultTable
    cascades: CascadeTable
    courses: CourseTable
    tapers: TaperTable

    @classmethod
    def load(cls, formulary: Formulary | None = None) -> "Rulebook":
        """Read every table that ships with the package.

        Raises:
            KnowledgeError: one is missing, cut short, or names what is not there.
        """
        formulary, conditions = formulary or Formulary.load(), ConditionGroups.load()
        return cls(
            knowledge=Knowledge.load(formulary),
            interactions=InteractionTable.load(formulary),
            organs=OrganTable.load(formulary),
            pregnancy=PregnancyTable.load(formulary),
            conditions=conditions,
            older_adults=OlderAdultTable.load(),
            cascades=CascadeTable.load(),
            courses=CourseTable.load(),
            tapers=TaperTable.load(),
        )

    @property
    def version(self) -> str:
        """The version of all together, as cards and the audit log name it."""
        tables = (self.knowledge, self.interactions, self.organs, self.pregnancy)
        more = (self.older_adults, self.cascades, self.courses, self.tapers)
        versions = "\n".join(table.version for table in (*tables, *more))
        return f"draft {hashlib.sha256(versions.encode()).hexdigest()[:12]}"
