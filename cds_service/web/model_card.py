"""The model card as a person reads it: the same on its public page and on the reviewers'."""

from collections.abc import Mapping
from typing import Any

from flask import render_template
from markupsafe import Markup

from lamo.model_card import ModelCard

BODY = "model_card_body.html"
SERVICE = Markup('<p>About the service: <a href="{base}/">{base}/</a></p>')
HEADLINE = "Of the model as it is served"


def card_body(card: ModelCard, base_url: str) -> Markup:
    """Everything under the title, and the way to the page about the service."""
    body = Markup(render_template(BODY, **card_values(card)))  # noqa: S704 - rendered with escaping
    return body + SERVICE.format(base=base_url)


def card_values(card: ModelCard) -> dict[str, Any]:
    """What the template asks for."""
    return {"card": card, "tables": performance_tables(card.measured)}


def performance_tables(measured: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Figures by caption: the single ones first, then each group of them."""
    single = {name: one for name, one in measured.items() if not isinstance(one, Mapping)}
    groups = {name: one for name, one in measured.items() if isinstance(one, Mapping)}
    tables = {HEADLINE: single} | {f"{name}, for comparison": one for name, one in groups.items()}
    return {caption: rows for caption, rows in tables.items() if rows}
