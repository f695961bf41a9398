"""A visit: the record before it, and what was prescribed. JSON lines in and out."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from fhir_mappings.record import (
    Allergy,
    Diagnosis,
    Hospitalization,
    Ingredient,
    Medication,
    Note,
    Observation,
    PatientRecord,
    Procedure,
    Setting,
)

JsonObject = dict[str, Any]


class VisitUnreadable(ValueError):  # noqa: N818 - a situation, named as such
    """A line is not a visit as `to_json` writes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One visit of one patient: what was known before it, and what was prescribed in it."""

    record: PatientRecord  # without orders
    prescribed: frozenset[str]  # labels
    probabilities: Mapping[str, float]  # true P(prescribed | record) by label; empty: not known
    patient: int
    setting: Setting


def to_json(visit: Visit) -> str:
    """One line of JSON that holds the whole visit."""
    body = {
        "patient": visit.patient,
        "setting": visit.setting,
        "prescribed": sorted(visit.prescribed),
        "probabilities": dict(visit.probabilities),
        "record": _plain(visit.record),
    }
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False)


def from_json(line: str) -> Visit:
    """Read a line of `to_json`.

    Raises:
        VisitUnreadable: the line is not JSON, or lacks a field of a visit.
    """
    try:
        body = json.loads(line)
        return Visit(
            record=_record(body["record"]),
            prescribed=frozenset(body["prescribed"]),
            probabilities=body["probabilities"],
            patient=body["patient"],
            setting=body["setting"],
        )
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise VisitUnreadable(
            f"not a visit ({error!r}): give a file that `lamo-cds synthesize` wrote"
        ) from error


def read_visits(path: Path) -> Iterator[Visit]:
    """Every visit of a JSON lines file, in its order."""
    with path.open(encoding="utf-8") as lines:
        yield from (from_json(line) for line in lines)


def save_visits(path: Path, visits: Iterable[Visit]) -> int:
    """Write the visits as JSON lines and return how many there were."""
    count = 0
    with path.open("w", encoding="utf-8") as out:
        for visit in visits:
            out.write(to_json(visit) + "\n")
            count += 1
    return count


def _plain(value: object) -> Any:
    """Dataclasses as objects without their empty fields, dates as ISO 8601 text."""
    if isinstance(value, date):  # a datetime is one too
        return value.isoformat()
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if is_dataclass(value) and not isinstance(value, type):
        parts = ((part.name, getattr(value, part.name)) for part in fields(value))
        return {name: _plain(part) for name, part in parts if part not in (None, ())}
    return value


def _record(body: JsonObject) -> PatientRecord:
    return PatientRecord(
        **{
            **body,
            "decided_at": datetime.fromisoformat(body["decided_at"]),
            "diagnoses": _diagnoses(body, "diagnoses"),
            "past_diagnoses": _diagnoses(body, "past_diagnoses"),
            "procedures": _procedures(body),
            "notes": tuple(_note(note) for note in body.get("notes", ())),
            "allergies": tuple(_allergy(allergy) for allergy in body.get("allergies", ())),
            "current": _medications(body, "current"),
            "ordered": _medications(body, "ordered"),
            "previous": _previous(body.get("previous")),
            "observations": tuple(_observation(item) for item in body.get("observations", ())),
        }
    )


def _previous(body: JsonObject | None) -> Hospitalization | None:
    if body is None:
        return None
    return Hospitalization(
        age=body.get("age"),
        sex=body.get("sex"),
        diagnoses=_diagnoses(body, "diagnoses"),
        procedures=_procedures(body),
        medications=_medications(body, "medications"),
        started=_day(body.get("started")),
        reference=body.get("reference"),
    )


def _diagnoses(body: JsonObject, key: str) -> tuple[Diagnosis, ...]:
    return tuple(
        Diagnosis(
            **{
                **item,
                "codings": tuple((system, code) for system, code in item.get("codings", ())),
                "dated": _day(item.get("dated")),
            }
        )
        for item in body.get(key, ())
    )


def _procedures(body: JsonObject) -> tuple[Procedure, ...]:
    items = body.get("procedures", ())
    return tuple(Procedure(**{**item, "dated": _day(item.get("dated"))}) for item in items)


def _medications(body: JsonObject, key: str) -> tuple[Medication, ...]:
    return tuple(
        Medication(
            **{
                **item,
                "ingredients": _ingredients(item),
                "started": _day(item.get("started")),
                "ended": _day(item.get("ended")),
            }
        )
        for item in body.get(key, ())
    )


def _allergy(item: JsonObject) -> Allergy:
    reactions = tuple(item.get("reactions", ()))
    return Allergy(**{**item, "ingredients": _ingredients(item), "reactions": reactions})


def _note(item: JsonObject) -> Note:
    return Note(**{**item, "written": _instant(item.get("written"))})


def _observation(item: JsonObject) -> Observation:
    codes = tuple(item.get("codes", ()))
    return Observation(**{**item, "taken_at": _instant(item.get("taken_at")), "codes": codes})


def _ingredients(item: JsonObject) -> tuple[Ingredient, ...]:
    return tuple(Ingredient(**part) for part in item.get("ingredients", ()))


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
