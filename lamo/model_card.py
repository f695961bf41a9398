"""The model card as it is served: the 31 source attributes, whoever states each.

Authors and evaluations speak through the artifact's `model-card.json` (made by
lamo/training/model_card.py), the site through texts of its own, its log through what was counted
there. What nobody has stated or measured says so: an attribute is never empty.

Source: 45 CFR 170.315(b)(11)(iv)(B), in our own words.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from lamo.artifact import Artifact

FILE = "model-card.json"  # in the artifact, whose manifest has its hash
NOT_MEASURED = "not measured"
NOT_STATED = "not stated: the artifact has no model card"
TO_BE_FILLED = "to be filled by the site"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribute:
    """One source attribute."""

    number: int  # 1 to 31
    section: str
    attribute: str  # its name
    by: str  # who states it: author, evaluation, live log, site
    value: str
    status: str  # stated, measured, not measured, not stated, or to be filled by the site


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCard:
    """All that is told of the model; nothing of any patient."""

    title: str
    notice: str
    is_demonstration: bool
    model: Mapping[str, Any]  # name, version and hashes of the artifact
    made_by: Mapping[str, Any]  # command, seed and data of its evaluation
    measured: Mapping[str, Any]  # the figures of its evaluation, by what they are called there
    attributes: tuple[Attribute, ...]

    def by_section(self) -> dict[str, list[Attribute]]:
        """The attributes under their headings, in their order."""
        found: dict[str, list[Attribute]] = {}
        for one in self.attributes:
            found.setdefault(one.section, []).append(one)
        return found

    def to_json(self) -> dict[str, Any]:
        """The card as `GET /model-card` answers it."""
        return asdict(self)


@cache
def source_attributes() -> Sequence[Mapping[str, Any]]:
    """Number, section, name and author of each."""
    text = (files("lamo") / "data" / "source_attributes.json").read_text(encoding="utf-8")
    rows: list[dict[str, Any]] = json.loads(text)
    return rows


def numbers_of_site() -> tuple[int, ...]:
    """The attributes that the deploying site states."""
    return tuple(row["number"] for row in source_attributes() if "site" in row["by"])


def model_card(
    artifact: Artifact, of_site: Mapping[int, str], counted: Mapping[int, str]
) -> ModelCard:
    """The card of an artifact.

    Args:
        artifact: with or without a model card of its own.
        of_site: what the site states, by number.
        counted: what its log tells, by number.
    """
    path = artifact.folder / FILE
    card = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    made = {row["number"]: row for row in card.get("attributes", ())}
    return ModelCard(
        title=card.get("title", artifact.name),
        notice=artifact.notice,
        is_demonstration=artifact.is_demonstration,
        model=artifact.identity(),
        made_by=card.get("made_by", {}),
        measured=artifact.metrics,
        attributes=tuple(
            _attribute(row, made.get(row["number"], {}), of_site, counted)
            for row in source_attributes()
        ),
    )


def _attribute(
    row: Mapping[str, Any],
    made: Mapping[str, str],
    of_site: Mapping[int, str],
    counted: Mapping[int, str],
) -> Attribute:
    value, status = made.get("value", NOT_STATED), made.get("status", "not stated")
    if "site" not in row["by"]:
        return Attribute(**row, value=value, status=status)
    number = row["number"]
    local = [text for text in (counted.get(number), of_site.get(number)) if text]
    if "author" in row["by"]:
        of_here = f"Of the site: {' '.join(local) or TO_BE_FILLED}"
        return Attribute(**row, value=f"{value} {of_here}", status=status)
    status = "measured" if counted.get(number) else "stated"
    if not local:
        return Attribute(**row, value=f"{NOT_MEASURED}: {TO_BE_FILLED}", status=TO_BE_FILLED)
    return Attribute(**row, value=" ".join(local), status=status)
