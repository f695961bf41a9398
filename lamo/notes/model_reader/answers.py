"""From the text of an answer to what it found: of the wanted form, or not at all."""

import json
from collections.abc import Mapping
from typing import Any, NoReturn

from lamo.notes.model_reader.prompt import TEXTS, Question

MOST_TEXT_CHARS = 20_000  # of one section; a note's own is a few thousand at most
MOST_NAMES = 200  # of one list
MOST_NAME_CHARS = 200

# The parts by member; a text is at most one part, so that answers to several pieces simply add up.
Found = Mapping[str, tuple[str, ...]]


class Answerless(Exception):  # noqa: N818 - a situation, named as such
    """The endpoint gave no usable answer; says why in words of ours, never the server's."""

    def __init__(
        self, reason: str, *, may_try_again: bool = False, after_s: float | None = None
    ) -> None:
        super().__init__(reason)
        self.may_try_again = may_try_again
        self.after_s = after_s  # seconds that the server asks to wait


class WrongForm(Answerless):
    """The answer is not of the schema that was asked for."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"gave an answer of another form than asked for: {reason}", may_try_again=True
        )


def read_found(content: str, question: Question) -> Found:
    """Read the answer to a question, member by member.

    Raises:
        WrongForm: it is no JSON, has other members, or one of another type, length or count.
    """
    value = read_json(content)
    if not isinstance(value, dict) or set(value) != set(question.members):
        raise WrongForm(f"wanted an object with {', '.join(question.members)} and no other member")
    return {name: _parts(name, value[name]) for name in question.members}


def _parts(name: str, value: object) -> tuple[str, ...]:
    if name in TEXTS:
        parts, most_chars = [value], MOST_TEXT_CHARS
    elif isinstance(value, list):
        parts, most_chars = value, MOST_NAME_CHARS
    else:
        raise WrongForm(f"{name} is no list")
    if len(parts) > MOST_NAMES:
        raise WrongForm(f"{name} has {len(parts)} names, at most {MOST_NAMES} are taken")
    return tuple(part for part in (_part(name, part, most_chars) for part in parts) if part)


def _part(name: str, value: object, most_chars: int) -> str:
    if not isinstance(value, str):
        raise WrongForm(f"{name} is or holds something that is no string")
    if len(value) > most_chars:
        raise WrongForm(f"{name} has {len(value)} characters, at most {most_chars} are taken")
    return value.strip()


def read_json(content: str | bytes) -> Any:
    """Parse JSON as RFC 8259 has it: no member twice, no NaN.

    Raises:
        WrongForm: it is not that.
    """
    try:
        return json.loads(content, object_pairs_hook=_members, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise WrongForm("it is no JSON, or not all of it") from None


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member twice")
    return members


def _no_number(_constant: str) -> NoReturn:
    raise ValueError("no number")
