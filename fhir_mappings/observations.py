"""Observation: the newest values of each code, whatever its category says.

Which values matter is for the rules, by LOINC code. Servers leave the category out or use words of
their own, and a value without a code, a number or a date is kept as well: a rule that needed it can
say so.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain

from fhir_mappings.elements import Codeable, Element
from fhir_mappings.inputs import Call
from fhir_mappings.pool import reference_to
from fhir_mappings.record import Observation
from fhir_mappings.words import label_of

_LOINC = frozenset({"loinc.org", "urn:oid:2.16.840.1.113883.6.1"})
_UCUM = frozenset({None, "http://unitsofmeasure.org", "urn:oid:2.16.840.1.113883.6.8"})
_NOT_RESULTS = frozenset({"entered-in-error", "cancelled", "registered"})
_A_DAY = timedelta(days=1)  # ahead: another time zone
_OLDEST = datetime.min.replace(tzinfo=UTC)
_MOST_NUMBERS = 3  # of one code and unit: the newest may be of a size that no rule takes
_SIGNS = ("<", "<=", ">", ">=")
# a result that a laboratory sends as text: "24", "<15", ">= 60 mL/min/1.73 m2"
_NUMBER = re.compile(r"(<=|>=|<|>)?\s*(\d+(?:\.\d+)?)(?![\d.,:/-])\s*(\D.{0,39})?")


def map_observations(call: Call) -> tuple[Observation, ...]:
    """Of each LOINC code, or of each name without one, the newest in words and the newest numbers.

    A number in another unit, or dated ahead, hides none, as only the rules know what they can use.
    """
    elements = (e for e in call.pool.of_type("Observation") if _counts(e))
    found = [item for element in elements for item in _map_observation(element)]
    found.sort(key=lambda item: (_has_value(item), item.taken_at or _OLDEST), reverse=True)
    kept: dict[tuple[object, ...], list[Observation]] = {}
    valued = {_name(item) for item in found if _has_value(item)}
    for item in found:
        alike = kept.setdefault(_kind(item, call), [])
        is_empty = not _has_value(item) and _name(item) in valued
        if not is_empty and len(alike) < (1 if item.value is None else _MOST_NUMBERS):
            alike.append(item)
    newest = chain.from_iterable(kept.values())
    return tuple(sorted(newest, key=lambda one: one.taken_at or _OLDEST, reverse=True))


def _name(item: Observation) -> str:
    return item.loinc or item.display


def _kind(item: Observation, call: Call) -> tuple[object, ...]:
    """What is kept beside what: words, and the numbers of each unit, past and ahead."""
    if item.value is None:
        return (_name(item),)
    is_ahead = item.taken_at is not None and item.taken_at > call.decided_at + _A_DAY
    return (_name(item), item.unit, is_ahead)


def _counts(element: Element) -> bool:
    return (element.text("status") or "").lower() not in _NOT_RESULTS


def _has_value(item: Observation) -> bool:
    return item.value is not None or item.coded is not None


def _map_observation(element: Element) -> Iterator[Observation]:
    """The observation and its components, each under every LOINC code that it has."""
    for part in (element, *element.many("component")):
        code = part.codeable("code")
        display = label_of(code.display or next(iter(_loincs(code)), ""))
        value = _read(part)
        for loinc in (_loincs(code) or (None,)) if display else ():
            yield Observation(
                loinc=loinc,
                display=display,
                value=value.number,
                unit=value.unit,
                coded=value.words,
                codes=value.codes,
                taken_at=_taken_at(element),
                reference=reference_to(element),
            )


def _loincs(code: Codeable) -> tuple[str, ...]:
    """Its LOINC codes, in whichever way their system is written."""
    return tuple(dict.fromkeys(one for system, one in code.pairs if _plain(system) in _LOINC))


def _plain(system: str) -> str:
    return re.sub(r"^https?://(?:www\.)?", "", system.strip().lower()).rstrip("/")


def _taken_at(element: Element) -> datetime | None:
    return (
        element.moment("effectiveDateTime", "effectiveInstant")
        or element.one("effectivePeriod").moment("end", "start")
        or element.moment("issued")
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Value:
    """The value of one observation or component."""

    number: float | None = None
    unit: str | None = None
    words: str | None = None  # of a coded value; of a bound "<5", so that it is not taken for 5
    codes: tuple[str, ...] = ()


def _read(part: Element) -> _Value:
    quantity, concept = part.one("valueQuantity"), part.codeable("valueCodeableConcept")
    number = quantity.number("value")
    number = part.number("valueInteger") if number is None else number
    if number is not None:
        sign = quantity.node.get("comparator")
        words = f"{sign}{number:g}" if sign in _SIGNS else None
        return _Value(number=number, unit=_unit(quantity) or _usual_unit(part), words=words)
    text = part.text("valueString")
    if text and (found := _NUMBER.fullmatch(text)):
        words = text[: found.end(2)].replace(" ", "") if found[1] else None
        unit = (found[3] or "").strip() or _usual_unit(part)
        return _Value(number=float(found[2]), unit=unit, words=words)
    codes = tuple(code for _, code, _ in concept.codings if code)
    words = concept.display or next(iter(sorted(code.lower() for code in codes)), None)
    return _Value(words=words or text or part.text("valueDateTime") or _answer(part), codes=codes)


def _answer(part: Element) -> str | None:
    """A boolean as the word that a coded answer would have."""
    said = part.node.get("valueBoolean")
    return ("yes" if said else "no") if isinstance(said, bool) else None


def _unit(quantity: Element) -> str | None:
    """The UCUM code; the unit in words where the code is of another system."""
    code, words = quantity.text("code"), quantity.text("unit")
    return (code or words) if quantity.text("system") in _UCUM else (words or code)


def _usual_unit(part: Element) -> str | None:
    """The unit of its reference range, which is that of a value without one."""
    ranges = part.many("referenceRange")
    ends = (one.one(end) for one in ranges for end in ("low", "high"))
    return next((unit for end in ends if (unit := _unit(end))), None)
