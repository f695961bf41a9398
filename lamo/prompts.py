"""LAMO's structured prompt: one renderer, used by training and by serving.

The field order and the quoting are those of LAMO (arXiv 2503.03687, released code): an
instruction, the previous hospitalization if there is one, the current clinical condition, and the
candidate medication last. Only the candidate differs between the questions of one patient, so a
prompt is kept as its shared prefix; `candidate_suffix` is the rest. The words of the instruction
are our own.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from fhir_mappings.record import (
    Diagnosis,
    Gap,
    Hospitalization,
    PatientRecord,
    Procedure,
    Sex,
)
from lamo.notes import NoteDigest

PROMPT_VERSION = "lamo-1"

INSTRUCTION = (
    "A candidate drug has to be judged for this patient. "
    "The patient's current clinical condition and the candidate drug follow. "
    "Decide whether the drug is effective and safe for this patient. "
    "Answer only with [Yes] or [No], without an explanation.\n"
)
INSTRUCTION_WITH_HISTORY = (
    "A candidate drug has to be judged for this patient. "
    "The patient's previous hospitalization, current clinical condition and the candidate drug "
    "follow. Decide whether the drug is effective and safe for this patient. "
    "Answer only with [Yes] or [No], without an explanation.\n"
)
PREVIOUS_HEADING = "###Previous Hospitalization:'''\n"
CURRENT_HEADING = "###Current Clinical Condition:'''\n"
BLOCK_END = "\n'''\n"
CANDIDATE_HEADING = "Candidate drug:"
ANSWER_HEADING = ".\n'''\n###Answer:\n"
ANSWERS = ("Yes", "No")

FIELDS = (
    "History of present illness: ",
    "Past medical history: ",
    "Allergies: ",
    "Medications on admission: ",
    "Diagnose: ",
    "Procedure: ",
    "Drug names: ",
    "Age: ",
    "Gender: ",
)
LIST_MARKS = ("['", "', '", "'], ", "'],\n", "[], ", "[],\n")

# The strings that never change: a tokenizer of our own may keep each as one token.
FIXED_TEXTS = (
    INSTRUCTION,
    INSTRUCTION_WITH_HISTORY,
    PREVIOUS_HEADING,
    CURRENT_HEADING,
    BLOCK_END,
    CANDIDATE_HEADING,
    ANSWER_HEADING,
    *FIELDS,
    *LIST_MARKS,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptLimits:
    """How many items of each list a prompt holds; what is beyond them becomes a gap."""

    diagnoses: int = 40
    procedures: int = 20
    medications: int = 40


@dataclass(frozen=True, slots=True)
class Prompt:
    """Everything before the candidate's name, ending in the candidate heading."""

    text: str
    version: str = PROMPT_VERSION

    @property
    def sha256(self) -> str:
        """Hash of version and text, for the audit log."""
        return hashlib.sha256(f"{self.version}\n{self.text}".encode()).hexdigest()


def candidate_suffix(label: str) -> str:
    """The part of the prompt that differs between the candidates of one patient."""
    return f" {plain(label)}{ANSWER_HEADING}"


def render_prompt(
    record: PatientRecord, digest: NoteDigest | None, limits: PromptLimits | None = None
) -> tuple[Prompt, tuple[Gap, ...]]:
    """Render the shared prefix of all questions about this patient.

    Args:
        record: the patient at the decision.
        digest: what the notes say; None when nothing was read, and age and sex stand in its place
            (as in LAMO, which prints them only without a note).
        limits: items kept of each list; LAMO has none, a hook has a deadline.

    Returns:
        The prompt, and a gap for each list that had to be cut.
    """
    limits = limits or PromptLimits()
    parts = [_digest_text(digest)] if digest else [_person(record.age, record.sex)]
    parts.append(_codes(_labels(record.diagnoses), _labels(record.procedures), limits))
    current = f"{CURRENT_HEADING}{''.join(parts)}, {CANDIDATE_HEADING}"
    if record.previous is None:
        return Prompt(INSTRUCTION + current), _cuts(record, limits)
    history = f"{PREVIOUS_HEADING}{_history(record.previous, limits)}{BLOCK_END}"
    return Prompt(INSTRUCTION_WITH_HISTORY + history + current), _cuts(record, limits)


def plain(text: str) -> str:
    """A name or text of the record without the marks that structure the prompt.

    Apostrophes become typographic ones (they quote list items) and runs of ``#`` are cut to one,
    so that nothing in a record can close a block or open a heading.
    """
    text = " ".join(text.split()).replace("'", "\N{RIGHT SINGLE QUOTATION MARK}")
    while "##" in text:
        text = text.replace("##", "#")
    return text


def quoted_list(names: Iterable[str]) -> str:
    """Names as LAMO prints them: square brackets, single quotes."""
    return "[" + ", ".join(f"'{plain(name)}'" for name in names) + "]"


def _digest_text(digest: NoteDigest) -> str:
    parts = {
        "History of present illness": plain(digest.history_of_present_illness) or "none",
        "Past medical history": plain(digest.past_medical_history) or "none",
        "Allergies": quoted_list(digest.allergies),
        "Medications on admission": quoted_list(digest.medications_on_admission),
    }
    return "".join(f"{name}: {text},\n" for name, text in parts.items())


def _person(age: int | None, sex: Sex | None) -> str:
    return f"Age: {'unknown' if age is None else age}, Gender: {sex or 'unknown'}, "


def _codes(diagnoses: Sequence[str], procedures: Sequence[str], limits: PromptLimits) -> str:
    return (
        f"Diagnose: {quoted_list(diagnoses[: limits.diagnoses])}, "
        f"Procedure: {quoted_list(procedures[: limits.procedures])}"
    )


def _history(previous: Hospitalization, limits: PromptLimits) -> str:
    names = dict.fromkeys(
        ingredient.label for drug in previous.medications for ingredient in drug.ingredients
    )
    return (
        _person(previous.age, previous.sex)
        + _codes(_labels(previous.diagnoses), _labels(previous.procedures), limits)
        + f", Drug names: {quoted_list(list(names)[: limits.medications])}."
    )


def _labels(items: Iterable[Diagnosis | Procedure]) -> list[str]:
    return list(dict.fromkeys(item.label for item in items))


def _cuts(record: PatientRecord, limits: PromptLimits) -> tuple[Gap, ...]:
    counts = {
        "diagnoses": (len(record.diagnoses), limits.diagnoses),
        "procedures": (len(record.procedures), limits.procedures),
    }
    return tuple(
        Gap(
            kind="prompt-cut",
            where=name,
            meaning=f"the model was shown the first {limit} of {count} {name}",
        )
        for name, (count, limit) in counts.items()
        if count > limit
    )
