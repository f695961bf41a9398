"""Codes of allergies to what they mean: a class of substances, or ingredients of the formulary.

RxNorm and SNOMED CT have codes for whole classes ("Penicillin"), and SNOMED CT has a finding beside
each substance ("Allergy to penicillin"): none of them is the code of a medication, so the formulary
does not know them. A code that is not in the table is not guessed at.
"""

import csv
import io
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from importlib.resources import files

from fhir_mappings.code_lookup import ATC, NDC, RXNORM, system_of
from fhir_mappings.concepts import ICD9, ICD10, SNOMED
from fhir_mappings.elements import Coding
from fhir_mappings.formulary import Formulary

FILE = "allergy_codes.csv"
_COLUMNS = ["system", "code", "display", "substance_class", "ingredient_rxcuis", "source"]
_SAME = {
    "urn:oid:2.16.840.1.113883.6.96": SNOMED,
    "urn:oid:2.16.840.1.113883.6.90": ICD10,
    "urn:oid:2.16.840.1.113883.6.103": ICD9,
}
_NAMES = {
    RXNORM: "RxNorm",
    SNOMED: "SNOMED CT",
    ICD10: "ICD-10-CM",
    ICD9: "ICD-9-CM",
    NDC: "NDC",
    ATC: "ATC",
    "http://rxnav.nlm.nih.gov/REST/Ndfrt": "NDF-RT",
    "http://hl7.org/fhir/ndfrt": "NDF-RT",
    "urn:oid:2.16.840.1.113883.3.26.1.5": "NDF-RT",
    "http://fdasis.nlm.nih.gov": "UNII",
    "urn:oid:2.16.840.1.113883.4.9": "UNII",
    "http://hl7.org/fhir/sid/cvx": "CVX",
}


class AllergyCodesBroken(Exception):  # noqa: N818 - a situation, named as such
    """The shipped table cannot be used; the message says which row, and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AllergyCode:
    """What one code of an allergy means: a class, or ingredients, never both."""

    display: str
    substance_class: str | None
    rxcuis: tuple[str, ...]


class AllergyCodes:
    """The shipped table, by system and code."""

    def __init__(self, found: Mapping[tuple[str, str], AllergyCode]) -> None:
        self._found = dict(found)

    @classmethod
    def load(cls, formulary: Formulary) -> "AllergyCodes":
        """Read the table that ships with the package.

        Raises:
            AllergyCodesBroken: it is cut short, has a code twice, or an unknown ingredient.
        """
        raw = (files("fhir_mappings") / "data" / FILE).read_bytes()
        return cls.from_bytes(raw, {entry.rxcui for entry in formulary.entries})

    @classmethod
    def from_bytes(cls, raw: bytes, known: Collection[str]) -> "AllergyCodes":
        """Check the bytes of the table; see `load`. `known` are the formulary's codes."""
        reader = csv.DictReader(io.StringIO(raw.decode("utf-8"), newline=""))
        if list(reader.fieldnames or ()) != _COLUMNS or not raw.endswith(b"\n"):
            raise AllergyCodesBroken(f"{FILE} is cut short: install the package again")
        found: dict[tuple[str, str], AllergyCode] = {}
        for row in reader:
            key = (row["system"], row["code"])
            rxcuis = tuple(filter(None, (row["ingredient_rxcuis"] or "").split("|")))
            if key in found or bool(rxcuis) == bool(row["substance_class"]) or not row["source"]:
                raise AllergyCodesBroken(
                    f"{FILE} line {reader.line_num}: a code stands once, with a source, and with "
                    "either a class or ingredients"
                )
            if not set(rxcuis) <= set(known):
                raise AllergyCodesBroken(
                    f"{FILE} line {reader.line_num}: not every ingredient is in formulary.csv"
                )
            found[key] = AllergyCode(
                display=row["display"],
                substance_class=row["substance_class"] or None,
                rxcuis=rxcuis,
            )
        return cls(found)

    @property
    def all(self) -> tuple[AllergyCode, ...]:
        """Every row, in the order of the file."""
        return tuple(self._found.values())

    def find(self, codings: Iterable[Coding]) -> AllergyCode | None:
        """What the first of these codings means that is in the table; None where none is."""
        keys = (_key(system, code) for system, code, _ in codings)
        return next((self._found[key] for key in keys if key in self._found), None)


def code_words(codings: Iterable[Coding]) -> str:
    """The codes as a person would look them up: "RxNorm 70618, SNOMED CT 91936005"."""
    named = (f"{_name_of(system)} {code}" for system, code, _ in codings if code)
    return ", ".join(list(dict.fromkeys(named))[:2])


def _key(system: str | None, code: str | None) -> tuple[str, str]:
    known, plain = _system(system), (code or "").strip()
    return known, plain.replace(".", "").upper() if known in (ICD9, ICD10) else plain


def _system(system: str | None) -> str:
    plain = system_of(system)
    return _SAME.get(plain, plain)


def _name_of(system: str | None) -> str:
    """The usual name of a code system; of another one the last part of its address."""
    plain = _system(system)
    return _NAMES.get(plain) or plain.rpartition("/")[2].rpartition(":")[2] or "code"
