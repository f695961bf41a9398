"""Names out of records, made fit to print: in a prompt, on a card, between quotes."""

import re
import unicodedata

LABEL_LENGTH = 80
_LONGEST = 2000  # characters of a name that are looked at
_SPACE = re.compile(r"\s+")
_CONTROL = re.compile("[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f\\ud800-\\udfff]")
_UNSEEN = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff]"
)
_SEPARATORS = (("\u2028", "\n"), ("\u2029", "\n"), ("\u0085", "\n"), ("\u00a0", " "))
# a word with Latin letters beside Greek or Cyrillic ones is no word of either
_MIXED = re.compile(r"\w*(?:[A-Za-z][\u0370-\u052f]|[\u0370-\u052f][A-Za-z])\w*")
_LOOKALIKES = str.maketrans(
    "\u0430\u0435\u043e\u0440\u0441\u0445\u0443\u0456\u0458\u0455\u043a\u043c\u0442\u043d\u0432"
    "\u0410\u0415\u041e\u0420\u0421\u0425\u0423\u0406\u0408\u0405\u041a\u041c\u0422\u041d\u0412"
    "\u03b1\u03bf\u03b5\u03b9\u03bd\u03c1\u03c4\u03ba\u0391\u0392\u0395\u0397\u0399\u039a\u039c"
    "\u039d\u039f\u03a1\u03a4\u03a5\u03a7\u0396\u0501\u0261\u051b",
    "aeopcxyijskmthbAEOPCXYIJSKMTHBaoeivptkABEHIKMNOPTYXZdgq",
)
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
    """Keep the lines of a note as they are, and nothing that a reader cannot see.

    Control characters but new line and tab go, and so do zero-width and bidirectional marks, soft
    hyphens, variation selectors and tag characters, with which a note can say to a model what it
    hides from a person. Letters of other alphabets that look like Latin ones become those in words
    that mix both.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if text.isascii():
        return _CONTROL.sub("", text)
    for separator, seen in _SEPARATORS:
        text = text.replace(separator, seen)
    text = _UNSEEN.sub("", _CONTROL.sub("", text))
    return _MIXED.sub(lambda word: word[0].translate(_LOOKALIKES), text)
