"""Encounters: where the patient is now, and the previous hospitalization."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from fhir_mappings.elements import Element
from fhir_mappings.inputs import Call
from fhir_mappings.pool import reference_to
from fhir_mappings.record import Setting
from fhir_mappings.references import points_to

_INPATIENT = frozenset({"imp", "acute", "nonac", "inpatient"})
_SETTINGS: dict[str, Setting] = {
    **dict.fromkeys((*_INPATIENT, "ss", "obsenc"), "inpatient"),
    **dict.fromkeys(("amb", "emer", "hh", "vr", "fld", "prenc"), "outpatient"),
    **dict.fromkeys(("outpatient", "ambulatory", "emergency", "virtual", "home"), "outpatient"),
}
_UNDER_WAY = ("in-progress", "onleave", "triaged", "arrived")
_ICU = re.compile(r"\b(?:[CMNPST]?ICU|CVICU|CCU|intensive care|critical care)\b", re.IGNORECASE)
_ICU_ROLE_CODES = frozenset({"icu", "ccu", "pedicu", "pednicu", "burnicu", "neuroicu"})


@dataclass(frozen=True, slots=True)
class Stay:
    """One encounter, with what decides whether something belongs to it."""

    element: Element
    id: str | None
    status: str
    kind: str  # the class code in lower case; empty when not given
    started: date | None
    ended: date | None

    def holds(self, element: Element, *days: date | None) -> bool:
        """Whether the resource names this encounter; or names none and is dated within it."""
        named = element.reference("encounter")
        if named and not named.startswith("#"):
            return points_to(named, "Encounter", self.id)
        if self.started is None or self.ended is None:
            return False
        return any(self.started <= day <= self.ended for day in days if day)


def read_stays(call: Call) -> tuple[Stay, ...]:
    """Every encounter of the patient, in the order received."""
    return tuple(_read_stay(element) for element in call.pool.of_type("Encounter"))


def current_stay(stays: Sequence[Stay], call: Call) -> Stay | None:
    """The encounter of the call; without one named, the latest that is under way.

    A named encounter that was not sent is not guessed at: the setting stays unknown.
    """
    if call.encounter_id:
        for stay in stays:
            if stay.id and points_to(call.encounter_id, "Encounter", stay.id):
                return stay
        meaning = "the encounter of the call was not sent: the setting is not known"
        call.gaps.add("encounter-missing", "encounters", meaning)
        return None
    under_way = [stay for stay in stays if stay.status in _UNDER_WAY]
    return max(under_way, key=lambda stay: stay.started or date.min, default=None)


def previous_stay(stays: Sequence[Stay], now: Stay | None, call: Call) -> Stay | None:
    """The latest finished inpatient encounter that ended before the current one began.

    One without a period is passed over: nothing says when it was.
    """
    before = (now.started if now else None) or call.today
    past = [
        (stay.ended, stay)
        for stay in stays
        if stay is not now and stay.status == "finished" and stay.kind in _INPATIENT
        if stay.ended and stay.ended <= before
    ]
    return max(past, key=lambda pair: pair[0], default=(None, None))[1]


def map_setting(now: Stay | None, call: Call) -> Setting | None:
    """Inpatient, ICU or outpatient; None when no encounter is known or its class is not."""
    if now is None:
        return None
    setting = _SETTINGS.get(now.kind)
    if setting is None:
        meaning = "the class of the current encounter is not one we know: no setting was taken"
        call.gaps.add("setting-unknown", now.element.where, meaning)
    if setting == "inpatient" and _is_intensive(now.element, call):
        return "icu"
    return setting


def _read_stay(element: Element) -> Stay:
    period = element.one("period")
    started = period.day("start")
    return Stay(
        element=element,
        id=element.text("id"),
        status=(element.text("status") or "").lower(),
        kind=next(iter(sorted(element.codeable("class").codes)), ""),
        started=started,
        ended=period.day("end") or started,
    )


def _is_intensive(element: Element, call: Call) -> bool:
    places = [place for place in element.many("location") if place.text("status") != "completed"]
    concepts = [*element.codeables("type"), element.codeable("serviceType")]
    names = [concept.display for concept in concepts]
    names += [place.one("location").text("display") for place in places]
    for place in places:
        sent = call.pool.find(place.reference("location"), element)
        if sent is not None:
            names.append(sent.text("name"))
            concepts += sent.codeables("type")
    codes = frozenset[str]().union(*(concept.codes for concept in concepts))
    return bool(codes & _ICU_ROLE_CODES) or any(_ICU.search(name) for name in names if name)


def stay_reference(stay: Stay) -> str | None:
    """How the record refers to it."""
    return reference_to(stay.element)
