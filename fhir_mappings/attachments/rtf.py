"""RTF to lines."""

import re

from striprtf.striprtf import rtf_to_text

# An escaped backslash is matched first, so that text about \bin is not taken for one.
_BINARY = re.compile(rb"\\\\|\\bin(\d{1,10}) ?")
_HIGH = re.compile(rb"[\x80-\xff]")


def read_rtf(data: bytes) -> str:
    """Read the text of an RTF document; pictures, notes, headers and footers are not in it.

    Bytes that its code page lacks become U+FFFD. Text marked as hidden or deleted is read too.
    """
    plain = _HIGH.sub(_escaped, _without_binary(data)).decode("ascii")
    text: str = rtf_to_text(plain, errors="replace")  # type: ignore[no-untyped-call]
    return "\n".join(_row(line) for line in text.split("\n"))


def _without_binary(data: bytes) -> bytes:
    r"""Cut out what follows \binN, which may hold braces and backslashes of its own."""
    kept, start = [], 0
    for found in _BINARY.finditer(data):
        if found.group(1) is None or found.start() < start:
            continue
        kept.append(data[start : found.start()])
        start = found.end() + int(found.group(1))
    return b"".join([*kept, data[start:]])


def _escaped(found: re.Match[bytes]) -> bytes:
    r"""A byte beyond ASCII as \'xx, so that the code page of the document is used for it."""
    return b"\\'%02x" % found.group(0)[0]


def _row(line: str) -> str:
    """A line that ends a row of a table, with its cells parted as in the other formats."""
    if not line.rstrip().endswith("|"):
        return line
    return " | ".join(cell.strip() for cell in line.split("|") if cell.strip())
