"""Time the reading of documents by format, and what hostile ones take of the process that reads.

    python -m benchmarks.attachments

Each document goes through a `ReadingRoom`, as in the service. Memory is the peak of its child.
"""

import statistics
import threading
import time
import zlib
from pathlib import Path

import click

from cds_service.notes.reading_room import ReadingRoom
from cds_service.notes.reading_room_child import CPU_S, MEMORY
from fhir_mappings.attachments import LARGEST_BYTES, LARGEST_TEXT, UnreadText
from lamo.deadline import Deadline

MIB = 2**20
START_MS, SMALL_MS = 150.0, 30.0  # wanted: the first document, a small one later
LINE = "aspirin 81 MG Oral Tablet, one tablet by mouth once a day "
PDF, RTF, HTML, XML = "application/pdf", "application/rtf", "text/html", "text/xml"
Document = tuple[bytes, str]  # and its content type


def pdf(content: bytes, filters: bytes = b"", kids: int = 1) -> Document:
    """A PDF that draws the same page so many times."""
    stream = b"<<%b /Length %d>> stream\n%b\nendstream" % (filters, len(content), content)
    objects = (
        b"<</Type /Catalog /Pages 2 0 R>>",
        b"<</Type /Pages /Count %d /Kids [%b]>>" % (kids, b"3 0 R " * kids),
        b"<</Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents 4 0 R"
        b" /Resources <</Font <</F 5 0 R>>>>>>",
        stream,
        b"<</Type /Font /Subtype /Type1 /BaseFont /Helvetica>>",
    )
    body, table = b"%PDF-1.4\n", b"xref\n0 6\n0000000000 65535 f \n"
    for number, written in enumerate(objects, 1):
        table += b"%010d 00000 n \n" % len(body)
        body += b"%d 0 obj %b endobj\n" % (number, written)
    end = b"trailer <</Size 6 /Root 1 0 R>>\nstartxref\n%d\n%%%%EOF" % len(body)
    return body + table + end, PDF


def written(lines: int) -> bytes:
    """What draws so many lines on a page of a PDF."""
    shown = f"({LINE}) Tj 0 -12 Td " * lines
    return f"BT /F 9 Tf 50 780 Td {shown}ET".encode()


def rtf(body: str) -> Document:
    """An RTF document."""
    return f"{{\\rtf1\\ansi {body}}}".encode(), RTF


def ccda(text: str, before: str = "") -> Document:
    """A C-CDA document with one section."""
    section = f'<section><code code="10160-0"/><text>{text}</text></section>'
    body = f"<component><structuredBody><component>{section}</component></structuredBody>"
    root = f'<ClinicalDocument xmlns="urn:hl7-org:v3">{body}</component></ClinicalDocument>'
    return f"{before}{root}".encode(), XML


def inflating(count: int) -> bytes:
    """So many megabytes of nothing, packed."""
    packer = zlib.compressobj(9)
    return b"".join(packer.compress(bytes(1_000_000)) for _ in range(count)) + packer.flush()


def documents() -> dict[str, Document]:
    """Honest ones: small as most are, and long."""
    row = f"<tr><td>{LINE}</td><td>Active</td></tr>"
    return {
        "text, 50 lines": (f"{LINE}\n".encode() * 50, "text/plain"),
        "text, 10,000 lines": (f"{LINE}\n".encode() * 10_000, "text/plain"),
        "RTF, 50 lines": rtf(f"{LINE}\\par " * 50),
        "RTF, 10,000 lines": rtf(f"{LINE}\\par " * 10_000),
        "PDF, 1 page": pdf(written(50)),
        "PDF, 100 pages": pdf(written(50), kids=100),
        "HTML, 50 rows": (f"<table>{row * 50}</table>".encode(), HTML),
        "HTML, 5,000 rows": (f"<table>{row * 5000}</table>".encode(), HTML),
        "C-CDA, 50 rows": ccda(f"<table>{row * 50}</table>"),
        "C-CDA, 10,000 rows": ccda(f"<table>{row * 10_000}</table>"),
    }


def bombs() -> dict[str, Document]:
    """Hostile ones."""
    laughs = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 10))
    flate = b"/Filter /FlateDecode"
    return {
        "PDF inflating to 4 GB": pdf(inflating(4000), flate),
        "PDF inflating twice": pdf(zlib.compress(inflating(4000)), b"/Filter [/Fl /Fl]"),
        "PDF of 800,000 pages": pdf(written(1), kids=800_000),
        "PDF page of 400,000 words": pdf(zlib.compress(b"BT (a) Tj ET " * 400_000), flate),
        "PDF arrays 1 million deep": pdf(b"[" * 1_000_000),
        "PDF of broken objects": (b"%PDF-1.4\n" + b"1 0 obj " * 600_000, PDF),
        "RTF groups 2 million deep": rtf("{" * 2_000_000),
        "RTF endless font table": rtf("{\\fonttbl" + "\\f1" * 1_000_000 + "}"),
        "RTF of links": rtf("{\\field{\\*\\fldinst{ HYPERLINK " * 100_000),
        "HTML 900,000 tags deep": (b"<div>" * 900_000, HTML),
        "HTML table of 5 MB": (b"<tr><td>a" * 550_000, HTML),
        "HTML of many attributes": (b"<p " + b"a%d " * 1_000_000 + b">x", HTML),
        "C-CDA 200,000 tags deep": ccda("<list>" * 200_000 + "</list>" * 200_000),
        "C-CDA billion laughs": ccda("&l9;", f'<!DOCTYPE x [<!ENTITY l0 "ha">{laughs}]>'),
        "C-CDA of 1 million elements": ccda("<br/>" * 950_000),
    }


@click.command()
@click.option("--times", default=10, show_default=True, help="To read each honest document.")
@click.option("--deadline", default=30_000, show_default=True, help="For each, in milliseconds.")
def main(times: int, deadline: int) -> None:
    """Print the tables."""
    click.echo(f"{'first document':<30}{'ms':>8}   (wanted: {START_MS:.0f})")
    for name, document in WARM_UP.items():
        room = ReadingRoom()
        ms, _ = _timed(room, document, deadline)
        room.close()
        click.echo(f"{name:<30}{ms:>8.1f}")
    click.echo(f"\n{'later document':<30}{'KB':>8}{'ms':>8}{'MB/s':>8}{'MiB':>8}  outcome")
    _table(documents(), times, deadline)
    click.echo(f"(wanted: {SMALL_MS:.0f} ms for a small PDF or RTF)")
    click.echo(f"\n{'hostile document':<30}{'KB':>8}{'ms':>8}{'MB/s':>8}{'MiB':>8}  outcome")
    _table(bombs(), 1, deadline)
    click.echo(
        f"\nlimits: {LARGEST_BYTES / 1e6:.0f} MB in, {LARGEST_TEXT / 1e6:.0f} million characters "
        f"out, {MEMORY / MIB:.0f} MiB of address space and {CPU_S} s of processor for a document, "
        f"{deadline / 1000:.0f} s here (the service passes what is left of a call)"
    )


def _table(documents: dict[str, Document], times: int, deadline: int) -> None:
    """A line for each document, read by a child that has read a small one of each kind."""
    for name, document in documents.items():
        room = ReadingRoom()
        for warm in WARM_UP.values():
            _timed(room, warm, deadline)
        with Peak(room) as peak:
            results = [_timed(room, document, deadline) for _ in range(times)]
        room.close()
        ms, size = statistics.median(ms for ms, _ in results), len(document[0]) / 1e3
        click.echo(
            f"{name:<30}{size:>8.0f}{ms:>8.1f}{size / ms:>8.1f}{peak.mib:>8.0f}  {results[-1][1]}"
        )


def _timed(room: ReadingRoom, document: Document, deadline: int) -> tuple[float, str]:
    """Milliseconds, and what came of it."""
    started = time.perf_counter()
    try:
        text = room.text_of(*document, Deadline.after_ms(deadline))
        outcome = f"{len(text):,} characters"
    except UnreadText as error:
        outcome = f"unread: {error}"
    return (time.perf_counter() - started) * 1000, outcome


class Peak(threading.Thread):
    """Looks every few milliseconds at the most memory that the child has had so far."""

    def __init__(self, room: ReadingRoom) -> None:
        super().__init__(daemon=True)
        self.mib = 0.0
        self._room = room
        self._over = threading.Event()

    def run(self) -> None:
        """Until the block ends."""
        while not self._over.wait(0.005):
            self._look()

    def _look(self) -> None:
        try:
            lines = Path(f"/proc/{self._room.child_id}/status").read_text().splitlines()
        except OSError:  # it was killed, or is being replaced
            return
        peaks = [int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")]
        self.mib = max([self.mib, *peaks])

    def __enter__(self) -> "Peak":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._look()
        self._over.set()
        self.join()


WARM_UP = {
    "RTF": rtf(f"{LINE}\\par " * 50),
    "C-CDA": ccda(f"<table>{f'<tr><td>{LINE}</td></tr>' * 50}</table>"),
    "HTML": (f"<p>{LINE}".encode() * 50, HTML),
    "PDF": pdf(written(50)),
}


if __name__ == "__main__":
    main()
