import json
from base64 import b64decode
from pathlib import Path

import pytest

from fhir_mappings.attachments import UnreadText, text_of

TABLE = """<table><thead><tr><th>Date</th><th>Medication</th><th>Status</th></tr></thead><tbody>
<tr><td>2024</td><td>Atenolol <content>25 MG</content></td><td>Active</td></tr>
<tr><td/><td>Lisinopril</td><td>Stopped<br/>on request</td></tr></tbody></table>"""


def section(code: str, text: str, title: str = "A title", more: str = "", inner: str = "") -> str:
    known = f'<code code="{code}" codeSystem="2.16.840.1.113883.6.1"/>'
    body = f"{known}<title>{title}</title><text>{text}</text>{inner}"
    return f"<component><section {more}>{body}</section></component>"


def document(*sections: str, before: str = "") -> bytes:
    body = f"<component><structuredBody>{''.join(sections)}</structuredBody></component>"
    return (
        f'<?xml version="1.0"?>{before}<ClinicalDocument xmlns="urn:hl7-org:v3">'
        f"<title>no</title>{body}</ClinicalDocument>"
    ).encode()


def read(*sections: str) -> str:
    return text_of(document(*sections), "application/hl7-cda+xml")


@pytest.mark.parametrize(
    ("code", "heading"),
    [
        ("48765-2", "Allergies"),
        ("42346-7", "Medications on Admission"),
        ("10160-0", "Medications on Admission"),
        ("10183-2", "Discharge Medications"),
        ("10164-2", "History of Present Illness"),
        ("11348-0", "Past Medical History"),
        ("99999-9", "A title"),
    ],
)
def test_a_section_stands_under_its_heading(code: str, heading: str) -> None:
    assert read(section(code, "Some words.")) == f"{heading}:\nSome words."


def test_medications_beside_those_on_admission_are_just_that() -> None:
    text = read(section("42346-7", "aspirin"), section("10160-0", "metformin"))
    assert text == "Medications on Admission:\naspirin\n\nMedications:\nmetformin"


def test_a_row_is_a_line_that_begins_with_what_it_is_about() -> None:
    assert read(section("10160-0", TABLE)).split("\n")[1:] == [
        "- Atenolol 25 MG | Date: 2024 | Status: Active",
        "- Lisinopril | Status: Stopped / on request",
    ]


def test_a_table_with_cells_over_several_columns_gets_no_names() -> None:
    table = TABLE.replace("<td>2024</td>", '<td rowspan="2">2024</td>')
    lines = read(section("10160-0", table)).split("\n")[1:]
    assert lines[:2] == ["- Date | Medication | Status", "- 2024 | Atenolol 25 MG | Active"]


def test_paragraphs_and_lists_become_lines() -> None:
    text = """Seen <content styleCode="Bold">today</content>.<br/>Well.<paragraph>No
      fever.</paragraph><list><item>Plan: rest<list><item>at home</item></list></item></list>
      <content revised="delete">no</content>"""
    assert read(section("10164-2", text)).split("\n")[1:] == [
        *("Seen today.", "Well.", "No fever.", "- Plan: rest", "  - at home")
    ]


def test_sections_in_sections_follow_them() -> None:
    inner = section("48765-2", "Penicillin")
    assert read(section("8648-8", "Well.", inner=inner)) == (
        "Hospital Course:\nWell.\n\nAllergies:\nPenicillin"
    )


def test_sections_that_say_nothing_are_left_out() -> None:
    said = section("48765-2", "Penicillin")
    empty = (section("8648-8", " <br/> "), section("10160-0", "no", more='nullFlavor="NI"'))
    assert read(*empty, said) == "Allergies:\nPenicillin"
    with pytest.raises(UnreadText, match="without text in its sections"):
        read(*empty)


@pytest.mark.parametrize("content_type", ["application/xml", "text/xml", "", "application/cda+xml"])
def test_prefixes_and_content_types_may_vary(content_type: str) -> None:
    data = document(section("48765-2", "Penicillin")).decode()
    prefixed = data.replace("</", "</h:").replace("<", "<h:").replace("<h:/h:", "</h:")
    prefixed = prefixed.replace("<h:?xml", "<?xml").replace("xmlns=", "xmlns:h=")
    assert text_of(prefixed.encode(), content_type) == "Allergies:\nPenicillin"


LAUGHS = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 10))
DEEP = f"{'<content>' * 100_000}x{'</content>' * 100_000}"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"<Bundle xmlns='http://hl7.org/fhir'/>", "it is XML, but no C-CDA document"),
        (b"<ClinicalDocument/>", "it is XML, but no C-CDA document"),
        (b"<ClinicalDocument xmlns='urn:hl7-org:v3'>", "not well-formed"),
        (b"aspirin", "not well-formed"),
        (document(before=f'<!DOCTYPE x [<!ENTITY l0 "ha">{LAUGHS}]>'), "has a DOCTYPE"),
        (document(before='<!DOCTYPE x SYSTEM "file:///etc/passwd">'), "has a DOCTYPE"),
        (document(section("1", "&undeclared;")), "not well-formed"),
        (document(section("1", DEEP)), "nested too deeply"),
        (document(section("1", DEEP[: 9 * 100] + "x" + "</content>" * 100)), "nested too deeply"),
    ],
)
def test_other_xml_and_bombs_are_refused(data: bytes, reason: str) -> None:
    with pytest.raises(UnreadText, match=reason):
        text_of(data, "text/xml")


def test_nothing_is_included() -> None:
    include = '<i:include xmlns:i="http://www.w3.org/2001/XInclude" href="/etc/passwd"/>'
    assert read(section("48765-2", f"Penicillin{include}")) == "Allergies:\nPenicillin"


def test_a_long_table_is_read() -> None:
    rows = "<tr><td>aspirin</td><td>81</td></tr>" * 50_000
    assert read(section("10160-0", f"<table>{rows}</table>")).count("\n") == 50_000


def test_a_real_document_is_read(test_data: Path) -> None:
    path = test_data / "data/fhir/us_core_examples/documentreference-episode-summary.json"
    attachment = json.loads(path.read_text())["content"][0]["attachment"]
    text = text_of(b64decode(attachment["data"]), attachment["contentType"])
    assert "Allergies:\n- Penicillin | Reaction: Nausea\n" in text
    assert "Medications on Admission:\n- Proventil 0.09 MG/ACTUAT inhalant solution | " in text
