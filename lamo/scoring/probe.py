"""A question with a known answer, by which a scoring engine shows that it has the right weights.

The patient is invented. Training stores every candidate's log-odds for this prompt in the artifact.
"""

from lamo.prompts import CURRENT_HEADING, INSTRUCTION, Layout, Prompt, quoted_list

_TEXT = (
    f"{INSTRUCTION}{CURRENT_HEADING}Age: 70, Gender: female, "
    f"Diagnose: {quoted_list(['Hypertension', 'Type 2 diabetes mellitus', 'Pneumonia'])}, "
    f"Procedure: {quoted_list([])}, "
)


def probe(layout: Layout) -> Prompt:
    """The question, laid out as an artifact's prompts are."""
    return Prompt(_TEXT + layout.heading, layout.version)
