"""A question with a known answer, by which a scoring engine shows that it has the right weights.

The patient is invented. Training stores every candidate's log-odds for this prompt in the artifact.
"""

from lamo.prompts import CANDIDATE_HEADING, CURRENT_HEADING, INSTRUCTION, Prompt, quoted_list

PROBE = Prompt(
    f"{INSTRUCTION}{CURRENT_HEADING}Age: 70, Gender: female, "
    f"Diagnose: {quoted_list(['Hypertension', 'Type 2 diabetes mellitus', 'Pneumonia'])}, "
    f"Procedure: {quoted_list([])}, {CANDIDATE_HEADING}"
)
