"""What CDS Hooks 2.0, Markdown and our own promises ask of cards: for every test that gets some."""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from fhir.resources.R4B.medicationrequest import MedicationRequest
from markdown_it import MarkdownIt
from markdown_it.token import Token

CARD = {
    "uuid": str,
    "summary": str,
    "detail": str,
    "indicator": str,
    "source": dict,
    "suggestions": list,
    "selectionBehavior": str,
    "overrideReasons": list,
    "links": list,
}
REQUIRED = {"uuid", "summary", "detail", "indicator", "source"}
INDICATORS = ["critical", "warning", "info"]
REFERENCE = re.compile(r"[A-Z][A-Za-z]+/[A-Za-z0-9\-.]{1,64}")
DIRECTIVE = re.compile(r"\b(?:you must|must not|do not|stop taking|prescribe now)\b", re.I)
AUTOLINK = re.compile(r"\b(?:https?|ftp|mailto|xmpp):\S|www\.\w|[\w.+-]+@\w", re.I)
MARKDOWN = MarkdownIt("gfm-like", {"linkify": False})


def assert_valid_cards(cards: list[dict[str, Any]], patient_id: str) -> None:
    """Fail with the rule that a card breaks."""
    for card in cards:
        _assert_card(card, patient_id)
    summaries = [card["summary"] for card in cards]
    assert len(set(summaries)) == len(summaries), f"two cards of one summary: {summaries}"
    uuids = [card["uuid"] for card in cards]
    uuids += [one["uuid"] for card in cards for one in card.get("suggestions", [])]
    assert len(set(uuids)) == len(uuids), "a uuid is used twice"
    ranks = [INDICATORS.index(card["indicator"]) for card in cards]
    assert ranks == sorted(ranks), "cards are sorted critical, warning, info"


def empties(value: object, path: str = "$") -> Iterator[str]:
    """Where JSON holds null, an empty string, an empty list or an empty object."""
    if value is None or value in ("", [], {}):
        yield path
    children = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for name, child in children:
        yield from empties(child, f"{path}.{name}")


def rendered(markdown: str) -> list[Token]:
    """Every token of the text as a reader of GitHub Flavored Markdown makes it."""
    blocks = MARKDOWN.parse(markdown)
    return [token for block in blocks for token in (block, *(block.children or []))]


def visible(markdown: str) -> str:
    """The words that a reader sees."""
    kinds = ("text", "text_special", "code_inline", "softbreak")
    return "".join(
        "\n" if token.type == "softbreak" else token.content
        for token in rendered(markdown)
        if token.type in kinds
    )


def _assert_card(card: dict[str, Any], patient_id: str) -> None:
    assert set(card) <= set(CARD), f"unknown members {set(card) - set(CARD)}"
    assert set(card) >= REQUIRED, f"missing members {REQUIRED - set(card)}"
    assert list(card) == [name for name in CARD if name in card], "members in the spec's order"
    for name, value in card.items():
        assert isinstance(value, CARD[name]), f"{name} is {type(value).__name__}"
    assert not list(empties(card)), f"null or empty: {list(empties(card))}"
    UUID(card["uuid"])
    assert card["indicator"] in INDICATORS
    _assert_words(card)
    _assert_source(card["source"])
    assert ("selectionBehavior" in card) == ("suggestions" in card)
    assert card.get("selectionBehavior", "any") in ("any", "at-most-one")
    for reason in card.get("overrideReasons", []):
        assert set(reason) == {"code", "system", "display"}, f"reason {reason}"
    for suggestion in card.get("suggestions", []):
        _assert_suggestion(suggestion, patient_id)
    for link in card.get("links", []):
        assert link["label"]
        assert link["type"] in ("absolute", "smart")
        assert ("appContext" in link) == (link["type"] == "smart")
        assert not link.get("autolaunchable")  # a person opens it, or nobody
        assert _is_absolute(link["url"])


def _assert_words(card: dict[str, Any]) -> None:
    summary, detail = card["summary"], card["detail"]
    assert len(summary) < 140, f"summary of {len(summary)} characters: {summary}"
    assert summary == " ".join(summary.split()), f"summary on one line: {summary!r}"
    assert not set("<>") & set(summary)
    assert len(detail) <= 1200, f"detail of {len(detail)} characters"
    kinds = {token.type for token in rendered(detail)}
    allowed = {"paragraph", "bullet_list", "list_item", "strong"}
    allowed_kinds = {f"{kind}_{end}" for kind in allowed for end in ("open", "close")}
    allowed_kinds |= {"inline", "text", "text_special", "softbreak"}
    assert kinds <= allowed_kinds, f"markup that is not ours: {kinds - allowed_kinds}"
    assert not AUTOLINK.search(detail), "a bare address that readers turn into a link"
    assert "AI-generated" in detail
    assert not DIRECTIVE.search(summary + detail), "a card asks to consider"


def _assert_source(source: dict[str, Any]) -> None:
    assert set(source) <= {"label", "url", "topic"}
    assert source["label"]
    assert "url" not in source or _is_absolute(source["url"])
    assert {"code", "system"} <= set(source["topic"]) <= {"code", "system", "display"}


def _assert_suggestion(suggestion: dict[str, Any], patient_id: str) -> None:
    assert set(suggestion) == {"label", "uuid", "actions"}, "nothing is recommended beforehand"
    UUID(suggestion["uuid"])
    for action in suggestion["actions"]:
        assert action["description"]
        if action["type"] == "delete":
            assert set(action) == {"type", "description", "resourceId"}
            assert REFERENCE.fullmatch(action["resourceId"]), action["resourceId"]
        elif action["type"] == "update":
            assert set(action) == {"type", "description", "resource"}
            _assert_stopped(action["resource"], patient_id)
        else:
            assert action["type"] == "create", f"action {action['type']!r}"
            _assert_draft(action["resource"], patient_id)


def _assert_stopped(resource: dict[str, Any], patient_id: str) -> None:
    """The client's own order, whole, with nothing changed but its status."""
    assert resource["resourceType"] == "MedicationRequest"
    assert resource["id"]
    assert resource["status"] == "stopped"
    assert resource["subject"]["reference"].endswith(patient_id)


def _assert_draft(resource: dict[str, Any], patient_id: str) -> None:
    MedicationRequest.model_validate(resource)
    assert resource["status"] == "draft"
    assert resource["subject"]["reference"] == f"Patient/{patient_id}"
    assert "dosageInstruction" not in resource, "no dose is invented"
    concept = resource["medicationCodeableConcept"]
    assert concept["text"]
    assert concept["coding"][0]["code"]


def _is_absolute(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme in ("http", "https") and bool(parts.netloc)
