"""Cards for a person to read."""

from collections.abc import Iterable, Iterator
from typing import Any

import click

from cds_service.cds_client.answer import plain

COLOURS = {"critical": "red", "warning": "yellow", "info": "blue"}


def card_lines(cards: list[dict[str, Any]]) -> Iterator[str]:
    """Cards in words, with colours."""
    if not cards:
        yield "No cards: everything was checked and nothing was found."
    for number, card in enumerate(cards, start=1):
        yield f"\n{number}. {headline(card)}"
        for line in plain(card.get("detail", ""), keep_lines=True).splitlines():
            yield f"   {line}"
        for suggestion in card.get("suggestions", ()):
            yield f"   -> {plain(suggestion['label'])}"
        yield f"   source: {plain(card['source']['label'])}"


def headline(card: dict[str, Any]) -> str:
    """How pressing a card is, and what it says in one line."""
    indicator = plain(str(card.get("indicator")))
    label = click.style(indicator.upper(), fg=COLOURS.get(indicator), bold=True)
    return f"{label}  {click.style(plain(str(card.get('summary'))), bold=True)}"


def topics(cards: Iterable[dict[str, Any]]) -> set[str]:
    """The codes of the topics of cards; those of our service are the names of its rules."""
    found = (card.get("source", {}).get("topic", {}).get("code") for card in cards)
    return {str(code) for code in found if code}
