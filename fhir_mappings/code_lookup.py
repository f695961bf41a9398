"""Codes of medications: the systems they come from, one spelling for each, and who else knows them.

The tables of this package know RxNorm ingredients and a few products. A hospital's own terminology
knows the rest; it comes in through `CodeLookup`, since this package opens no database.
"""

import re
from typing import Protocol

RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
NDC = "http://hl7.org/fhir/sid/ndc"
ATC = "http://www.whocc.no/atc"

_SYSTEMS = {
    "urn:oid:2.16.840.1.113883.6.88": RXNORM,
    "urn:oid:2.16.840.1.113883.6.69": NDC,
    "urn:oid:2.16.840.1.113883.6.73": ATC,
}
_NDC_PARTS = (5, 4, 2)  # labeler, product, package: 11 digits in all
_NDC_SHORT = re.compile(r"[0-9]{10}")
_NDC_LONG = re.compile(r"[0-9]{11}")

Key = tuple[str, str]  # system, code


class CodeLookup(Protocol):
    """A terminology from outside: what it knows of codes that our tables do not have."""

    def ingredients(self, system: str, code: str) -> tuple[str, ...]:
        """The RxNorm ingredients of a code; empty when it is unknown or means several things.

        Args:
            system: RXNORM, NDC or ATC, spelt as here, or any other system.
            code: an NDC has its 11 digits without dashes.
        """
        ...

    def name(self, rxcui: str) -> str | None:
        """The name of an RxNorm ingredient, for a reader; None when it is unknown."""
        ...


def system_of(system: str | None) -> str:
    """One spelling for the systems that mean the same."""
    plain = (system or "").strip().rstrip("/")
    return _SYSTEMS.get(plain, plain)


def keys_of(system: str | None, code: str | None) -> tuple[Key, ...]:
    """What a coding may stand for, as (system, code): one, but for a short NDC without dashes."""
    known, plain = system_of(system), (code or "").strip()
    if not plain:
        return ()
    if known == NDC:
        return tuple((known, one) for one in ndc11(plain))
    return ((known, plain.upper() if known == ATC else plain),)


def ndc11(code: str) -> tuple[str, ...]:
    """An NDC as 11 digits without dashes, in each way that it can be read.

    With dashes (4-4-2, 5-3-2, 5-4-1 or 5-4-2) the short part shows where a zero is missing. Ten
    digits alone leave that open, so there are three readings. Empty when it is no NDC.
    """
    parts = code.split("-")
    if len(parts) == len(_NDC_PARTS):
        return _from_parts(parts)
    if _NDC_LONG.fullmatch(code):
        return (code,)
    if _NDC_SHORT.fullmatch(code):
        readings = (f"{code[:at]}0{code[at:]}" for at in (0, 5, 9))
        return tuple(dict.fromkeys(readings))
    return ()


def _from_parts(parts: list[str]) -> tuple[str, ...]:
    lengths = tuple(map(len, parts))
    missing = sum(_NDC_PARTS) - sum(lengths)
    fits = all(have <= want for have, want in zip(lengths, _NDC_PARTS, strict=True))
    if not (fits and missing in (0, 1) and all(re.fullmatch(r"[0-9]+", part) for part in parts)):
        return ()
    return ("".join(part.zfill(want) for part, want in zip(parts, _NDC_PARTS, strict=True)),)
