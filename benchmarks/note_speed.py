"""How fast the rules read, and whether any text makes them slow.

    python -m benchmarks.note_speed
    LAMO_TEST_DATA=FOLDER python -m benchmarks.note_speed    # with 1,215 of Synthea's notes

Every corpus is read once by a reader that has read nothing before. For the last table fragments
that regular expressions stumble over are put together at random and repeated; a text twice as long
may take about twice the time, and one of 200 kB has a limit.
"""

import base64
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random

import click

from benchmarks.open_notes import rows
from fhir_mappings.formulary import Formulary
from lamo.notes.rules import RuleReader

NOTES = Path(__file__).parents[1] / "tests" / "data" / "notes"
WANTED_MB_S, WANTED_MS = 2.0, 100.0
LENGTH = 100_000  # characters of a fuzzed text, and twice as many
SEED = 5
FRAGMENTS = (
    "a", " ", "  ", "\n", "\n\n", "\t", ":", "-", "- ", "1. ", "10 ", "(", ")", "[", "]", ".", "..",
    ",", ";", "|", "/", "no ", "not ", "denies ", "allergic to ", "allergy ", "Allergies: ", "NKDA",
    "takes ", "on ", "mother ", "penicillin ", "aspirin 81 mg ", "and ", "but ", "except ", "HPI: ",
    "Home meds:\n", "'", '"', "<", "#", "=", "->", "--", "....", "x" * 40, "5 mg ", "rash ",
    "with ", "\u2022 ", "d/c ", "w/", "@", "%", "a medication ", "St. ", "E. ", "e.g. ",
    "mg mg mg ",
)  # fmt: skip


def fuzzed(rng: Random, length: int) -> str:
    """A text of some fragments, repeated to a length."""
    unit = "".join(rng.choice(FRAGMENTS) for _ in range(rng.randint(1, 8)))
    return (unit * (length // len(unit) + 1))[:length]


def seconds(text: str, formulary: Formulary) -> float:
    """Processor time of one reading by a reader that has read nothing before."""
    reader = RuleReader(formulary)
    began = time.process_time()
    reader.read(text)
    return time.process_time() - began


def corpora() -> Iterator[tuple[str, Sequence[str]]]:
    """Notes to read."""
    hand = [path.read_text("utf-8") for path in sorted(NOTES.glob("*/*.txt"))]
    yield "120 notes written by hand, dense with lists", hand
    folder = os.environ.get("LAMO_TEST_DATA")
    if folder:
        path = Path(folder, "data/fhir/synthea_bulk_10patients/DocumentReference.000.ndjson.gz")
        yield (
            "1,215 notes of Synthea",
            [base64.b64decode(r["content"][0]["attachment"]["data"]).decode() for r in rows(path)],
        )


def long_notes() -> Iterator[tuple[str, str]]:
    """Single notes of 200 kB."""
    padding = (NOTES / "padding.txt").read_text("ascii")
    hand = "\n\n".join(path.read_text("utf-8") for path in sorted(NOTES.glob("hand/*.txt")))
    lines = "\n".join(f"- lisinopril {number} mg daily" for number in range(300))
    story = f"HPI: {(padding * 60)[:150_000]}\n\nAllergies: penicillin\n\nHome meds:\n{lines}\n\n"
    yield "a long story and 300 medications", (story + padding * 20)[:200_000]
    yield "60 notes by hand in one, lists all over", (hand * 3)[:200_000]


@click.command()
@click.option("--fuzzed", "number", default=400, show_default=True, help="Texts to make up.")
def main(number: int) -> None:
    """Print the tables."""
    click.echo(f"{'corpus':<48}{'bytes':>10}{'MB/s':>8}  wanted {WANTED_MB_S}")
    for name, texts in corpora():
        formulary = Formulary.load()
        took = sum(seconds(text, formulary) for text in texts)
        size = sum(len(text.encode()) for text in texts)
        click.echo(f"{name:<48}{size:>10,}{size / took / 1e6:>8.2f}")
    click.echo(f"\n{'one note of 200 kB':<48}{'':>10}{'ms':>8}  wanted under {WANTED_MS:.0f}")
    for name, text in long_notes():
        click.echo(f"{name:<48}{len(text):>10,}{seconds(text, Formulary.load()) * 1000:>8.0f}")
    _print_fuzzed(number)


def _print_fuzzed(number: int) -> None:
    rng, formulary = Random(SEED), Formulary.load()
    worst: list[tuple[float, float, str]] = []
    for _ in range(number):
        text = fuzzed(rng, 2 * LENGTH)
        once, twice = seconds(text[:LENGTH], formulary), seconds(text, formulary)
        worst.append((twice * 1000, twice / max(once, 0.002), text[:60]))
    slowest = max(worst)
    steepest = max(worst, key=lambda one: one[1])
    click.echo(f"\n{number} fuzzed texts of {2 * LENGTH:,} characters")
    click.echo(f"slowest {slowest[0]:.0f} ms: {slowest[2]!r}")
    click.echo(f"steepest {steepest[1]:.1f} times for twice the length: {steepest[2]!r}")


if __name__ == "__main__":
    main()
