"""What the baselines see of a visit: codes, history, home medications, the words of the digest.

The same digest as the model's prompt is made of, so that no baseline knows less than the model.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from fhir_mappings.record import PatientRecord
from lamo.notes.digest import NoteDigest, NoteTools, digest_record

AGE_BANDS = (18, 40, 65, 80)  # lower edges; what is under the first is a band too


class AnyVisit(Protocol):
    """What evaluation needs of a visit, wherever it comes from."""

    @property
    def record(self) -> PatientRecord:
        """The record before the visit's prescriptions."""
        ...

    @property
    def prescribed(self) -> frozenset[str]:
        """The labels of what was prescribed."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One visit as the baselines see it: plain words, each a feature."""

    codes: tuple[str, ...]  # of this visit, with age band, sex and setting
    history: tuple[str, ...]  # previous stay's codes and medications, home medications, allergies
    previous: frozenset[str]  # medications of the previous stay
    home: frozenset[str]  # medications at home, coded or read from the notes
    text: str  # the digest's free text


def seen_of(visits: Iterable[AnyVisit], notes: NoteTools) -> list[Seen]:
    """Read every visit once, notes included."""
    return [_seen(visit.record, digest_record(visit.record, notes)) for visit in visits]


def prescribed_of(visits: Sequence[AnyVisit], labels: Sequence[str]) -> Tensor:
    """(visits, labels) bool."""
    place = {label: index for index, label in enumerate(labels)}
    return marked([visit.prescribed for visit in visits], place)


def marked(sets: Sequence[Iterable[str]], place: Mapping[str, int]) -> Tensor:
    """(sets, columns) bool: the members that have a column."""
    table = torch.zeros(len(sets), len(place), dtype=torch.bool)
    for row, members in enumerate(sets):
        table[row, [place[name] for name in members if name in place]] = True
    return table


def visit_facts(visit: AnyVisit) -> dict[str, Any]:
    """What subgroups are made of."""
    record = visit.record
    return {
        "age": record.age,
        "sex": record.sex,
        "setting": record.setting,
        "diagnoses": len(record.diagnoses),
        "repeat": record.previous is not None,
    }


def age_band(age: int | None) -> str:
    """The name of the band that an age falls into."""
    if age is None:
        return "unknown"
    edges = [edge for edge in AGE_BANDS if edge <= age]
    if not edges:
        return f"under {AGE_BANDS[0]}"
    later = AGE_BANDS[len(edges)] if len(edges) < len(AGE_BANDS) else None
    return f"{edges[-1]} and over" if later is None else f"{edges[-1]}-{later - 1}"


def _seen(record: PatientRecord, digest: NoteDigest | None) -> Seen:
    previous = record.previous
    before = _labels(previous.medications) if previous else frozenset()
    home = _labels(record.current) | frozenset(digest.medications_on_admission if digest else ())
    stays = [("previous diagnosis", d.label) for d in previous.diagnoses] if previous else []
    stays += [("previous procedure", p.label) for p in previous.procedures] if previous else []
    return Seen(
        codes=tuple(_named(_codes(record))),
        history=tuple(
            _named(
                [
                    *stays,
                    *(("previous medication", name) for name in sorted(before)),
                    *(("home medication", name) for name in sorted(home)),
                    *(("allergy", name) for name in (digest.allergies if digest else ())),
                ]
            )
        ),
        previous=before,
        home=home,
        text=_free_text(digest),
    )


def _codes(record: PatientRecord) -> list[tuple[str, str]]:
    return [
        *(("diagnosis", diagnosis.label) for diagnosis in record.diagnoses),
        *(("past diagnosis", diagnosis.label) for diagnosis in record.past_diagnoses),
        *(("procedure", procedure.label) for procedure in record.procedures),
        ("age", age_band(record.age)),
        ("sex", record.sex or "unknown"),
        ("setting", record.setting or "unknown"),
    ]


def _named(pairs: Iterable[tuple[str, str]]) -> list[str]:
    return list(dict.fromkeys(f"{kind}: {value}" for kind, value in pairs))


def _labels(medications: Iterable[Any]) -> frozenset[str]:
    return frozenset(part.label for drug in medications for part in drug.ingredients)


def _free_text(digest: NoteDigest | None) -> str:
    if digest is None:
        return ""
    return re.sub(r"\s+", " ", f"{digest.history_of_present_illness} {digest.past_medical_history}")
