"""From what somebody typed into a form of filters to a search."""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from cds_service.audit.read_model.search import Search
from cds_service.audit.vault import Whom
from cds_service.reviewer.accounts.account import NAME
from cds_service.web.headers import SAFE_REQUEST_ID
from fhir_mappings.formulary import Formulary, UnknownIngredient

FEWEST_OF_PURPOSE = 8  # characters
MOST_OF_PURPOSE = 500
USER = re.compile(
    r"(Practitioner|PractitionerRole)/[A-Za-z0-9\-.]{1,64}|Patient|RelatedPerson|operator"
    rf"|account/{NAME.pattern}",
    re.ASCII,
)  # as the log has them, so that no name of a person gets into the record of a look
RXCUI = re.compile(r"[0-9]{1,8}")
_CHOSEN = frozenset("kind client service_id hook outcome model detail rule".split())


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
        asked = {name: self._read(name, typed[name], formulary) for name in typed if typed[name]}
        if "medication" in asked:
            asked["rxcui"] = asked.pop("medication")
        kind = asked.pop("kind", None)
        return Search(kinds=(kind,) if kind else tuple(self.kinds), **asked)

    def fitting(self, typed: Mapping[str, str], formulary: Formulary) -> dict[str, str]:
        """What of it may be repeated: empty where it cannot be searched for."""
        kept = dict(typed)
        for name, text in typed.items():
            try:
                self._read(name, text, formulary)
            except ValueError:
                kept[name] = ""
        return kept

    def _read(self, name: str, text: str, formulary: Formulary) -> Any:
        if name == "kind" and text and text not in self.kinds:
            raise ValueError(f"kind: wanted one of {', '.join(self.kinds)}")
        if name in _CHOSEN:
            return text
        return rxcui_of(text, formulary) if name == "medication" else _READ[name](text)


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
    if RXCUI.fullmatch(text):
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


def _matching(pattern: re.Pattern[str], problem: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if pattern.fullmatch(text) is None:
            raise ValueError(problem)
        return text

    return read


def _uuid(text: str) -> str:
    try:
        return str(UUID(text))
    except ValueError:
        raise ValueError("card, event: wanted an id as the log has it, a UUID") from None


_READ: Mapping[str, Callable[[str], Any]] = {
    "first_day": day_of,
    "last_day": day_of,
    "user_ref": _matching(
        USER, "who: wanted Practitioner/ID, PractitionerRole/ID, account/NAME or operator"
    ),
    "request_id": _matching(
        SAFE_REQUEST_ID, "request: wanted at most 64 letters, digits, dots, dashes, underscores"
    ),
    "card": _uuid,
    "event_id": _uuid,
}


def medication_words(rxcui: str, formulary: Formulary) -> str:
    """A medication as a person reads it."""
    try:
        return formulary.entry(rxcui).label
    except UnknownIngredient:
        return f"RxNorm {rxcui}"
