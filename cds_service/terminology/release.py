"""Reading an RxNorm release: its three files as values, a block of lines at a time.

    RXNCONSO.RRF   names of concepts       RXCUI ... SAB|TTY|CODE|STR ... SUPPRESS
    RXNREL.RRF     relations of concepts   RXCUI2 has the relation RELA to RXCUI1
    RXNSAT.RRF     attributes, NDCs among them

Every line ends in "|". What a file holds beside these rows is passed over; a line of another shape
is refused, since a release that was cut short would silently lose drugs.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path

from cds_service.manners import Watch, unwatched

SOURCE = "RXNORM"
TERM_TYPES = frozenset("IN PIN MIN SCD SBD SCDC BN BPCK GPCK".split())
ATC_SOURCE = "ATC"
_BLOCK = 1 << 20  # bytes of whole lines that are read at once
_MAX_CODE = 16  # characters: RxNorm's codes have 8, NDCs 11


class ReleaseRefused(Exception):  # noqa: N818 - a situation, named as such
    """The folder holds no release that can be used; the message says where, and what to do."""


@dataclass(frozen=True, slots=True)
class Concept:
    """One RxNorm concept."""

    rxcui: str
    tty: str
    name: str
    is_current: bool


@dataclass(frozen=True, slots=True)
class Relation:
    """What stands first has the relation to what stands second."""

    subject: str
    relation: str
    target: str


@dataclass(frozen=True, slots=True)
class Release:
    """A folder with the files of a release."""

    folder: Path
    watch: Watch = unwatched

    @property
    def version(self) -> str:
        """What the folder is called; NLM names it after its date, with the files in rrf/."""
        named = self.folder.resolve()
        return (named.parent if named.name == "rrf" else named).name

    def concepts(self) -> Iterator[Concept]:
        """The concepts of the term types that lead to ingredients."""
        for row in self._rows("RXNCONSO.RRF", 18):
            if row[11] == SOURCE and row[12] in TERM_TYPES:
                yield Concept(row[0], row[12], row[14], row[16] == "N")

    def atc_codes(self) -> Iterator[tuple[str, str]]:
        """(code, concept) of every ATC substance, where the release holds ATC."""
        for row in self._rows("RXNCONSO.RRF", 18):
            if row[11] == ATC_SOURCE and row[12] == "IN":
                yield row[13], row[0]

    def relations(self) -> Iterator[Relation]:
        """RxNorm's own relations between concepts."""
        for row in self._rows("RXNREL.RRF", 16):
            if row[10] == SOURCE and row[0] and row[4]:
                yield Relation(row[4], row[7], row[0])

    def ndcs(self) -> Iterator[tuple[str, str]]:
        """(NDC, concept), the NDC as written there."""
        for row in self._rows("RXNSAT.RRF", 13):
            if row[8] == "NDC" and row[9] == SOURCE:
                yield row[10], row[0]

    def _rows(self, name: str, columns: int) -> Iterator[list[str]]:
        path = self._path(name)
        with path.open("rb") as file:
            blocks = iter(partial(file.readlines, _BLOCK), [])
            watched = self.watch(blocks, f"reading {name}", path.stat().st_size // _BLOCK + 1)
            for number, line in enumerate(chain.from_iterable(watched), 1):
                yield _row(path, number, line, columns)

    def _path(self, name: str) -> Path:
        for path in (self.folder / name, self.folder / "rrf" / name):
            if path.is_file():
                return path
        raise ReleaseRefused(
            f"{self.folder} holds no {name}: name the folder of an unpacked RxNorm release, "
            "or its rrf folder"
        )


def _row(path: Path, number: int, line: bytes, columns: int) -> list[str]:
    """One line as its columns; refuses one of another shape."""
    row = _text(path, number, line).rstrip("\r\n").split("|")
    is_whole = line.endswith(b"\n")
    if len(row) != columns + 1 or row[-1] or not is_whole:
        raise ReleaseRefused(
            f"{path} line {number} has {len(row) - 1} columns{'' if is_whole else ' and no end'}; "
            f"wanted are {columns}, each followed by '|', and the end of the line: the file is of "
            "another kind or was cut short, unpack the release again"
        )
    if row[0] and not (len(row[0]) <= _MAX_CODE and row[0].isascii() and row[0].isdigit()):
        raise ReleaseRefused(
            f"{path} line {number} begins with {row[0][:40]!r}; wanted is an RXCUI, a number: "
            "the file is of another kind, name the folder of an RxNorm release"
        )
    return row


def _text(path: Path, number: int, line: bytes) -> str:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ReleaseRefused(
            f"{path} line {number} holds the byte {line[error.start]:#04x} where UTF-8 is wanted: "
            "unpack the release again, and convert nothing"
        ) from None
