"""C-CDA to lines: each section under a heading that a reader of notes knows."""

from collections.abc import Iterator, Mapping
from xml.parsers import expat

from lxml import etree

from fhir_mappings.attachments.narrative import lines_of, one_line
from fhir_mappings.attachments.unread import UnreadText

_ROOT = "urn:hl7-org:v3 ClinicalDocument"
_LOINC = "2.16.840.1.113883.6.1"
_MOST_DEEP = 20  # sections within sections
_ADMISSION, _USED = "42346-7", "10160-0"
_HEADINGS = {  # LOINC of a section: its heading; sections not in here keep their title
    "48765-2": "Allergies",
    _ADMISSION: "Medications on Admission",
    "10183-2": "Discharge Medications",
    "8654-6": "Discharge Medications",
    "75311-1": "Discharge Medications",
    "10164-2": "History of Present Illness",
    "11348-0": "Past Medical History",
    "10154-3": "Chief Complaint",
    "29299-5": "Reason for Visit",
    "11450-4": "Problem List",
    "47519-4": "Procedures",
    "10157-6": "Family History",
    "29762-2": "Social History",
    "8648-8": "Hospital Course",
    "51848-0": "Assessment",
    "51847-2": "Assessment and Plan",
    "18776-5": "Plan",
}


def read_ccda(data: bytes) -> str:
    """Read the narrative of each section, in the order of the document; entries are not read.

    "Medications" (10160-0) are those on admission, unless the document has these as well (42346-7).

    Raises:
        UnreadText: It is no C-CDA document with sections, or not well-formed, or has a DOCTYPE.
    """
    _check_beginning(data)
    parser = etree.XMLParser(
        resolve_entities=False,
        load_dtd=False,
        no_network=True,
        huge_tree=False,  # keeps libxml2's limits: 256 elements deep, among others
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        raise UnreadText("its XML is not well-formed, or nested too deeply") from error
    headings = _headings({code for code in map(_code, root.iter("{*}section")) if code})
    sections = root.iterfind("{*}component/{*}structuredBody/{*}component/{*}section")
    texts = [text for section in sections for text in _texts(section, headings, 0)]
    if not texts:
        raise UnreadText("it is a C-CDA document without text in its sections")
    return "\n\n".join(texts)


def _check_beginning(data: bytes) -> None:
    """Refuse what is no C-CDA or has a DOCTYPE, before a byte of either is used."""
    parser = expat.ParserCreate(namespace_separator=" ")
    roots: list[str] = []

    def refuse(*_: object) -> None:
        raise UnreadText("its XML has a DOCTYPE")

    def stop(name: str, _: Mapping[str, str]) -> None:
        roots.append(name)
        raise StopIteration

    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler = stop
    try:
        parser.Parse(data, True)
    except StopIteration:
        pass
    except expat.ExpatError as error:
        raise UnreadText("its XML is not well-formed") from error
    if roots != [_ROOT]:
        raise UnreadText("it is XML, but no C-CDA document")


def _headings(codes: set[str]) -> dict[str, str]:
    used = "Medications" if _ADMISSION in codes else "Medications on Admission"
    return {**_HEADINGS, _USED: used}


def _texts(section: etree._Element, headings: Mapping[str, str], depth: int) -> Iterator[str]:
    """The text of a section, then that of the sections in it."""
    if depth > _MOST_DEEP:
        raise UnreadText("its sections are nested too deeply")
    if section.get("nullFlavor") is not None:
        return
    text = section.find("{*}text")
    lines = lines_of(text) if text is not None and text.get("nullFlavor") is None else []
    if lines:
        heading = headings.get(_code(section) or "") or _title(section)
        yield "\n".join([f"{heading}:", *lines])
    for inner in section.iterfind("{*}component/{*}section"):
        yield from _texts(inner, headings, depth + 1)


def _code(section: etree._Element) -> str | None:
    """The LOINC code of a section: of its code, or of a translation of that."""
    for code in section.iterfind("{*}code"):
        for element in (code, *code.iterfind("{*}translation")):
            if element.get("codeSystem", _LOINC) == _LOINC and element.get("code"):
                return str(element.get("code"))
    return None


def _title(section: etree._Element) -> str:
    """The title of a section, else the name of its code."""
    titles = ["".join(map(str, title.itertext())) for title in section.iterfind("{*}title")]
    names = [code.get("displayName", "") for code in section.iterfind("{*}code")]
    words = (one_line(title).rstrip(": ") for title in [*titles, *names])
    return next((title for title in words if title), "Section")
