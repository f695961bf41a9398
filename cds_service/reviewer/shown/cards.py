"""The cards of a decision, as the clinician saw them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from cds_service.reviewer.shown.markdown import rendered
from cds_service.reviewer.shown.values import Json, mapping, mappings, text

INDICATORS = frozenset({"critical", "warning", "info"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionShown:
    """One action of a suggestion."""

    kind: str
    description: str
    resource_id: str
    resource: str  # JSON, indented; empty where there is none


@dataclass(frozen=True, slots=True, kw_only=True)
class SuggestionShown:
    """One suggestion of a card."""

    uuid: str
    label: str
    actions: Sequence[ActionShown]


@dataclass(frozen=True, slots=True, kw_only=True)
class CardShown:
    """One card."""

    uuid: str
    summary: str
    detail: Markup
    indicator: str  # of INDICATORS
    source: str
    topic: str
    suggestions: Sequence[SuggestionShown]
    reasons: Sequence[str]  # for not following it, as it offered them
    links: Sequence[tuple[str, str]]  # label and address
    about: Sequence[str]  # rule and RxNorm code of what an override of it answers


def cards_shown(body: Json) -> list[CardShown]:
    """The cards of a decision in their order."""
    about = mappings(body.get("about"))
    return [_card(card, about) for card in mappings(body.get("cards"))]


def _card(card: Json, about: Sequence[Json]) -> CardShown:
    source = mapping(card.get("source"))
    indicator = text(card.get("indicator"))
    uuid = text(card.get("uuid"))
    return CardShown(
        uuid=uuid,
        summary=text(card.get("summary")),
        detail=rendered(text(card.get("detail"))),
        indicator=indicator if indicator in INDICATORS else "info",
        source=text(source.get("label")),
        topic=text(mapping(source.get("topic")).get("display")),
        suggestions=[_suggestion(one) for one in mappings(card.get("suggestions"))],
        reasons=[text(one.get("display")) for one in mappings(card.get("overrideReasons"))],
        links=[
            (text(one.get("label")), text(one.get("url"))) for one in mappings(card.get("links"))
        ],
        about=[f"{one.get('rule')} {one.get('rxcui')}" for one in about if one.get("card") == uuid],
    )


def _suggestion(one: Json) -> SuggestionShown:
    return SuggestionShown(
        uuid=text(one.get("uuid")),
        label=text(one.get("label")),
        actions=[_action(action) for action in mappings(one.get("actions"))],
    )


def _action(action: Json) -> ActionShown:
    resource = action.get("resource")
    return ActionShown(
        kind=text(action.get("type")),
        description=text(action.get("description")),
        resource_id=text(action.get("resourceId")),
        resource=json.dumps(resource, indent=2, ensure_ascii=False) if resource else "",
    )
