"""Our rules beside medspaCy: how well each reads notes that a person has read, how fast, how heavy.

    python -m benchmarks.note_readers [FOLDER ...]

A folder holds notes with their readings beside them, as tests/data/notes/hand does. medspaCy wants
older libraries than ours, so it takes an environment of its own; where it is missing, a line says
how to get it. Speed is that of the notes one by one, and of all of them as one text.
"""

import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import click

from benchmarks.medspacy_reader import MedspacyMissing, MedspacyReader
from fhir_mappings.formulary import Formulary
from lamo.notes.evaluation import (
    LISTS,
    ReadByHand,
    Tally,
    evaluate,
    found_bounds,
    gold_bounds,
    notes_in,
)
from lamo.notes.rules import RuleReader
from lamo.notes.sections import NoteReader

ROOT = Path(__file__).parents[1]
HAND = ROOT / "tests/data/notes/hand"
MB = 1e6
ROUNDS = 3
NEEDED = re.compile(r"^([A-Za-z0-9._-]+)(?!.*\bextra\s*==)")  # of a requirement: its name
LOAD = {
    "rules": "from lamo.notes.rules import RuleReader as Reader",
    "medspacy": "from benchmarks.medspacy_reader import MedspacyReader as Reader",
}
LOADED = "; from fhir_mappings.formulary import Formulary; Reader(Formulary.load())"


@dataclass(frozen=True, slots=True)
class Contender:
    """A reader, how it bounds sections, and the bytes that it takes on disk."""

    key: str
    reader: NoteReader
    bounds: Callable[[str], Iterable[str]]
    size: int


@click.command()
@click.argument("folders", nargs=-1, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--missed", is_flag=True, help="Print what each reader missed and added, too.")
def main(folders: tuple[Path, ...], missed: bool) -> None:
    """Print the table."""
    notes = [note for folder in folders or (HAND,) for note in notes_in(folder)]
    if not notes:
        raise click.UsageError("no note (*.txt) with its reading (*.json) beside it in there")
    formulary = Formulary.load()
    size = sum(len(note.text.encode()) for note in notes)
    click.echo(f"{len(notes)} notes, {size / 1e3:.0f} kB\n")
    click.echo(
        f"{'':<28}{'allergies':^19}{'medications':^19}{'sections':>9}{'MB/s':>18}{'load':>8}{'disk':>9}"
    )
    click.echo(
        f"{'reader':<28}{'P':>6}{'R':>6}{'F1':>6} {'P':>6}{'R':>6}{'F1':>6} {'F1':>9}"
        f"{'each':>9}{'in one':>9}{'s':>8}{'MB':>9}"
    )
    for contender in contenders(formulary):
        tallies = _tallies(contender, notes, formulary)
        scores = " ".join(
            f"{tallies[name].precision:>6.3f}{tallies[name].recall:>6.3f}{tallies[name].f1:>6.3f}"
            for name in LISTS
        )
        texts = [note.text for note in notes]
        click.echo(
            f"{contender.reader.name:<28}{scores} {tallies['sections'].f1:>9.3f}"
            f"{_speed(contender.reader, texts):>9.3f}"
            f"{_speed(contender.reader, [''.join(texts)]):>9.3f}"
            f"{_load_seconds(contender.key):>8.2f}{contender.size / MB:>9.1f}"
        )
        if missed:
            _print_missed(tallies)


def contenders(formulary: Formulary) -> Iterator[Contender]:
    """Ours, and medspaCy where it is installed."""
    rules = RuleReader(formulary)
    yield Contender("rules", rules, found_bounds, _size_of_ours())
    try:
        other = MedspacyReader(formulary)
    except MedspacyMissing as error:
        click.echo(f"medspacy: {error}")
        return
    yield Contender("medspacy", other, other.bounds, _size_with_needs("medspacy"))


def _tallies(
    contender: Contender, notes: Sequence[ReadByHand], formulary: Formulary
) -> dict[str, Tally]:
    """As `evaluate`, with the sections as this reader bounds them."""
    tallies = evaluate(contender.reader, notes, formulary)
    tallies["sections"] = Tally()
    for note in notes:
        found = set(contender.bounds(note.text))
        tallies["sections"].add(note.name, found, set(gold_bounds(note)))
    return tallies


def _print_missed(tallies: dict[str, Tally]) -> None:
    for name, tally in tallies.items():
        click.echo(f"  {name} missed: {'; '.join(tally.missed) or 'none'}")
        click.echo(f"  {name} added: {'; '.join(tally.added) or 'none'}")


def _speed(reader: NoteReader, texts: Sequence[str]) -> float:
    """Megabytes a second of the best round."""
    size = sum(len(text.encode()) for text in texts)
    seconds = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        for text in texts:
            reader.read(text)
        seconds.append(time.perf_counter() - started)
    return size / MB / min(seconds)


def _load_seconds(key: str) -> float:
    """A new interpreter's time to import a reader and make it ready, without its own start."""
    return _run_seconds(LOAD[key] + LOADED) - _run_seconds("pass")


def _run_seconds(code: str) -> float:
    seconds = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True)
        seconds.append(time.perf_counter() - started)
    return min(seconds)


def _size_of_ours() -> int:
    """The packages that the rules read with; the rest of the product is not counted."""
    folders = (ROOT / "lamo/notes", ROOT / "fhir_mappings")
    files = (file for folder in folders for file in folder.rglob("*"))
    return sum(file.stat().st_size for file in files if file.suffix in (".py", ".csv"))


def _size_with_needs(name: str) -> int:
    """A distribution's files and those of everything that it requires."""
    known: dict[str, int] = {}
    waiting = [name]
    while waiting:
        key = re.sub(r"[-_.]+", "-", waiting.pop()).lower()
        if key in known:
            continue
        try:
            found = metadata.distribution(key)
        except metadata.PackageNotFoundError:  # for another platform
            continue
        paths = (Path(str(file.locate())) for file in found.files or ())
        known[key] = sum(path.stat().st_size for path in paths if path.is_file())
        waiting += [match[1] for need in found.requires or () if (match := NEEDED.match(need))]
    return sum(known.values())


if __name__ == "__main__":
    main()
