"""Codes of hospital tables to the titles that the prompt prints, as the FHIR door gives them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from fhir_mappings.concepts import ICD9, ICD10
from fhir_mappings.mapping import MappingTables
from fhir_mappings.record import Diagnosis, Procedure
from fhir_mappings.words import label_of, one_line

ICD9_PROCEDURE = "http://hl7.org/fhir/sid/icd-9-cm/procedure"
ICD10_PROCEDURE = "http://www.cms.gov/medicare/coding/icd10"
TEXT = "text"  # in place of a code system: the code is a name

DIAGNOSIS_SYSTEMS = {"9": ICD9, "10": ICD10}  # by icd_version
PROCEDURE_SYSTEMS = {"9": ICD9_PROCEDURE, "10": ICD10_PROCEDURE}

Code = tuple[str, str]  # system, code


@dataclass(slots=True)
class Titles:
    """The official titles of a database, behind the product's own concise ones."""

    tables: MappingTables
    official: Mapping[Code, str]
    _diagnoses: dict[Code, Diagnosis | None] = field(default_factory=dict)
    _procedures: dict[Code, Procedure | None] = field(default_factory=dict)

    def diagnosis(self, code: Code) -> Diagnosis | None:
        """The diagnosis of a code; None for one without a title anywhere."""
        if code not in self._diagnoses:
            self._diagnoses[code] = self._read_diagnosis(code)
        return self._diagnoses[code]

    def procedure(self, code: Code) -> Procedure | None:
        """The procedure of a code; None for one without a title anywhere."""
        if code not in self._procedures:
            self._procedures[code] = self._read_procedure(code)
        return self._procedures[code]

    def _read_diagnosis(self, code: Code) -> Diagnosis | None:
        text = self._text(code)
        concept = self.tables.conditions.find(_codings(code), text)
        if concept is None and not text:
            return None
        codings = () if code[0] == TEXT else ((code[0], code[1]),)
        label = concept.label if concept else label_of(text or "")
        return Diagnosis(label=label, display=text or label, codings=codings)

    def _read_procedure(self, code: Code) -> Procedure | None:
        text = self._text(code)
        concept = self.tables.procedures.find(_codings(code), text)
        if concept is None and not text:
            return None
        label = concept.label if concept else label_of(text or "")
        return Procedure(label=label, display=text or label)

    def _text(self, code: Code) -> str | None:
        system, value = code
        text = value.partition("\t")[0] if system == TEXT else self.official.get(code, "")
        return one_line(text.rpartition("|")[2] if system == TEXT else text) or None


def _codings(code: Code) -> list[tuple[str | None, str | None]]:
    """For the concept tables; codes of unknown system may stand behind a name, after a tab."""
    system, value = code
    if system != TEXT:
        return [code]
    codes = value.partition("\t")[2].split(",")
    return [(None, one.strip()) for one in codes if one.strip()]
