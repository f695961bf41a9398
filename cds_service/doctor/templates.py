"""Prefetch templates: are they written so that every EHR can fill them.

Source: CDS Hooks 2.0, Prefetch Template: prefetch tokens, and the queries that clients SHOULD
support.
"""

import re
from collections.abc import Iterator

_TOKEN = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_SIMPLE = re.compile(r"context\.[A-Za-z]\w*(\.[A-Za-z]\w*)*|user(Practitioner|Patient|Person)\w*Id")
_QUERY = re.compile(r"[A-Z][A-Za-z]+(/[^/?&=#]+|\?[^?#]+)")


def unusable(template: object) -> str | None:
    """Why no client can fill it; None where one can."""
    if not isinstance(template, str) or not template:
        return "is no text"
    bare = _TOKEN.sub("x", template)
    if "{" in bare or "}" in bare:
        return "has a token that is not between {{ and }}"
    if bare.startswith(("http:", "https:", "/")):
        return "is not relative to the FHIR server"
    return None


def unusual(template: str) -> Iterator[str]:
    """What some clients cannot do with it."""
    if any(not _SIMPLE.fullmatch(token.strip()) for token in _TOKEN.findall(template)):
        yield "has a token that is more than a name of context"
    bare = _TOKEN.sub("x", template)
    if not _QUERY.fullmatch(bare):
        yield "is not one read or one search of a type"
    names = [part.partition("=")[0] for part in bare.partition("?")[2].split("&") if part]
    if len(set(names)) != len(names):
        yield "has a parameter twice, which clients merge"
