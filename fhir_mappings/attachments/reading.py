"""One door: bytes and a content type in, plain text out."""

from collections.abc import Callable

from fhir_mappings.attachments.charsets import charset_of, decode
from fhir_mappings.attachments.kinds import Kind, kind_of
from fhir_mappings.attachments.unread import LARGEST_BYTES, LARGEST_TEXT, UnreadText
from fhir_mappings.words import clean_note

Reader = Callable[[bytes, str | None], str]  # of bytes and the charset declared, if any


def text_of(data: bytes, content_type: str) -> str:
    """Return the text of a document, with its lines kept and without control characters.

    Reads plain text, HTML, RTF, PDF with a text layer and C-CDA; which of these it is, says
    `kind_of`. It is total: whatever the bytes, it returns or raises UnreadText. It may take long.

    Args:
        data: The document, at most LARGEST_BYTES.
        content_type: As declared, parameters included; "" where none is.

    Returns:
        1 to LARGEST_TEXT characters, not only white space.

    Raises:
        UnreadText: There is no such text in it, with what was found instead.
    """
    if len(data) > LARGEST_BYTES:
        raise UnreadText(f"it is larger than {LARGEST_BYTES:,} bytes")
    kind = kind_of(data, content_type)
    text = clean_note(_read(kind, data, charset_of(content_type)))
    if len(text) > LARGEST_TEXT:
        raise UnreadText(f"its text is longer than {LARGEST_TEXT:,} characters")
    if not text.strip():
        raise UnreadText("its text is empty")
    return text


def _read(kind: Kind, data: bytes, charset: str | None) -> str:
    reader = _reader_of(kind)
    try:
        return reader(data, charset)
    except UnreadText:
        raise
    except MemoryError as error:
        raise UnreadText("it takes more memory to read than is allowed") from error
    except Exception as error:  # whatever its library raises for odd bytes
        raise UnreadText(f"it could not be read as {kind}") from error


def _reader_of(kind: Kind) -> Reader:
    """The reader of a kind. Its library is imported when the first such document comes."""
    match kind:
        case Kind.TEXT:
            return decode
        case Kind.HTML:
            from fhir_mappings.attachments.html import read_html

            return read_html
        case Kind.RTF:
            from fhir_mappings.attachments.rtf import read_rtf

            return lambda data, _: read_rtf(data)
        case Kind.PDF:
            from fhir_mappings.attachments.pdf import read_pdf

            return lambda data, _: read_pdf(data)
        case Kind.XML:
            from fhir_mappings.attachments.ccda import read_ccda

            return lambda data, _: read_ccda(data)
