import base64

import pytest

from tests.fhir_mappings.calls import SUBJECT, Resource, kinds, map_call


def encode(text: str, charset: str = "utf-8") -> str:
    return base64.b64encode(text.encode(charset)).decode()


def document(attachment: object, **more: object) -> Resource:
    base: Resource = {"resourceType": "DocumentReference", "id": "d1", "status": "current"}
    content = {"content": [{"attachment": attachment}]}
    return base | {"subject": SUBJECT, "date": "2026-11-01T10:00:00Z"} | content | more


def plain(text: str, content_type: str = "text/plain", charset: str = "utf-8") -> Resource:
    return {"contentType": content_type, "data": encode(text, charset)}


def test_the_notes_are_read_newest_first() -> None:
    loinc = {"coding": [{"system": "http://loinc.org", "code": "18842-5"}]}
    record, gaps = map_call(
        document(plain("old"), id="d2", date="2019"),
        document(plain("HPI:\r\n well\x00"), type=loinc, docStatus="final"),
    )
    assert [note.text for note in record.notes] == ["HPI:\n well", "old"]
    assert (record.notes[0].loinc, record.notes[0].reference) == (
        "18842-5",
        "DocumentReference/d1",
    )
    assert gaps == ()


@pytest.mark.parametrize("charset", ["iso-8859-1", "UTF-8", "windows-1252"])
def test_the_charset_of_the_attachment_is_honoured(charset: str) -> None:
    record, _ = map_call(document(plain("fièvre", f"text/plain; charset={charset}", charset)))
    assert record.notes[0].text == "fièvre"


@pytest.mark.parametrize(
    ("attachment", "reason"),
    [
        ({"contentType": "text/plain", "url": "Binary/1"}, "not in the resource"),
        ({"contentType": "application/pdf", "data": encode("x")}, "not text/plain"),
        ({"contentType": "text/plain", "data": "%%%"}, "not base64"),
        ({"contentType": "text/plain", "data": "/////w=="}, "not base64 of text in its charset"),
        ({"contentType": "text/plain; charset=x-odd", "data": encode("x")}, "charset"),
        ({"contentType": "text/plain", "data": encode("x" * 1_000_100)}, "larger than"),
        ({"contentType": "text/plain", "data": encode("  ")}, "empty"),
        ("a string", "not text/plain"),
    ],
)
def test_a_note_that_was_not_read_is_a_shown_gap(attachment: object, reason: str) -> None:
    record, gaps = map_call(document(attachment))
    assert record.notes == ()
    assert [gap.shown for gap in gaps if gap.kind == "note-not-read" and reason in gap.meaning]


def test_one_readable_form_of_a_document_is_enough() -> None:
    forms = [{"attachment": {"contentType": "text/html"}}, {"attachment": plain("well")}]
    record, gaps = map_call(document({}, content=forms))
    assert [note.text for note in record.notes] == ["well"]
    assert gaps == ()


@pytest.mark.parametrize(
    "state",
    [{"status": "superseded"}, {"status": "entered-in-error"}, {"docStatus": "entered-in-error"}],
)
def test_a_document_that_no_longer_holds_is_not_read(state: dict[str, str]) -> None:
    record, gaps = map_call(document(plain("old"), **state))
    assert record.notes == ()
    assert kinds(gaps) == []
