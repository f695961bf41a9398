"""A temporary SQLite file that sorts and joins what does not fit in memory.

Readers add rows in the order of their files; `settle` sorts each table once by visit, and from
then on the visits are read in order with everything of theirs beside them. Texts that repeat (drug
names, codes) are kept once in memory and stand in the tables as numbers.
"""

import tempfile
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Generic, TypeVar

from lamo.exports.scratch import add_rows, open_scratch
from lamo.exports.tally import Tally

T = TypeVar("T", bound=Hashable)

_SCHEMA = """
CREATE TABLE visit (id INTEGER PRIMARY KEY, patient, admitted TEXT, discharged TEXT, age INTEGER,
                    sex TEXT, setting TEXT, bucket TEXT, episode TEXT);
CREATE TABLE order_row (visit INTEGER, item INTEGER, at TEXT);
CREATE TABLE code_row (visit INTEGER, kind TEXT, code INTEGER, seq INTEGER, at TEXT);
CREATE TABLE note (visit INTEGER, at TEXT, kind TEXT, text TEXT);
CREATE TABLE home (visit INTEGER, item INTEGER, at TEXT);
CREATE TABLE allergy (visit INTEGER, item INTEGER, at TEXT);
"""

# one sort per table; the sorted rows are then appended, never inserted in the middle
_SETTLE = """
CREATE TABLE given (visit INTEGER, item INTEGER, at TEXT, PRIMARY KEY (visit, item)) WITHOUT ROWID;
INSERT INTO given SELECT visit, item, MIN(at) FROM order_row GROUP BY visit, item;
DROP TABLE order_row;
CREATE TABLE code (visit INTEGER, kind TEXT, code INTEGER, seq INTEGER, at TEXT,
                   PRIMARY KEY (visit, kind, code)) WITHOUT ROWID;
INSERT INTO code SELECT visit, kind, code, MIN(seq), MIN(at) FROM code_row
    GROUP BY visit, kind, code;
DROP TABLE code_row;
CREATE INDEX note_of ON note (visit, at);
CREATE INDEX home_of ON home (visit);
CREATE INDEX allergy_of ON allergy (visit);
"""

_INSERTS = {
    "visit": "INSERT OR IGNORE INTO visit VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
    "order": "INSERT INTO order_row VALUES (?, ?, ?)",
    "code": "INSERT INTO code_row VALUES (?, ?, ?, ?, ?)",
    "note": "INSERT INTO note VALUES (?, ?, ?, ?)",
    "home": "INSERT INTO home VALUES (?, ?, ?)",
    "allergy": "INSERT INTO allergy VALUES (?, ?, ?)",
}


@dataclass(slots=True)
class Numbering(Generic[T]):
    """Numbers for values that repeat."""

    values: list[T] = field(default_factory=list)
    _numbers: dict[T, int] = field(default_factory=dict)

    def number(self, value: T) -> int:
        """The number of the value; a new one the first time."""
        found = self._numbers.get(value)
        if found is None:
            found = self._numbers[value] = len(self.values)
            self.values.append(value)
        return found


class StayStore:
    """The rows of every stay of a hospital's tables. A context manager: the file goes with it."""

    def __init__(self, tally: Tally, scratch: Path | None = None) -> None:
        self.tally = tally
        self.items: Numbering[tuple[str, str]] = Numbering()  # (drug text, NDC)
        self.codes: Numbering[tuple[str, str]] = Numbering()  # (code system or "text", code)
        self._folder = tempfile.TemporaryDirectory(prefix="cohort-", dir=scratch)
        self.db = open_scratch(Path(self._folder.name) / "stays.sqlite")
        self.db.executescript(_SCHEMA)

    def __enter__(self) -> "StayStore":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.db.close()
        self._folder.cleanup()

    def add(self, table: str, rows: Iterable[tuple[object, ...]]) -> None:
        """Append rows to visit, order, code, note, home or allergy, in the columns' order."""
        add_rows(self.db, _INSERTS[table], rows)

    def settle(self) -> None:
        """Sort everything by visit, each (visit, item) and (visit, code) once; count the rest."""
        before = [self.number("SELECT COUNT(*) FROM order_row")]
        before.append(self.number("SELECT COUNT(*) FROM code_row"))
        self.db.executescript(_SETTLE)
        orders, codes = (
            self.number("SELECT COUNT(*) FROM given"),
            self.number("SELECT COUNT(*) FROM code"),
        )
        self.tally.drop("prescriptions: the same drug of the same visit again", before[0] - orders)
        self.tally.drop("codes: the same code of the same visit again", before[1] - codes)

    def number(self, query: str, *values: object) -> int:
        """The one number that a query gives."""
        found: int = self.db.execute(query, values).fetchone()[0]
        return found
