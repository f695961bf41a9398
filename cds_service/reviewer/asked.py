"""From what somebody typed into a form of filters to a search."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from urllib.parse import urlencode

from cds_service.audit.read_model.search import Search
from cds_service.audit.vault import Whom
from fhir_mappings.formulary import Formulary, UnknownIngredient

FEWEST_OF_PURPOSE = 8  # characters
MOST_OF_PURPOSE = 500
_PLAIN = frozenset(
    "client service_id hook outcome model detail user_ref request_id rule card event_id".split()
)
_DAYS = frozenset(("first_day", "last_day"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """Which filters a page has, and what it lists."""

    kinds: Collection[str]
    names: Collection[str]  # of its fields; "kind" chooses among the kinds

    def typed(self, form: Mapping[str, str]) -> dict[str, str]:
        """What was typed: a text for every field, empty where there is nothing."""
        return {name: form.get(name, "").strip() for name in self.names}

    def search(self, typed: Mapping[str, str], formulary: Formulary) -> Search:
        """What that asks for.

        Raises:
            ValueError: it cannot be searched for; for the person who typed it.
        """
        given = {name: text for name, text in typed.items() if text}
        kind, medication = given.get("kind"), given.get("medication")
        if kind is not None and kind not in self.kinds:
            raise ValueError(f"kind: wanted one of {', '.join(self.kinds)}")
        asked: dict[str, Any] = {name: given[name] for name in _PLAIN & given.keys()}
        asked |= {name: day_of(given[name]) for name in _DAYS & given.keys()}
        if medication is not None:
            asked["rxcui"] = rxcui_of(medication, formulary)
        return Search(kinds=(kind,) if kind else tuple(self.kinds), **asked)


@dataclass(frozen=True, slots=True, kw_only=True)
class Concern:
    """The patient that somebody asks for, and why."""

    whom: Whom
    purpose: str = field(repr=False)


def concern_of(form: Mapping[str, str]) -> Concern:
    """The patient of a form.

    Raises:
        ValueError: client, patient or reason are missing; for the person who typed it.
    """
    client, patient_id = form.get("patient_client", ""), form.get("patient_id", "").strip()
    purpose = form.get("purpose", "").strip()
    if not client or not patient_id:
        raise ValueError("name the client and the patient's id at that client")
    if not FEWEST_OF_PURPOSE <= len(purpose) <= MOST_OF_PURPOSE:
        raise ValueError(
            f"state why you look for this patient, in {FEWEST_OF_PURPOSE} to {MOST_OF_PURPOSE} "
            "characters: it is recorded with your name"
        )
    return Concern(whom=Whom(client=client, patient_id=patient_id), purpose=purpose)


def query_of(typed: Mapping[str, str]) -> str:
    """The filters as they stand in an address; nothing of a patient is among them."""
    return urlencode({name: text for name, text in sorted(typed.items()) if text})


def day_of(text: str) -> date:
    """A day as date fields send it."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError("a day is written as 2026-03-31") from None


def rxcui_of(text: str, formulary: Formulary) -> str:
    """The RxNorm ingredient that a code or a name means."""
    if text.isdecimal():
        return text
    found = formulary.resolve((), text).ingredients
    if len(found) != 1:
        named = ", ".join(f"{one.label} ({one.rxcui})" for one in found)
        raise ValueError(
            f"medication: these are several, search for one of {named}"
            if found
            else "medication: the formulary has no such name; type another name or an RxNorm code"
        )
    return found[0].rxcui


def medication_words(rxcui: str, formulary: Formulary) -> str:
    """A medication as a person reads it."""
    try:
        return formulary.entry(rxcui).label
    except UnknownIngredient:
        return f"RxNorm {rxcui}"
