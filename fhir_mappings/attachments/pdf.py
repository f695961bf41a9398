"""PDF to lines, page after page, where it has a text layer."""

import logging
from io import BytesIO

from pypdf import PdfReader, apply_configuration
from pypdf.errors import DependencyError, FileNotDecryptedError, LimitReachedError

from fhir_mappings.attachments.unread import LARGEST_TEXT, UnreadText

_MOST_PAGES = 1000
_LARGEST_STREAM = 20_000_000  # bytes, inflated
_LARGEST_WORK = 60_000_000  # bytes inflated through all filters of one stream
_MOST_PARTS = 500_000  # operands and operators of a page
_LIGATURES = str.maketrans(
    {"\ufb00": "ff", "\ufb01": "fi", "\ufb02": "fl", "\ufb03": "ffi", "\ufb04": "ffl"}
)
logging.getLogger("pypdf").setLevel(logging.CRITICAL + 1)  # its warnings quote what it reads


def read_pdf(data: bytes) -> str:
    """Read the text layer, in the order in which the document draws it.

    A page without one, among pages that have it, adds nothing.

    Raises:
        UnreadText: It is encrypted, has no text layer at all, or is larger than our limits.
    """
    with apply_configuration(
        zlib_maximum_output_length=_LARGEST_STREAM,
        lzw_maximum_output_length=_LARGEST_STREAM,
        run_length_maximum_output_length=_LARGEST_STREAM,
        array_based_stream_maximum_output_length=_LARGEST_STREAM,
        stream_decoding_work_maximum_length=_LARGEST_WORK,
        stream_parsing_work_maximum_count=_MOST_PARTS,
        page_tree_maximum_entries=2 * _MOST_PAGES,
        jbig2dec_binary=None,  # no other program
        disable_legacy_handling=True,
    ):
        try:
            pages = _pages(_opened(data))
        except LimitReachedError as error:
            raise UnreadText("it takes more memory or time to read than is allowed") from error
    if not any(page.strip() for page in pages):
        raise UnreadText("it is a scan without a text layer")
    return "\n\n".join(page.strip("\n") for page in pages).translate(_LIGATURES)


def _opened(data: bytes) -> PdfReader:
    try:
        reader = PdfReader(BytesIO(data), root_object_recovery_limit=1000)
    except (DependencyError, FileNotDecryptedError) as error:
        raise UnreadText("it is encrypted") from error
    if reader.is_encrypted:
        raise UnreadText("it is encrypted")
    return reader


def _pages(reader: PdfReader) -> list[str]:
    """The text of each page."""
    if len(reader.pages) > _MOST_PAGES:
        raise UnreadText(f"it has more than {_MOST_PAGES:,} pages")
    texts: list[str] = []
    length = 0
    for page in reader.pages:
        texts.append(page.extract_text())
        length += len(texts[-1])
        if length > LARGEST_TEXT:
            raise UnreadText(f"its text is longer than {LARGEST_TEXT:,} characters")
    return texts
