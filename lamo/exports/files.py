"""Reading a file to its end with its hash, its progress, and its gzip undone."""

import gzip
import hashlib
import io
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from lamo.exports.errors import TableBroken

_CHUNK = 1 << 18  # bytes


class _Watched(io.RawIOBase):
    """A file that tells of every byte that is read from it."""

    def __init__(self, raw: io.FileIO, tell: Callable[[memoryview], None]) -> None:
        self._raw = raw
        self._tell = tell

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        count = self._raw.readinto(buffer) or 0
        self._tell(memoryview(buffer)[:count])
        return count


@contextmanager
def open_text(path: Path, hashes: dict[str, str], progress: bool) -> Iterator[io.TextIOWrapper]:
    """The file as UTF-8 text; once it was read to its end, its SHA-256 stands in `hashes`.

    Args:
        path: a plain file, or a gzipped one whose name ends in .gz.
        hashes: takes the SHA-256 of the file, by its name.
        progress: show a bar on standard error, where that is a terminal.

    Raises:
        TableBroken: the gzip is cut short or none.
    """
    digest = hashlib.sha256()
    shown = progress and sys.stderr.isatty()
    quiet = None if shown else io.StringIO()
    length = path.stat().st_size
    with (
        click.progressbar(length=length, label=path.name, file=quiet or sys.stderr) as bar,
        path.open("rb", buffering=0) as raw,
    ):

        def tell(chunk: memoryview) -> None:
            digest.update(chunk)
            if shown:
                bar.update(len(chunk))

        watched = io.BufferedReader(_Watched(raw, tell), _CHUNK)
        is_gzip = path.suffix.lower() == ".gz"
        binary = io.BufferedReader(gzip.GzipFile(fileobj=watched), _CHUNK) if is_gzip else watched
        try:
            yield io.TextIOWrapper(binary, encoding="utf-8-sig", errors="replace", newline="")
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise TableBroken(path.name, str(error)) from error
        while watched.read(_CHUNK):
            pass
    hashes[_name(path, hashes)] = digest.hexdigest()


def _name(path: Path, taken: dict[str, str]) -> str:
    """The file's name; with its folder's where another file has that name already."""
    return f"{path.parent.name}/{path.name}" if path.name in taken else path.name


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
