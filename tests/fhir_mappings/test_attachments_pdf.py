import json
import logging
import zlib
from base64 import b64decode
from io import BytesIO
from pathlib import Path

import pytest
from pypdf import PdfWriter

from fhir_mappings.attachments import UnreadText, text_of

FONT = b"<</Type /Font /Subtype /Type1 /BaseFont /Helvetica>>"


def pdf_of(*objects: bytes) -> bytes:
    """A PDF of objects numbered from 1, the first its catalog."""
    body, places = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        places.append(len(body))
        body += b"%d 0 obj %b endobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    size = len(objects) + 1
    end = b"trailer <</Size %d /Root 1 0 R>>\nstartxref\n%d\n%%%%EOF" % (size, len(body))
    return body + b"xref\n0 %d\n0000000000 65535 f \n%b%b" % (size, table, end)


def stream(data: bytes, more: bytes = b"") -> bytes:
    return b"<<%b /Length %d>>\nstream\n%b\nendstream" % (more, len(data), data)


def page_of(content: bytes, resources: bytes = b"/Font <</F 5 0 R>>", kids: bytes = b"") -> bytes:
    """A PDF with one page that draws the content, a stream."""
    return pdf_of(
        b"<</Type /Catalog /Pages 2 0 R>>",
        b"<</Type /Pages /Count 1 /Kids [3 0 R %b]>>" % kids,
        b"<</Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents 4 0 R"
        b" /Resources <<%b>>>>" % resources,
        content,
        FONT,
        stream(b"\0", b"/Type /XObject /Subtype /Image /Width 1 /Height 1 /BitsPerComponent 8"
               b" /ColorSpace /DeviceGray"),
    )  # fmt: skip


def drawing(*lines: str) -> bytes:
    shown = "".join(f"({line}) Tj 0 -20 Td " for line in lines)
    return stream(f"BT /F 12 Tf 50 700 Td {shown}ET".encode())


LETTER = page_of(drawing("Allergies:", "Penicillin"))


def test_lines_of_the_text_layer_are_lines() -> None:
    assert text_of(LETTER, "application/pdf") == "Allergies:\nPenicillin"


@pytest.mark.parametrize("content_type", ["", "application/octet-stream", "text/plain"])
def test_a_pdf_is_known_by_its_signature(content_type: str) -> None:
    assert text_of(LETTER, content_type).endswith("Penicillin")


def test_a_scan_is_refused() -> None:
    scan = page_of(stream(b"q 600 0 0 800 0 0 cm /I Do Q"), b"/XObject <</I 6 0 R>>")
    with pytest.raises(UnreadText, match="it is a scan without a text layer"):
        text_of(scan, "application/pdf")


def test_an_encrypted_pdf_is_refused() -> None:
    writer, out = PdfWriter(clone_from=BytesIO(LETTER)), BytesIO()
    writer.encrypt("secret", algorithm="RC4-128")
    writer.write(out)
    with pytest.raises(UnreadText, match="it is encrypted"):
        text_of(out.getvalue(), "application/pdf")


@pytest.mark.parametrize("times", [1, 2])
def test_a_stream_that_inflates_without_end_is_refused(times: int) -> None:
    data, packed = b"(a) Tj " * 10_000_000, b""
    for _ in range(times):
        data = packed = zlib.compress(data)
    filters = b"/Filter [%b]" % (b"/FlateDecode " * times)
    with pytest.raises(UnreadText):
        text_of(page_of(stream(packed, filters)), "application/pdf")


@pytest.mark.parametrize(
    "content",
    [
        stream(b"[" * 200_000),
        stream(b"<<" * 200_000),
        stream(b"q " * 600_000),
        b"[" * 200_000,
    ],
)
def test_deep_and_long_contents_are_refused(content: bytes) -> None:
    with pytest.raises(UnreadText):
        text_of(page_of(content), "application/pdf")


def test_a_cyclic_page_tree_ends() -> None:
    try:
        text = text_of(page_of(drawing("aspirin"), kids=b"2 0 R"), "application/pdf")
    except UnreadText:
        text = "aspirin"
    assert text == "aspirin"


def test_a_form_that_draws_itself_ends() -> None:
    form = b"/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources <</XObject <</X 4 0 R>>>>"
    cyclic = page_of(stream(b"/X Do " * 50, form), b"/XObject <</X 4 0 R>>")
    with pytest.raises(UnreadText):
        text_of(cyclic, "application/pdf")


def test_too_many_pages_are_refused() -> None:
    many = page_of(drawing("aspirin"), kids=b"3 0 R " * 50_000)
    with pytest.raises(UnreadText):
        text_of(many, "application/pdf")


@pytest.mark.parametrize("data", [b"%PDF-1.7", b"%PDF-1.7\n%%EOF", LETTER[:300]])
def test_half_a_pdf_is_unread_or_read_without_a_word(
    data: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG), pytest.raises(UnreadText):
        text_of(data, "application/pdf")
    assert caplog.text == ""


def test_real_documents_are_read(test_data: Path) -> None:
    path = test_data / "data/fhir/us_core_examples/DocumentReference-adi-dnr.json"
    attachment = json.loads(path.read_text())["content"][0]["attachment"]
    text = text_of(b64decode(attachment["data"]), attachment["contentType"])
    assert "DO NOT ATTEMPT RESUSCITATION" in text
