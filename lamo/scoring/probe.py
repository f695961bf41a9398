"""A question with a known answer, by which a scoring engine shows that it has the right weights.

The patient is invented. Training stores every candidate's log-odds for this prompt in the artifact.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from lamo.prompts import CURRENT_HEADING, INSTRUCTION, Layout, Prompt, quoted_list

_TEXT = (
    f"{INSTRUCTION}{CURRENT_HEADING}Age: 70, Gender: female, "
    f"Diagnose: {quoted_list(['Hypertension', 'Type 2 diabetes mellitus', 'Pneumonia'])}, "
    f"Procedure: {quoted_list([])}, "
)


def probe(layout: Layout) -> Prompt:
    """The question, laid out as an artifact's prompts are."""
    return Prompt(_TEXT + layout.heading, layout.version)


AGREES_WITHIN = 0.25  # log-odds: bf16 on a server against float32 in training


@dataclass(frozen=True, slots=True, kw_only=True)
class Disagreement:
    """The candidate whose score is furthest from the artifact's own."""

    label: str
    found: float  # log-odds
    expected: float

    @property
    def size(self) -> float:
        """How far, in log-odds."""
        return abs(self.found - self.expected)


def widest(expected: Mapping[str, float], found: Mapping[str, float]) -> Disagreement | None:
    """The widest disagreement; None where the artifact has no probe.

    Args:
        expected: of the artifact, by label.
        found: what an engine says, of the same labels.
    """
    told = (
        Disagreement(label=label, found=found[label], expected=value)
        for label, value in expected.items()
    )
    return max(told, key=lambda one: one.size, default=None)
