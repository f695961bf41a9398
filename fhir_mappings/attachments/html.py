"""HTML to lines, laid out as a browser would: lists as bullets, cells parted by " | "."""

import re
from itertools import islice

import lxml.html
from inscriptis.css_profiles import STRICT_CSS_PROFILE
from inscriptis.html_engine import Inscriptis
from inscriptis.model.config import ParserConfig
from lxml import etree

from fhir_mappings.attachments.charsets import decode
from fhir_mappings.attachments.unread import UnreadText

_MOST_ELEMENTS = 50_000  # about a second of layout
_META = re.compile(
    rb"<meta\s[^>]{0,200}?charset\s*=\s*[\"']?([\w-]{1,40})"
    rb"|^\s*<\?xml\s[^>]{0,200}?encoding\s*=\s*[\"']([\w-]{1,40})",
    re.IGNORECASE,
)
_DECLARATION = re.compile(r"^\s*<\?xml[^>]*>")
_UNSEEN = frozenset(
    {"script", "style", "template", "noscript", "head", "title", "iframe", "object", "svg"}
)
_NO_DISPLAY = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_PADDING = re.compile(r"(?<=\S)[ \t\xa0]+")


def read_html(data: bytes, charset: str | None) -> str:
    """Read what a browser would show: no scripts, no styles, nothing hidden, nothing fetched.

    The charset is the declared one, else that of its meta element, else UTF-8. What a style sheet
    hides is not known to be hidden.

    Raises:
        UnreadText: Its charset does not fit, or it has too many or too deeply nested elements.
    """
    text = _DECLARATION.sub("", decode(data, charset or _stated(data)))
    parser = lxml.html.HTMLParser(
        encoding="utf-8", remove_comments=True, remove_pis=True, no_network=True
    )
    try:
        tree = lxml.html.document_fromstring(text.encode("utf-8", "replace"), parser=parser)
    except etree.ParserError as error:
        raise UnreadText("its text is empty") from error
    if parser.error_log.filter_from_fatals():
        raise UnreadText("its HTML is nested too deeply")  # the parser left out what is inside
    _drop_unseen(tree)
    config = ParserConfig(css=STRICT_CSS_PROFILE.copy(), table_cell_separator=" | ")
    lines = Inscriptis(tree, config).get_text().splitlines()
    return "\n".join(_PADDING.sub(" ", line).rstrip() for line in lines).strip("\n")


def _stated(data: bytes) -> str | None:
    """The charset that its first kilobyte states."""
    found = _META.search(data[:1024])
    name = (found.group(1) or found.group(2)).decode("ascii") if found else None
    # what says in single bytes that it is UTF-16 is not
    return None if name is None or name.lower().startswith("utf-16") else name


def _drop_unseen(tree: lxml.html.HtmlElement) -> None:
    elements = list(islice(tree.iter(), _MOST_ELEMENTS + 1))
    if len(elements) > _MOST_ELEMENTS:
        raise UnreadText(f"its HTML has more than {_MOST_ELEMENTS:,} elements")
    for element in elements:
        if _is_unseen(element) and element.getparent() is not None:
            element.drop_tree()


def _is_unseen(element: lxml.html.HtmlElement) -> bool:
    return (
        element.tag in _UNSEEN
        or "hidden" in element.attrib
        or bool(_NO_DISPLAY.search(element.get("style", "")))
    )
