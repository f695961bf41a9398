"""The knowledge that the rules read: package data, checked when loaded, named by its hash."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from fhir_mappings.formulary import Formulary, FormularyEntry
from medication_safety.reading import parsed, refuse_unknown, shipped, version_of
from medication_safety.tables import AllergyRules, DuplicateRules, Groups

TABLES = (
    "allergy_classes.json",
    "allergy_rules.json",
    "drug_classes.json",
    "duplicate_rules.json",
)


@dataclass(frozen=True, kw_only=True)
class Knowledge:
    """All tables of one version, ready for the rules."""

    entries: Mapping[str, FormularyEntry]  # of the formulary, by RxNorm code
    groups: Mapping[str, frozenset[str]]  # group or class name to RxNorm codes
    families_of: Mapping[str, frozenset[str]]  # of duplicate classes: RxNorm code to names
    marks: Mapping[str, frozenset[str]]  # RxNorm code to all by which it may be a duplicate
    meant_pairs: frozenset[frozenset[str]]  # RxNorm codes that are given together on purpose
    allergy: AllergyRules
    duplicate: DuplicateRules
    version: str  # "draft 1a2b3c4d5e6f": of the tables' bytes and the formulary
    reviewed: bool = False  # no pharmacist has reviewed any table yet

    @classmethod
    def load(cls, formulary: Formulary | None = None) -> "Knowledge":
        """Read the tables that the package ships.

        Raises:
            KnowledgeError: a table is missing, cut short, or names a group that is not there.
        """
        tables = {name: shipped(name) for name in TABLES}
        return cls.from_tables(tables, formulary or Formulary.load())

    @classmethod
    def from_tables(cls, tables: Mapping[str, bytes], formulary: Formulary) -> "Knowledge":
        """Check the bytes of every table and put them together."""
        allergy = parsed(AllergyRules, "allergy_rules.json", tables["allergy_rules.json"])
        duplicate = parsed(DuplicateRules, "duplicate_rules.json", tables["duplicate_rules.json"])
        found = {
            **parsed(Groups, "allergy_classes.json", tables["allergy_classes.json"]).root,
            **parsed(Groups, "drug_classes.json", tables["drug_classes.json"]).root,
            **allergy.groups,
        }
        # "aminopenicillin_r1 (a remark)" is known by its first word
        groups = {
            name.split()[0]: frozenset(member.rxcui for member in members)
            for name, members in found.items()
        }
        refuse_unknown("allergy_rules.json", _groups_of_allergy(allergy), groups)
        refuse_unknown("duplicate_rules.json", _groups_of_duplicate(duplicate), groups)
        entries = {entry.rxcui: entry for entry in formulary.entries}
        families_of = _families_of(duplicate, groups)
        return cls(
            entries=entries,
            groups=groups,
            families_of=families_of,
            marks={
                code: families_of.get(code, frozenset()) | {code, entry.drug_class}
                for code, entry in entries.items()
            },
            meant_pairs=frozenset(frozenset((p.one, p.other)) for p in duplicate.meant_pairs),
            allergy=allergy,
            duplicate=duplicate,
            version=version_of(formulary.version.encode(), *(tables[name] for name in TABLES)),
        )

    def recorded_groups(self, substance_class: str) -> tuple[str, ...]:
        """The groups that a recorded class means; empty when the tables do not know it."""
        if substance_class in self.groups:
            return (substance_class,)
        return self.allergy.recorded_words.get(_singular(substance_class), ())

    def holds(self, group: str, rxcui: str) -> bool:
        """Whether an ingredient is a member of a group."""
        return rxcui in self.groups[group]

    def entry(self, rxcui: str) -> FormularyEntry | None:
        """The formulary's entry; None for a code that it does not have."""
        return self.entries.get(rxcui)

    def source(self, table: str) -> str:
        """How a finding names the table that it rests on."""
        return f"{table} ({self.version}, not reviewed by a pharmacist)"


def _singular(substance_class: str) -> str:
    """The words of a recorded class without the ones that say only that it is a class."""
    words = re.findall(r"[a-z0-9]+", substance_class.lower())
    fillers = {"class", "drug", "drugs", "antibiotic", "antibiotics", "agent", "agents", "allergy"}
    fillers |= {"group", "substance", "medication", "medications", "containing", "product"}
    kept = [word for word in words if word not in fillers]
    return " ".join(word[:-1] if word.endswith("s") and len(word) > 4 else word for word in kept)


def _families_of(
    rules: DuplicateRules, groups: Mapping[str, frozenset[str]]
) -> dict[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for family in rules.families:
        for code in frozenset().union(*(groups[name] for name in family.classes)):
            found[code] = found.get(code, frozenset()) | {family.name}
    return found


def _groups_of_allergy(rules: AllergyRules) -> set[str]:
    named = {name for rule in rules.rules for name in (rule.recorded, rule.against, *rule.excluded)}
    named |= {name for names in rules.recorded_words.values() for name in names}
    return named | set(rules.tolerance_reactions.groups)


def _groups_of_duplicate(rules: DuplicateRules) -> set[str]:
    return {name for family in rules.families for name in family.classes}
