import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_mappings.attachments import LARGEST_BYTES, LARGEST_TEXT, UnreadText, text_of

TYPES = (
    *("", "text/plain", "text/html", "application/xhtml+xml", "application/rtf", "text/rtf"),
    *("application/pdf", "application/xml", "text/xml", "application/hl7-cda+xml"),
    *("application/octet-stream", "image/png", "nonsense", "text/plain; charset=utf-16"),
)


@pytest.mark.parametrize(
    ("charset", "codec"),
    [
        ("iso-8859-1", "cp1252"),
        ("Windows-1252", "cp1252"),
        ("UTF-8", "utf-8-sig"),
        ("utf-16", "utf-16"),
        ('"iso-8859-15"', "iso-8859-15"),
        ("shift_jis", "shift_jis"),
    ],
)
def test_text_is_read_in_its_charset(charset: str, codec: str) -> None:
    word = "薬" if codec == "shift_jis" else "fièvre 5 €"
    assert text_of(word.encode(codec), f"text/plain; charset={charset}") == word


def test_text_without_a_charset_is_utf_8_or_bears_a_mark() -> None:
    assert text_of("fièvre".encode(), "text/plain") == "fièvre"
    assert text_of(codecs.BOM_UTF16_LE + "fièvre".encode("utf-16-le"), "text/plain") == "fièvre"


@pytest.mark.parametrize(
    "charset",
    [
        *("utf-7", "unicode_escape", "raw-unicode-escape", "idna", "punycode", "undefined"),
        *("rot13", "hex", "base64", "zip", "bz2", "../os", "x" * 99, "klingon", ""),
    ],
)
def test_a_charset_that_is_none_is_refused(charset: str) -> None:
    with pytest.raises(UnreadText, match="its charset is not one we read"):
        text_of(b"aspirin", f"text/plain; charset={charset}")


def test_bytes_that_do_not_fit_the_charset_are_refused_and_not_quoted() -> None:
    with pytest.raises(UnreadText) as error:
        text_of(b"aspirin \xff", "text/plain; charset=utf-8")
    assert str(error.value) == "its bytes are not text in its charset"


def test_control_characters_and_line_ends_are_cleaned() -> None:
    assert text_of(b"HPI:\r\n well\x00\x07", "text/plain") == "HPI:\n well"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b" " * (LARGEST_BYTES + 1), "it is larger than 5,000,000 bytes"),
        (b"a" * (LARGEST_TEXT + 1), "its text is longer than 1,000,000 characters"),
        (b" \n\0", "its text is empty"),
    ],
)
def test_what_is_too_large_or_empty_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(UnreadText, match=reason):
        text_of(data, "text/plain")


@pytest.mark.parametrize(
    ("content_type", "what"),
    [
        ("image/tiff", "an image"),
        ("image/svg+xml", "an image"),
        ("audio/mpeg", "a sound recording"),
        ("application/dicom", "a DICOM object"),
        ("application/zip", "an archive"),
        ("application/msword", "an office file"),
        ("application/edf", "a waveform"),
        ("application/x-unheard-of", "of a type that we do not read"),
    ],
)
def test_what_is_not_text_is_named(content_type: str, what: str) -> None:
    with pytest.raises(UnreadText, match=f"it is {what}, not text"):
        text_of(b"aspirin", content_type)


@pytest.mark.parametrize(
    ("data", "content_type"),
    [
        (b"{\\rtf1 aspirin}", ""),
        (b"{\\rtf1 aspirin}", "text/plain"),
        (b"{\\rtf1 aspirin}", "application/pdf"),
        (b"<!DOCTYPE html><p>aspirin", "application/octet-stream"),
        (b"aspirin", "application/octet-stream"),
        (b"aspirin", "application/pdf"),
    ],
)
def test_bytes_that_clearly_are_something_are_read_as_that(data: bytes, content_type: str) -> None:
    assert text_of(data, content_type).strip() == "aspirin"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\x89PNG\r\n", "it is an image"),
        (b"PK\x03\x04", "it is an archive or an office file"),
        (b"\0" * 128 + b"DICM", "it is a DICOM object"),
        (b"\x01\x02\x03", "it is binary data"),
    ],
)
def test_undeclared_bytes_that_are_no_text_are_refused(data: bytes, reason: str) -> None:
    with pytest.raises(UnreadText, match=reason):
        text_of(data, "application/octet-stream")


_FRAGMENTS = st.sampled_from(
    [
        *(b"%PDF-1.4\n", b"{\\rtf1 ", b"<html><p>", b"\\'e9", b"\\bin9 ", b"\\u-3 ", b"{", b"}"),
        *(b"<ClinicalDocument xmlns='urn:hl7-org:v3'>", b"<component>", b"<section>", b"<text>"),
        *(b"<table>", b"<td>", b"stream\n", b"1 0 obj <</Type /Page>> endobj ", b"trailer"),
        *(b" /Root 1 0 R", b"\xff\xfe", b"<?xml version='1.0'?>", b"&lt;", b"</text>"),
    ]
)


@given(st.lists(_FRAGMENTS | st.binary(max_size=20)).map(b"".join), st.sampled_from(TYPES))
def test_any_bytes_under_any_type_are_text_or_unread(data: bytes, content_type: str) -> None:
    try:
        assert text_of(data, content_type).strip()
    except UnreadText as error:
        reason = str(error)
    else:
        reason = "it was read"
    assert reason.startswith("it")
