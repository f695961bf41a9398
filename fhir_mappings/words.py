"""Names out of records, made fit to print: in a prompt, on a card, between quotes."""

import re
import unicodedata

LABEL_LENGTH = 80
_LONGEST = 2000  # characters of a name that are looked at
_SPACE = re.compile(r"\s+")
_CONTROL = re.compile("[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f\\ud800-\\udfff]")
_SNOMED_TAG = re.compile(
    r"\s*\((?:disorder|finding|procedure|situation|event|substance|product|organism|person"
    r"|regime/therapy|observable entity|morphologic abnormality|body structure|physical object"
    r"|medicinal product|clinical drug|qualifier value|context-dependent category)\)\s*$",
    re.IGNORECASE,
)


def one_line(text: str) -> str:
    """Collapse white space and remove control, format and unpaired surrogate characters."""
    spaced = _SPACE.sub(" ", text[:_LONGEST])
    if spaced.isprintable():
        return spaced.strip()
    return "".join(char for char in spaced if unicodedata.category(char)[0] != "C").strip()


def label_of(text: str) -> str:
    """Turn a display into the concise title of a prompt: no SNOMED tag, 80 characters at most."""
    return _untagged(text)[:LABEL_LENGTH].rstrip()


def is_longer_than_a_label(text: str) -> bool:
    """Whether `label_of` leaves something out."""
    return len(text) > _LONGEST or len(_untagged(text)) > LABEL_LENGTH


def _untagged(text: str) -> str:
    return _SNOMED_TAG.sub("", one_line(text))


def clean_note(text: str) -> str:
    """Keep the lines of a note as they are, without control characters but new line and tab."""
    return _CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
