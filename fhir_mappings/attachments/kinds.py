"""What a document is: by its signature, else by the type declared, else by a look at its bytes."""

import re
from enum import StrEnum

from fhir_mappings.attachments.unread import UnreadText

_HEAD = 1024  # bytes that are looked at
_LEAD = b"\xef\xbb\xbf \t\r\n"  # before a signature


class Kind(StrEnum):
    """What we read, in words that complete "it could not be read as ..."."""

    TEXT = "plain text"
    HTML = "HTML"
    RTF = "RTF"
    PDF = "PDF"
    XML = "C-CDA"


_DECLARED = {
    "text/plain": Kind.TEXT,
    "text/html": Kind.HTML,
    "application/xhtml+xml": Kind.HTML,
    "application/xml": Kind.XML,
    "text/xml": Kind.XML,
    "application/cda+xml": Kind.XML,
    "application/hl7-cda+xml": Kind.XML,
}
_SIGNED = frozenset({"application/pdf", "application/x-pdf", "application/rtf", "text/rtf"})
_UNTOLD = frozenset({"", "application/octet-stream", "binary/octet-stream"}) | _SIGNED
_OTHERS = (  # pattern of the type declared, what it is; the first that fits
    (r"application/dicom.*|image/dicom.*", "a DICOM object"),
    (r"image/.*", "an image"),
    (r"audio/.*|application/ogg", "a sound recording"),
    (r"video/.*", "a video"),
    (r".*zip.*|.*compressed.*|application/(?:gzip|x-tar)", "an archive"),
    (r"application/(?:msword|.*officedocument.*|.*opendocument.*|vnd\.ms-.*)", "an office file"),
    (r".*(?:waveform|ecg|edf|hl7-aecg).*", "a waveform"),
    (r".*json.*|.*hl7-v2.*", "a message for machines"),
)
_MARKS = (  # what bytes of no declared type begin with
    (b"\x89PNG", "an image"),
    (b"\xff\xd8\xff", "an image"),
    (b"GIF8", "an image"),
    (b"II*\0", "an image"),
    (b"MM\0*", "an image"),
    (b"PK\x03\x04", "an archive or an office file"),
    (b"\x1f\x8b", "an archive"),
    (b"\xd0\xcf\x11\xe0", "an office file"),
    (b"RIFF", "a recording"),
    (b"OggS", "a recording"),
    (b"ID3", "a recording"),
)
_MARKUP = re.compile(rb"<!doctype html|<html|<body|<head", re.IGNORECASE)
_ELEMENT = re.compile(
    rb"<(p|div|span|table|ul|ol|b|i|u|strong|em|font|h[1-6])\b[^<>]*>.*?</\1>",
    re.IGNORECASE | re.DOTALL,
)
_XML = re.compile(rb"<\?xml|<(?:\w+:)?ClinicalDocument\b")


def kind_of(data: bytes, content_type: str) -> Kind:
    """Tell what the bytes are to be read as.

    1. What begins with %PDF- or {\\rtf is that, whatever is declared: such files come as text/plain
       and as application/octet-stream.
    2. Else the declared type tells, where it is one of ours. Bytes declared as PDF or RTF that are
       not count as undeclared, and plain text that begins with an element of HTML is HTML: its tags
       would stand in what is quoted.
    3. Undeclared bytes (no type, or octet-stream) are HTML, XML or text if they look so: a tag at
       the beginning, or no NUL and no other control character in the first kilobyte.

    Raises:
        UnreadText: It is of a kind that holds no text for us, which is named.
    """
    head = data[:_HEAD].lstrip(_LEAD)
    declared = content_type.partition(";")[0].strip().lower()
    if head.startswith(b"{\\rtf"):
        return Kind.RTF
    if head.startswith(b"%PDF-") or (declared in _UNTOLD and b"%PDF-" in head):
        return Kind.PDF
    if declared == "text/plain" and (_MARKUP.match(head) or _ELEMENT.match(head)):
        return Kind.HTML
    if declared in _DECLARED:
        return _DECLARED[declared]
    if declared.startswith("application/hl7-sdwg"):
        return Kind.XML
    if declared in _UNTOLD:
        return _looks_like(head, data, declared)
    raise UnreadText(f"it is {_name(declared)}, not text")


def _looks_like(head: bytes, data: bytes, declared: str) -> Kind:
    if data[128:132] == b"DICM":
        raise UnreadText("it is a DICOM object, not text")
    for mark, name in _MARKS:
        if head.startswith(mark):
            raise UnreadText(f"it is {name}, not text")
    if _MARKUP.match(head):
        return Kind.HTML
    if _XML.match(head):
        return Kind.HTML if b"<html" in head else Kind.XML
    if head.startswith((b"\xff\xfe", b"\xfe\xff")) or not re.search(rb"[\x00-\x08\x0e-\x1f]", head):
        return Kind.TEXT
    if declared in _SIGNED:
        raise UnreadText("its bytes are not of the type that it declares")
    raise UnreadText("it is binary data of a kind that we do not know")


def _name(declared: str) -> str:
    for pattern, name in _OTHERS:
        if re.fullmatch(pattern, declared):
            return name
    return "of a type that we do not read"
