"""A settled and filtered store, read in order: one stay at a time, with everything of it."""

import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from fhir_mappings.formulary import Formulary
from fhir_mappings.record import Allergy, Medication, Note
from lamo.training.cohort.filters import Vocabulary
from lamo.training.cohort.rules import CohortRules
from lamo.training.cohort.stays import Stamped, Stay
from lamo.training.cohort.store import StayStore
from lamo.training.cohort.titles import Titles
from lamo.training.cohort.visit import Source

T = TypeVar("T")

DISCHARGE_SUMMARY = "18842-5"  # LOINC
ADMISSION_NOTE = "34117-2"

_STAYS = """
SELECT id, patient, admitted, discharged, age, sex, setting, bucket, episode FROM visit
WHERE id IN (SELECT visit FROM given) ORDER BY patient, bucket, episode, admitted, id
"""
_SUMMARY = "SELECT at, kind, text FROM note WHERE visit = ? AND kind = ? ORDER BY at LIMIT 1"
_NOTES = "SELECT at, kind, text FROM note WHERE visit = ? AND kind != ? ORDER BY at, rowid"
_ODD_SHARE = 0.01  # of characters that are no text, from which a note is none


@dataclass(frozen=True, slots=True, kw_only=True)
class Joiner:
    """What it takes to read the stays of a store."""

    store: StayStore
    rules: CohortRules
    vocabulary: Vocabulary
    titles: Titles
    formulary: Formulary
    source: Source
    has_notes: bool  # whether there was a table of notes: without one none can be required

    def stays(self) -> Iterator[Stay]:
        """The stays by patient and time; one without a required summary is dropped."""
        tally = self.store.tally
        for row in self.store.db.execute(_STAYS):
            notes = self._notes(row[0])
            is_noted = any(one.item.loinc == DISCHARGE_SUMMARY for one in notes)
            if self.has_notes and self.rules.notes == "required" and not is_noted:
                tally.drop("visits: no discharge summary")
                continue
            stay = self._stay(row, notes)
            tally.count("visits")
            tally.count("labels", len({one.label for one in stay.prescribed}))
            yield stay

    def _stay(self, row: tuple[Any, ...], notes: tuple[Stamped[Note], ...]) -> Stay:
        visit, patient, admitted, discharged, age, sex, setting, bucket, episode = row
        first, given = self._given(visit)
        diagnoses = self._titled(visit, "d", self.titles.diagnosis)
        procedures = self._titled(visit, "p", self.titles.procedure)
        return Stay(
            visit_id=str(visit),
            patient_id=str(patient),
            source=self.source,
            admitted_at=datetime.fromisoformat(admitted).replace(tzinfo=UTC),
            discharged_at=moment(discharged),
            age=age,
            sex=sex,
            setting=setting,
            year_bucket=bucket,
            episode=episode or "",
            first_order_at=first,
            prescribed=given,
            diagnoses=diagnoses,
            procedures=procedures,
            notes=notes,
            allergies=self._allergies(visit),
            home=self._home(visit),
        )

    def _given(self, visit: int) -> tuple[datetime | None, tuple[Any, ...]]:
        rows = self._rows("SELECT item, at FROM given WHERE visit = ? ORDER BY item", visit)
        times = [at for _, at in rows if at]
        found = dict.fromkeys(one for item, _ in rows for one in self.vocabulary[item])
        return (moment(min(times)) if times else None), tuple(found)

    def _titled(
        self, visit: int, kind: str, title: Callable[[tuple[str, str]], T | None]
    ) -> tuple[Stamped[T], ...]:
        query = "SELECT code, at FROM code WHERE visit = ? AND kind = ? ORDER BY seq, code"
        rows = self._rows(query, visit, kind)
        pairs = [(title(self.store.codes.values[code]), at) for code, at in rows]
        self.store.tally.drop("codes: without a title", sum(not item for item, _ in pairs))
        return tuple(Stamped(item, moment(at)) for item, at in pairs if item)

    def _notes(self, visit: int) -> tuple[Stamped[Note], ...]:
        """The first discharge summary by date; others where only early ones will be told."""
        if self.rules.notes == "none":
            return ()
        rows = self._rows(_SUMMARY, visit, DISCHARGE_SUMMARY)
        if self.rules.knowledge == "first-order":
            rows += self._rows(_NOTES, visit, DISCHARGE_SUMMARY)
        texts = [row for row in rows if is_text(row[2])]
        self.store.tally.drop("notes: not text", len(rows) - len(texts))
        return tuple(
            Stamped(Note(text=text, loinc=kind, written=moment(at)), moment(at))
            for at, kind, text in texts
        )

    def _allergies(self, visit: int) -> tuple[Stamped[Allergy], ...]:
        rows = self._rows("SELECT item, at FROM allergy WHERE visit = ? ORDER BY item", visit)
        return tuple(Stamped(self._allergy(item), moment(at)) for item, at in rows)

    def _allergy(self, item: int) -> Allergy:
        name = self.store.items.values[item][0]
        found = self.formulary.resolve([], name).ingredients
        return Allergy(display=name, ingredients=found)

    def _home(self, visit: int) -> tuple[Stamped[Medication], ...]:
        rows = self._rows("SELECT item, at FROM home WHERE visit = ? ORDER BY item", visit)
        return tuple(Stamped(self._medication(item), moment(at)) for item, at in rows)

    def _medication(self, item: int) -> Medication:
        name = self.store.items.values[item][0]
        found = self.formulary.resolve([], name).ingredients
        return Medication(display=name, ingredients=found)

    def _rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        cursor: sqlite3.Cursor = self.store.db.execute(query, values)
        return cursor.fetchall()


def moment(text: str | None) -> datetime | None:
    """A time as the tables write it, in UTC; None for an empty or unreadable one."""
    if not text:
        return None
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError:
        return None


def is_text(text: str) -> bool:
    """Whether a note holds words: not empty, and hardly a character that cannot be decoded."""
    odd = text.count("\N{REPLACEMENT CHARACTER}") + text.count("\0")
    return bool(text.strip()) and odd <= _ODD_SHARE * len(text)
