"""Bytes of text to text, by the charset that is declared."""

import codecs
import re

from fhir_mappings.attachments.unread import UnreadText

_CHARSET = re.compile(r";\s*charset\s*=\s*[\"']?([^\s;\"']*)", re.ASCII | re.IGNORECASE)
_NAME = re.compile(r"[\w.:+-]{1,40}", re.ASCII)
_MEANT = {  # codec of Python: what its writers mean, as on the web
    "iso8859-1": "cp1252",
    "utf-8": "utf-8-sig",
}
_REFUSED = frozenset(  # codecs that decode text, and no text that an EHR writes
    {"utf-7", "unicode-escape", "raw-unicode-escape", "idna", "punycode", "undefined"}
)
_UTF_16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def charset_of(content_type: str) -> str | None:
    """The charset parameter of a content type, as written; None where there is none."""
    found = _CHARSET.search(content_type)
    return found.group(1) if found else None


def decode(data: bytes, charset: str | None) -> str:
    """Decode text; without a charset it is UTF-8, or UTF-16 where it begins with that mark.

    iso-8859-1 is read as windows-1252, as browsers do.

    Raises:
        UnreadText: The charset is none that we read, or the bytes are not text in it.
    """
    if charset is None:
        charset = "utf-16" if data.startswith(_UTF_16_MARKS) else "utf-8"
    name = _codec(charset)
    try:
        return data.decode(name)
    except UnicodeError as error:
        raise UnreadText("its bytes are not text in its charset") from error


def _codec(charset: str) -> str:
    try:
        if not _NAME.fullmatch(charset):
            raise LookupError("not a name")
        name = codecs.lookup(charset).name
        "a".encode(name)  # refuses what turns bytes into bytes: hex, zip, rot13
    except (LookupError, UnicodeError) as error:
        raise UnreadText("its charset is not one we read") from error
    if name.replace("_", "-") in _REFUSED:
        raise UnreadText("its charset is not one we read")
    return _MEANT.get(name, name)
