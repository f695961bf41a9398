"""DocumentReference to Note: text that came with the call, as plain text."""

import base64
import binascii
import re
from datetime import UTC, datetime

from fhir_mappings.elements import Element
from fhir_mappings.inputs import Call
from fhir_mappings.pool import reference_to
from fhir_mappings.record import Note
from fhir_mappings.words import clean_note

LARGEST = 1_000_000  # bytes of text in one note
_LOINC = "http://loinc.org"
_STATES = frozenset({"", "final", "amended", "preliminary", "corrected", "appended"})
_CHARSETS = {
    "utf-8": "utf-8-sig",
    "utf8": "utf-8-sig",
    "us-ascii": "ascii",
    "ascii": "ascii",
    "iso-8859-1": "cp1252",  # what its writers mean, as in HTML
    "latin1": "cp1252",
    "windows-1252": "cp1252",
    "iso-8859-15": "iso-8859-15",
    "utf-16": "utf-16",
}
_CHARSET = re.compile(r"charset\s*=\s*\"?([\w-]+)", re.ASCII | re.IGNORECASE)


class UnreadText(Exception):  # noqa: N818 - a situation, named as such
    """An attachment that is not text we can read; says why."""


def map_notes(call: Call) -> tuple[Note, ...]:
    """The current documents that could be read, newest first; the others become gaps."""
    current = [e for e in call.pool.of_type("DocumentReference") if _is_current(e)]
    notes = [note for element in current if (note := _map_note(element, call)) is not None]
    oldest = datetime.min.replace(tzinfo=UTC)
    return tuple(sorted(notes, key=lambda note: note.written or oldest, reverse=True))


def read_attachment(attachment: Element) -> str:
    """The text of an inline text/plain attachment.

    Raises:
        UnreadText: it holds no such text, with what was found instead.
    """
    stated = attachment.text("contentType") or ""
    kind = stated.partition(";")[0].strip().lower()
    if kind != "text/plain":
        raise UnreadText("its content type is not text/plain")
    data = attachment.text("data")
    if data is None:
        raise UnreadText("its text is not in the resource")
    if len(data) > LARGEST * 4 // 3 + 4:
        raise UnreadText(f"its text is larger than {LARGEST} bytes")
    return _decode(data, _CHARSET.search(stated))


def _decode(data: str, charset: re.Match[str] | None) -> str:
    name = charset.group(1).lower() if charset else "utf-8"
    if name not in _CHARSETS:
        raise UnreadText("its charset is not one we read")
    try:
        raw = base64.b64decode("".join(data.split()), validate=True)
        text = clean_note(raw.decode(_CHARSETS[name]))
    except (binascii.Error, UnicodeDecodeError, ValueError) as error:
        raise UnreadText("its data is not base64 of text in its charset") from error
    if not text.strip():
        raise UnreadText("its text is empty")
    return text


def _is_current(element: Element) -> bool:
    status = (element.text("status") or "current").lower()
    return status == "current" and (element.text("docStatus") or "").lower() in _STATES


def _map_note(element: Element, call: Call) -> Note | None:
    reasons = []
    for content in element.many("content"):
        attachment = content.one("attachment")
        try:
            text = read_attachment(attachment)
        except UnreadText as error:
            reasons.append(str(error))
            continue
        return Note(
            text=text,
            loinc=element.codeable("type").code_in(_LOINC),
            written=_written(element, attachment),
            reference=reference_to(element),
        )
    reason = reasons[0] if reasons else "it has no content"
    meaning = f"a document was not read: {reason}"
    call.gaps.add("note-not-read", element.where, meaning, shown=True)
    return None


def _written(element: Element, attachment: Element) -> datetime | None:
    period = element.one("context").one("period")
    return (
        element.moment("date", "created", "indexed")
        or attachment.moment("creation")
        or period.moment("end", "start")
    )
