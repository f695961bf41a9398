import pytest

from fhir_mappings.attachments import UnreadText, text_of

HEAD = rb"{\rtf1\ansi\ansicpg1252\deff0{\fonttbl{\f0 Arial;}}{\info{\author no}}"


def read(body: bytes) -> str:
    return text_of(HEAD + body + b"}", "application/rtf").strip()


def test_paragraphs_become_lines() -> None:
    body = rb"{\b Allergies:}\par Penicillin\line Codeine\par caf\'e9 \u8364? \{x\}"
    assert read(body) == "Allergies:\nPenicillin\nCodeine\ncafé € {x}"


def test_a_row_of_a_table_is_a_line() -> None:
    body = rb"\trowd\intbl Aspirin\cell 81 mg\cell\row\trowd\intbl Metformin\cell\cell\row"
    assert read(body).split("\n") == ["Aspirin | 81 mg", "Metformin"]


def test_bytes_beyond_ascii_are_read_in_the_code_page() -> None:
    russian = rb"{\rtf1\ansi\ansicpg1251 " + "аспирин".encode("cp1251") + b"}"
    assert text_of(russian, "text/rtf") == "аспирин"


def test_pictures_are_cut_out_whatever_is_in_them() -> None:
    assert read(rb"a{\pict\wmetafile8\bin7 }}{\x\\}b") == "ab"
    assert read(rb"a{\pict 89504e47}b") == "ab"
    assert read(rb"the path C:\\bin20 stays") == r"the path C:\bin20 stays"


@pytest.mark.parametrize(
    "body", [b"{" * 1_000_000, b"{" * 1_000_000 + b"}" * 1_000_000, rb"\bin9999999999 x", b"{\\b"]
)
def test_bombs_are_read_up_to_where_they_end(body: bytes) -> None:
    assert read(b"aspirin " + body) == "aspirin"


@pytest.mark.parametrize("body", [rb"\u9999999999 x", b"", b"}}}}"])
def test_what_has_no_text_is_unread(body: bytes) -> None:
    with pytest.raises(UnreadText):
        read(body)
