"""A long note in pieces under the model's context (LAMO's note pipeline, step 2)."""

import math
import re
from itertools import pairwise

_EASY = re.compile(r"[A-Za-z ]+")
_CHARS_PER_TOKEN = 3  # of letters and spaces
_BLANK_LINE = re.compile(r"\n[ \t\r]*\n")
_BLANK_LINE_WITHIN = 200  # characters: so far a cut goes for the sake of a paragraph
_END = re.compile(r"[.!?](?=\s)|\n")  # of a sentence or line


def estimate_tokens(text: str) -> int:
    """More tokens than the text is likely to have, whatever the tokenizer.

    Three letters or spaces are counted as one token (English prose has four to five a token), every
    other ASCII character as one (digits and punctuation often are), and of all others every byte,
    which is the most that a tokenizer with bytes to fall back on can make of them.
    """
    hard = _EASY.sub("", text)
    easy = len(text) - len(hard)
    return math.ceil(easy / _CHARS_PER_TOKEN) + len(hard.encode("utf-8", "replace"))


def cut_text(text: str, most_tokens: int, most_pieces: int) -> list[str] | None:
    """Cut a text evenly so that no piece is estimated over most_tokens; joined they are the text.

    A text that fits is one piece. Otherwise there are as many as it takes, one more at a time.

    Returns:
        At least one piece, or None where most_pieces of them would not do.
    """
    pieces = 1 + estimate_tokens(text) // (most_tokens + 1)
    while pieces <= most_pieces:
        cut = cut_evenly(text, pieces)
        if all(estimate_tokens(piece) <= most_tokens for piece in cut):
            return cut
        pieces += 1
    return None


def cut_evenly(text: str, pieces: int) -> list[str]:
    """At most that many pieces, none empty, cut at evenly spaced places that move forward a little.

    A cut moves to the next blank line where there is one within 200 characters, else to the next
    end of a sentence or line, else to the next space; never by more than a quarter of a piece, so
    that a text without any of them is cut as well.
    """
    spacing = len(text) / pieces
    reach = max(1, int(spacing / 4))
    places = [_moved(text, int(spacing * number), reach) for number in range(1, pieces)]
    bounds = sorted({0, *places, len(text)})
    cut = [text[start:end] for start, end in pairwise(bounds)]
    return cut or [text]


def _moved(text: str, place: int, reach: int) -> int:
    """Where to cut, from `place` to `place + reach`."""
    for ends, within in ((_BLANK_LINE, min(_BLANK_LINE_WITHIN, reach)), (_END, reach)):
        if found := ends.search(text, place, min(len(text), place + within)):
            return found.end()
    space = text.find(" ", place, place + reach)
    return place if space < 0 else space + 1
