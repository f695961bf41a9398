"""Conditions that a rule asks for, as records have them: by code, by prefix or in words."""

import re

from fhir_mappings.record import Diagnosis
from medication_safety.tables import Name, Row

_SYSTEMS = (
    ("icd10", re.compile(r"icd-?10|\.6\.(?:90|3)$")),
    ("icd9", re.compile(r"icd-?9|\.6\.103$")),
    ("snomed", re.compile(r"snomed|\.6\.96$")),
)


class Conditions(Row):
    """How a condition is recorded: by prefix (ICD), by code (SNOMED), or in words."""

    icd10: tuple[Name, ...] = ()  # without dot
    icd9: tuple[Name, ...] = ()  # without dot
    snomed: tuple[Name, ...] = ()
    words: tuple[Name, ...] = ()  # lower case; any of them, anywhere in the display
    never: tuple[Name, ...] = ()  # lower case; with one of them in the display it is something else

    def hold(self, diagnosis: Diagnosis) -> bool:
        """Whether the diagnosis is one of them."""
        said = diagnosis.display.lower()
        if any(word in said for word in self.never):
            return False
        coded = any(self._has(system, code) for system, code in diagnosis.codings)
        return coded or any(word in said for word in self.words)

    def _has(self, system: str, code: str) -> bool:
        kind = next((name for name, known in _SYSTEMS if known.search(system.lower())), None)
        bare = code.replace(".", "").upper()
        prefixes = {"icd10": self.icd10, "icd9": self.icd9}.get(kind or "", ())
        return bare.startswith(prefixes) if prefixes else kind == "snomed" and code in self.snomed
