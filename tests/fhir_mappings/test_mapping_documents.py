"""Which documents count, and what becomes of their bytes."""

import base64
from typing import Any

import pytest

from fhir_mappings.documents import LARGEST_SUM, MOST
from fhir_mappings.inputs import Attachment, HookResources
from fhir_mappings.mapping import attachment_urls, map_record
from fhir_mappings.record import Gap, PatientRecord
from tests.fhir_mappings.calls import NOW, SUBJECT, Resource, kinds, map_call, tables


def encode(text: str, charset: str = "utf-8") -> str:
    return base64.b64encode(text.encode(charset)).decode()


def document(attachment: object, **more: object) -> Resource:
    base: Resource = {"resourceType": "DocumentReference", "id": "d1", "status": "current"}
    content = {"content": [{"attachment": attachment}]}
    return base | {"subject": SUBJECT, "date": "2026-11-01T10:00:00Z"} | content | more


def plain(text: str, content_type: str = "text/plain") -> Resource:
    return {"contentType": content_type, "data": encode(text)}


def loinc(code: str) -> Resource:
    return {"coding": [{"system": "http://loinc.org", "code": code}]}


def resources_of(*documents: Resource, encounter_id: str | None = None) -> HookResources:
    return HookResources(
        patient_id="p1",
        encounter_id=encounter_id,
        decided_at=NOW,
        prefetched={"documents": documents},
        draft_orders=(),
    )


def texts(record: PatientRecord) -> list[str]:
    return [one.data.decode() for one in record.documents]


def test_the_documents_come_newest_first_with_their_type() -> None:
    record, gaps = map_call(
        document(plain("old"), id="d2", date="2026-02-01"),
        document(plain("new"), type=loinc("18842-5"), docStatus="final"),
    )
    assert texts(record) == ["new", "old"]
    newest = record.documents[0]
    assert (newest.loinc, newest.reference) == ("18842-5", "DocumentReference/d1")
    assert newest.content_type == "text/plain"
    assert gaps == ()


@pytest.mark.parametrize(
    ("attachment", "reason"),
    [
        ({"contentType": "text/plain", "url": "Binary/1"}, "at a place that was not read"),
        ({"contentType": "text/plain", "data": "%%%"}, "not base64"),
        ({"contentType": "text/plain", "data": "A" * 7_000_000}, "larger than"),
        ({"contentType": "text/plain"}, "no content"),
        ("a string", "no content"),
    ],
)
def test_a_document_without_bytes_is_a_gap_and_that_allergies_were_missed_is_shown(
    attachment: object, reason: str
) -> None:
    record, gaps = map_call(document(attachment), document(plain("well"), id="d2"))
    assert texts(record) == ["well"]
    assert [gap.shown for gap in gaps if reason in gap.meaning] == [False]
    assert [(gap.kind, gap.where) for gap in gaps if gap.shown] == [
        ("note-not-checked", "DocumentReference/d1")
    ]


def test_of_several_unread_documents_one_line_is_shown() -> None:
    _, gaps = map_call(document({}), document({}, id="d2"))
    assert kinds(gaps).count("note-not-read") == 2
    assert len([gap for gap in gaps if gap.shown]) == 1


def test_the_plainest_form_of_a_document_is_read() -> None:
    pdf = {"contentType": "application/pdf", "data": encode("%PDF-")}
    forms = [{"attachment": one} for one in (pdf, {"contentType": "text/html"}, plain("well"))]
    record, gaps = map_call(document({}, content=forms))
    assert texts(record) == ["well"]
    assert gaps == ()


@pytest.mark.parametrize(
    ("state", "word"),
    [
        ({"status": "superseded"}, "superseded"),
        ({"status": "entered-in-error"}, "entered in error"),
        ({"docStatus": "entered-in-error"}, "entered in error"),
        ({"docStatus": "preliminary"}, "preliminary"),
        ({"docStatus": "in-progress"}, "of another status"),
    ],
)
def test_what_does_not_hold_is_never_read_and_is_counted(state: Resource, word: str) -> None:
    record, gaps = map_call(document(plain("old"), **state), document(plain("x"), id="d2", **state))
    assert record.documents == ()
    assert [(gap.kind, gap.meaning, gap.shown) for gap in gaps] == [
        ("note-not-chosen", f"Documents that are {word} were not read: 2.", False)
    ]


def test_what_is_another_patients_is_never_read() -> None:
    record, gaps = map_call(document(plain("old"), subject={"reference": "Patient/p2"}))
    assert record.documents == ()
    assert kinds(gaps) == ["other-patient"]


def test_a_document_of_no_patient_counts_as_this_ones_and_it_is_recorded() -> None:
    record, gaps = map_call(document(plain("told"), subject=None))
    assert texts(record) == ["told"]
    assert [(gap.kind, gap.shown) for gap in gaps] == [("note-without-patient", False)]


def test_a_document_that_another_replaces_is_not_read_even_while_it_says_current() -> None:
    replaces = [{"code": "replaces", "target": {"reference": "DocumentReference/d1"}}]
    record, gaps = map_call(
        document(plain("old")), document(plain("new"), id="d2", relatesTo=replaces)
    )
    assert texts(record) == ["new"]
    assert [gap.meaning for gap in gaps] == [
        "Documents that are replaced by another were not read: 1."
    ]


@pytest.mark.parametrize(
    ("more", "counts"),
    [
        ({"type": loinc("34117-2")}, True),
        ({"type": loinc("11488-4")}, True),
        ({"type": {"text": "Progress note"}}, True),
        ({}, True),
        ({"type": loinc("18748-4")}, False),  # a radiology study
        ({"type": {"text": "Electrocardiogram"}}, False),
        ({"date": "2025-10-01"}, False),
        ({"date": "2025-10-01", "context": {"encounter": [{"reference": "Encounter/e1"}]}}, True),
    ],
)
def test_type_and_time_decide_which_notes_count(more: Resource, counts: bool) -> None:
    record, gaps = map_call(document(plain("told"), **more), encounter_id="e1")
    assert texts(record) == (["told"] if counts else [])
    assert ("note-not-chosen" in kinds(gaps)) is not counts


def test_only_the_newest_documents_are_read_and_the_others_are_counted() -> None:
    many = [
        document(plain(f"{n:02}"), id=f"d{n}", date=f"2026-10-{n:02}T10:00:00Z")
        for n in range(1, MOST + 4)
    ]
    record, gaps = map_call(*many)
    assert texts(record) == [f"{n:02}" for n in range(MOST + 3, 3, -1)]
    assert kinds(gaps).count("note-not-chosen") == 3


def test_the_bytes_of_a_call_have_an_end() -> None:
    big = "x" * (LARGEST_SUM // 3)
    many = [document(plain(big), id=f"d{n}", date=f"2026-10-0{n}") for n in range(1, 5)]
    record, gaps = map_call(*many)
    assert len(record.documents) == 3
    assert [gap.meaning for gap in gaps if "took up" in gap.meaning]


def read_with(attachments: dict[str, Attachment], one: Resource) -> tuple[Any, tuple[Gap, ...]]:
    base = resources_of(one)
    call = HookResources(
        patient_id="p1",
        encounter_id=None,
        decided_at=NOW,
        prefetched=base.prefetched,
        draft_orders=(),
        attachments=attachments,
    )
    return map_record(call, tables())


def test_the_urls_of_documents_that_count_are_named_and_what_they_led_to_is_used() -> None:
    there = document({"contentType": "text/html; charset=utf-8", "url": "Binary/1"})
    old = document({"contentType": "text/plain", "url": "Binary/2"}, id="d2", date="2019")
    assert attachment_urls(resources_of(there, old), tables()) == ("Binary/1",)
    got = {"Binary/1": Attachment(data=b"<p>well</p>", content_type="application/octet-stream")}
    record, gaps = read_with(got, there)
    assert record.documents[0].data == b"<p>well</p>"
    assert record.documents[0].content_type == "text/html; charset=utf-8"
    assert "note-not-read" not in kinds(gaps)


def test_why_a_url_led_to_nothing_is_said() -> None:
    there = document({"contentType": "text/plain", "url": "Binary/1"})
    failed = {"Binary/1": Attachment(failure="its server does not have it")}
    record, gaps = read_with(failed, there)
    assert record.documents == ()
    assert "A document was not read: its server does not have it." in [g.meaning for g in gaps]
