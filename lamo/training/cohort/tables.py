"""CSV tables of a hospital database: gzipped or plain, either letter case, read row by row."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from pathlib import Path

from lamo.exports.errors import (
    ColumnMissing,
    TableAmbiguous,
    TableBroken,
    TableMissing,
)
from lamo.exports.files import open_text
from lamo.exports.tally import Tally

Row = tuple[str, ...]

_LONGEST_FIELD = 1 << 24  # characters: a clinical note is one field
_ENDINGS = (".csv", ".csv.gz")


@dataclass(slots=True, kw_only=True)
class TableFolder:
    """The tables of one database. Every file read to its end has its SHA-256 in `inputs`."""

    folders: Sequence[Path]
    tally: Tally
    progress: bool = False
    inputs: dict[str, str] = field(default_factory=dict)

    def has(self, name: str) -> bool:
        """Whether there is a file for the table."""
        return bool(self._files(name))

    def find(self, name: str) -> Path:
        """The one file of the table.

        Raises:
            TableMissing: there is none.
            TableAmbiguous: there are two.
        """
        files = self._files(name)
        if not files:
            raise TableMissing(name, ", ".join(map(str, self.folders)))
        if len(files) > 1:
            raise TableAmbiguous(name, ", ".join(map(str, files)))
        return files[0]

    def rows(self, name: str, needed: Sequence[str], optional: Sequence[str] = ()) -> Iterator[Row]:
        """The needed (two at least) and then the optional columns of each row of a table.

        An optional column that the table lacks is "" in every row. A row of another length than
        the header is dropped and counted.

        Raises:
            ColumnMissing: a needed column is not there.
            TableBroken: the file is cut short, or is no gzip or CSV at all.
        """
        yield from read_csv(self.find(name), (needed, optional), self)

    def _files(self, name: str) -> list[Path]:
        wanted = {name.lower() + ending for ending in _ENDINGS}
        places = [*self.folders, *(p for f in self.folders for p in sorted(f.glob("*/")))]
        found = (path for place in places for path in sorted(place.iterdir()))
        named = [path for path in found if path.name.lower() in wanted and path.is_file()]
        return list(dict.fromkeys(named))


def read_csv(
    path: Path, columns: tuple[Sequence[str], Sequence[str]], tables: TableFolder
) -> Iterator[Row]:
    """The (needed, optional) columns of one file; see `TableFolder.rows`."""
    csv.field_size_limit(_LONGEST_FIELD)
    with open_text(path, tables.inputs, tables.progress) as lines:
        reader = csv.reader(lines)
        try:
            yield from _read(reader, path.name, columns, tables.tally)
        except csv.Error as error:
            raise TableBroken(path.name, str(error)) from error


def _read(
    reader: Iterator[list[str]],
    table: str,
    columns: tuple[Sequence[str], Sequence[str]],
    tally: Tally,
) -> Iterator[Row]:
    header = [column.strip().lower() for column in next(reader, [])]
    width = len(header)
    pick = itemgetter(*_places(header, table, *columns))
    read = odd = 0
    is_odd = False
    for row in reader:
        is_odd = len(row) != width
        read += 1
        if is_odd:
            odd += 1
            continue
        row.append("")
        yield pick(row)
    tally.count(f"{table}: rows", read)
    tally.drop(f"{table}: row of another length than the header", odd)
    if is_odd:
        raise TableBroken(table, "its last row is not whole")


def _places(
    header: list[str], table: str, needed: Sequence[str], optional: Sequence[str]
) -> list[int]:
    """Where each wanted column stands; one past the end for an optional one that does not."""
    missing = [column for column in needed if column not in header]
    if missing:
        raise ColumnMissing(table, ", ".join(missing), ", ".join(header) or "none")
    return [
        header.index(column) if column in header else len(header) for column in (*needed, *optional)
    ]
