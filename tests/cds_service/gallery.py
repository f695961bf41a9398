"""Writes the golden cards and the gallery of docs/cards.md anew, to be read as text.

    python -m tests.cds_service.gallery

What stands in docs/cards.md before its gallery is written by hand and stays.
"""

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from cds_service.cards.build import build_cards

GOLDEN = Path(__file__).parents[1] / "data" / "cards" / "every_kind.json"
REPEATED = ("AI-generated", "**Not available:**")
TITLE = "\n## The gallery\n"
GALLERY = Path(__file__).parents[2] / "docs" / "cards.md"


def plain_versions(cards: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The cards with one version in place of every table's, which changes with its rows."""
    text = re.sub(r"draft [0-9a-f]{12}", "draft 0123456789ab", json.dumps(cards))
    plain: list[dict[str, Any]] = json.loads(text)
    return plain


def write(cards: list[dict[str, Any]]) -> None:
    """Write both files."""
    text = json.dumps(cards, indent=2, ensure_ascii=False) + "\n"
    GOLDEN.write_text(text, encoding="utf-8")
    head = GALLERY.read_text(encoding="utf-8").split(TITLE, 1)[0].rstrip()
    sections = "\n\n".join("\n".join(_section(card)) for card in _without_repeats(cards))
    GALLERY.write_text(f"{head}\n{TITLE}\n{sections}\n", encoding="utf-8")


def _without_repeats(cards: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The cards, with what they end in, and what was not available, only where it is said first."""
    said: set[str] = set()
    for card in cards:
        paragraphs = card["detail"].split("\n\n")
        kept = [one for one in paragraphs if not (one.startswith(REPEATED) and one in said)]
        said.update(paragraphs)
        yield card | {"detail": "\n\n".join(kept)}


def _section(card: dict[str, Any]) -> Iterator[str]:
    """One card as a reader sees it."""
    yield f"### {card['source']['topic']['display']}: {card['indicator']}"
    yield ""
    yield f"**{card['summary']}**"
    yield ""
    yield from ("> " + line if line else ">" for line in card["detail"].splitlines())
    yield ""
    yield f"Source: {card['source']['label'].rstrip('.')}."
    offers = "; ".join(one["label"] for one in card.get("suggestions", ()))
    if offers:
        yield f"Offers: {offers}."
    reasons = "; ".join(one["display"] for one in card.get("overrideReasons", ()))
    if reasons:
        yield f"Reasons to override: {reasons}."


if __name__ == "__main__":
    from tests.cds_service.card_sets import every_set

    write(plain_versions([card for call in every_set() for card in build_cards(call).cards]))
