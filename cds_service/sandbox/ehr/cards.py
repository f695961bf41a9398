"""Cards as they are shown: sorted, their Markdown without HTML, their links with safe schemes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from markdown_it import MarkdownIt
from markupsafe import Markup

from cds_service.sandbox.ehr.desk import OpenChart, Outcome

INDICATORS = ("critical", "warning", "info")  # the most pressing first
_RENDERER = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
_RENDERER.disable("image")  # nothing is loaded from elsewhere


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownCard:
    """One card, beside what was done with it."""

    uuid: str
    indicator: str
    summary: str
    detail: Markup
    source: Mapping[str, Any]
    suggestions: Sequence[Mapping[str, Any]]
    takes_several: bool  # selectionBehavior any
    reasons: Sequence[Mapping[str, Any]]  # for not following it
    links: Sequence[Mapping[str, Any]]  # each with its place in the card as `number`
    outcome: Outcome | None

    @property
    def topic(self) -> str:
        """What kind of card it is."""
        topic = self.source.get("topic") or {}
        return str(topic.get("display") or topic.get("code") or "")


def shown_cards(chart: OpenChart) -> list[ShownCard]:
    """The cards of the last firing, the most pressing first."""
    cards = chart.firings[0].answer.cards if chart.firings else ()
    found = [_shown(card, chart) for card in cards if isinstance(card, dict)]
    return sorted(found, key=lambda card: INDICATORS.index(card.indicator))


def rendered(text: str) -> Markup:
    """Markdown of a stranger as HTML: tags in it are shown as text, and only safe links are."""
    return Markup(_RENDERER.render(text))  # noqa: S704 - HTML is disabled, links are checked


def is_web_address(url: object) -> bool:
    """Whether a link leads to a page, and is no script."""
    return isinstance(url, str) and urlsplit(url).scheme in ("http", "https")


def _shown(card: Mapping[str, Any], chart: OpenChart) -> ShownCard:
    indicator = str(card.get("indicator"))
    links = [one | {"number": at} for at, one in enumerate(card.get("links", ()))]
    uuid = str(card.get("uuid", ""))
    return ShownCard(
        uuid=uuid,
        indicator=indicator if indicator in INDICATORS else "info",
        summary=str(card.get("summary", "")),
        detail=rendered(str(card.get("detail") or "")),
        source=card.get("source") or {},
        suggestions=card.get("suggestions") or (),
        takes_several=card.get("selectionBehavior") == "any",
        reasons=card.get("overrideReasons") or (),
        links=[one for one in links if is_web_address(one.get("url"))],
        outcome=chart.outcomes.get(uuid),
    )
