"""What else stands on the page of a decision: inputs, facts that moved scores, stages, versions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cds_service.hooks.discovery import PREFETCH
from cds_service.reviewer.shown.values import Json, mapping, mappings, number, text

# in the order in which a call runs through them; what is not named here comes last
STAGES = tuple(
    "token json prefetch attachments map notes prompt score choose check explain overrides "
    "cards record".split()
)
STATES: Mapping[str, str] = {
    "supplied": "came with the call",
    "fetched": "read from the client's FHIR server",
    "partial": "read in part",
    "null": "the client has none",
    "absent": "missing: neither sent nor to be read",
    "failed": "missing: could not be read",
}
MISSING = frozenset({"absent", "failed", "partial"})
_WITHOUT = {wanted.key: wanted.without for wanted in PREFETCH}


@dataclass(frozen=True, slots=True, kw_only=True)
class InputShown:
    """One key of the prefetch."""

    key: str
    state: str  # in words
    resources: int
    without: str  # what could not be done; empty where it is not missing


@dataclass(frozen=True, slots=True, kw_only=True)
class MovedShown:
    """How far one fact moved one candidate."""

    fact: str  # where it stands, or which section it is
    section: str
    delta: float


def inputs_shown(body: Json) -> list[InputShown]:
    """Every key of the prefetch, what is missing first."""
    found = [_input(key, mapping(one)) for key, one in mapping(body.get("inputs")).items()]
    return sorted(found, key=lambda one: (not one.without, one.key))


def explained_shown(body: Json) -> Mapping[str, Sequence[MovedShown]]:
    """By candidate, the facts that moved its score, the strongest first."""
    by_label: dict[str, list[MovedShown]] = {}
    for row in mappings(body.get("explained")):
        moved = MovedShown(
            fact=text(row.get("fact")),
            section=text(row.get("section")),
            delta=number(row.get("delta")) or 0.0,
        )
        by_label.setdefault(text(row.get("label")), []).append(moved)
    return {
        label: sorted(rows, key=lambda one: -abs(one.delta)) for label, rows in by_label.items()
    }


def stages_of(body: Json) -> tuple[list[tuple[str, float]], float]:
    """The stages with their milliseconds, in their order, and the whole call's."""
    found = {name: number(ms) or 0.0 for name, ms in mapping(body.get("stage_ms")).items()}
    total = found.pop("total", sum(found.values()))
    order = {name: place for place, name in enumerate(STAGES)}
    return sorted(found.items(), key=lambda one: order.get(one[0], len(order))), total


def versions_of(body: Json) -> list[tuple[str, str]]:
    """What the decision was made by: names and values."""
    model = mapping(body.get("model"))
    named = {
        "Artifact": f"{text(model.get('name'))} {text(model.get('version'))}".strip(),
        "Artifact's hash": model.get("sha256"),
        "Selection policy": model.get("selection"),
        "Prompt version": body.get("prompt_version"),
        "Prompt's hash": body.get("prompt_sha256"),
        "Rules and tables": model.get("knowledge"),
        "Card policy": model.get("card_policy"),
        "FHIR of the call's resources": ", ".join(map(text, body.get("fhir_versions") or ())),
    }
    return [(name, text(value)) for name, value in named.items() if value]


def _input(key: str, one: Json) -> InputShown:
    state = text(one.get("state"))
    return InputShown(
        key=key,
        state=STATES.get(state, state),
        resources=int(number(one.get("resources")) or 0),
        without=_WITHOUT.get(key, "not used") if state in MISSING else "",
    )
