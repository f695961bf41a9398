"""LAMO's structured prompt: one renderer, used by training and by serving.

The field order and the quoting are those of LAMO (arXiv 2503.03687, released code): an
instruction, the previous hospitalization if there is one, the current clinical condition, and the
candidate medication last. Only the candidate differs between the questions of one patient, so a
prompt is kept as its shared prefix; `candidate_suffix` is the rest. The words of the instruction
are our own.

A chart may be longer than the model or the deadline allows. Then whole sections are left out, what
is oldest and says least about the next order first, and each leaves a gap.
"""

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from fhir_mappings.record import (
    Diagnosis,
    Gap,
    Hospitalization,
    PatientRecord,
    Procedure,
    Sex,
)
from lamo.notes.defuse import defuse
from lamo.notes.digest import NoteDigest

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


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the fixed words stand around the candidate's name. Each needs a model of its own."""

    version: str  # as artifacts and the audit log name it
    heading: str  # with which every prefix ends
    ending: str  # what follows the name, before the answer

    @property
    def fixed_texts(self) -> tuple[str, ...]:
        """The strings that never change: a tokenizer of our own may keep each as one token."""
        return (
            INSTRUCTION,
            INSTRUCTION_WITH_HISTORY,
            PREVIOUS_HEADING,
            CURRENT_HEADING,
            BLOCK_END,
            self.heading,
            self.ending,
            *FIELDS,
            *LIST_MARKS,
        )


FAITHFUL = Layout("lamo-1", "Candidate drug:", ".\n'''\n###Answer:\n")
# All fixed words but a colon are in the prefix, which is read once for all candidates.
COMPACT = Layout("lamo-1-compact", "Candidate drug: see below.\n'''\n###Answer for the drug", ":\n")
LAYOUTS: Mapping[str, Layout] = {layout.version: layout for layout in (FAITHFUL, COMPACT)}


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptLimits:
    """How many items of each list a prompt holds; what is beyond them becomes a gap."""

    diagnoses: int = 40
    procedures: int = 20
    medications: int = 40


_OURS = tuple(field.rstrip() for field in (*FIELDS, "Candidate drug:", "Answer:"))


def _always(_text: str) -> bool:
    return True


def _nothing(_medication: str) -> Collection[str]:
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptPlan:
    """How a prompt is laid out, and how much of a chart it may hold."""

    layout: Layout = FAITHFUL
    limits: PromptLimits = PromptLimits()
    fits: Callable[[str], bool] = _always  # whether a prefix is short enough, as tokens tell
    # the labels of the conditions that a medication (by label) is given for: kept first
    indicating: Callable[[str], Collection[str]] = _nothing


@dataclass(frozen=True, slots=True)
class Prompt:
    """Everything before the candidate's name, ending in the layout's heading."""

    text: str
    version: str = FAITHFUL.version

    @property
    def sha256(self) -> str:
        """Hash of version and text, for the audit log."""
        return hashlib.sha256(f"{self.version}\n{self.text}".encode()).hexdigest()


def candidate_suffix(label: str, layout: Layout = FAITHFUL) -> str:
    """The part of the prompt that differs between the candidates of one patient."""
    return f" {plain(label)}{layout.ending}"


DEFAULT_PLAN = PromptPlan()

# Sections by what they say about the next order, the least first. Diagnoses and home medications
# say most (`docs/synthetic.md` has the shares of the signal).
LEAST_TELLING_FIRST = (
    "previous procedures",
    "previous diagnoses",
    "past medical history",
    "procedures",
    "previous medications",
    "history of present illness",
    "allergies",
    "medications on admission",
)
# Without all of these an order may look unsupported that is not: its cards say so.
TELLING = frozenset({"diagnoses", "past medical history", "medications on admission"})


def render_prompt(
    record: PatientRecord, digest: NoteDigest | None, plan: PromptPlan = DEFAULT_PLAN
) -> tuple[Prompt, tuple[Gap, ...]]:
    """Render the shared prefix of all questions about this patient.

    Args:
        record: the patient at the decision.
        digest: what the notes say; None when nothing was read, and age and sex stand in its place
            (as in LAMO, which prints them only without a note).
        plan: layout, items kept of each list, and the test of its length; LAMO has no limit, a hook
            has a deadline.

    Returns:
        The prompt, and a gap for each list that was cut and each section that was left out.
    """
    telling = {name for i in record.on_list() for name in plan.indicating(i.label)}
    chart, gaps = _chart(record, digest, plan.limits, telling)
    for name in LEAST_TELLING_FIRST:
        if plan.fits(_rendered(record, chart, plan.layout)):
            break
        if chart.get(name):
            gaps.append(_left_out(name))
            chart[name] = []
    diagnoses = _labels(record.diagnoses)
    shown = len(chart["diagnoses"])
    while chart["diagnoses"] and not plan.fits(_rendered(record, chart, plan.layout)):
        chart["diagnoses"] = _first(diagnoses, len(chart["diagnoses"]) - 1, telling)
    if len(chart["diagnoses"]) < shown:
        gaps = [gap for gap in gaps if gap.where != "diagnoses"]
        gaps.append(_cut("diagnoses", len(diagnoses), len(chart["diagnoses"])))
    if record.ordered:
        gaps = [replace(gap, shown=gap.where in TELLING) for gap in gaps]
    text = _rendered(record, chart, plan.layout)
    return Prompt(text, plan.layout.version), tuple(gaps)


def plain(text: str) -> str:
    """A name or text of the record without the marks that structure the prompt.

    Apostrophes become typographic ones (they quote list items), runs of ``#`` are cut to one, the
    names of our own fields lose their colon and the tokens of chat templates fall apart: nothing
    in a record can close a block, open a heading or begin a turn.
    """
    text = " ".join(text.split()).replace("'", "\N{RIGHT SINGLE QUOTATION MARK}")
    while "##" in text:
        text = text.replace("##", "#")
    for mark in _OURS:
        if mark in text:
            text = text.replace(mark, mark.replace(":", " -"))
    return defuse(text) if any(sign in text for sign in "<|[\uff5c") else text


def quoted_list(names: Iterable[str]) -> str:
    """Names as LAMO prints them: square brackets, single quotes."""
    return "[" + ", ".join(f"'{plain(name)}'" for name in names) + "]"


Chart = dict[str, list[str]]  # section -> its items; a text is one item
Dated = list[tuple[str, date | None]]  # label and when it was recorded, in the record's order


def _chart(
    record: PatientRecord, digest: NoteDigest | None, limits: PromptLimits, telling: Collection[str]
) -> tuple[Chart, list[Gap]]:
    """The sections of the prompt, and a gap for each list that has more items than it may."""
    lists = _lists(record, limits)
    chart = {name: _first(items, most, telling) for name, (items, most) in lists.items()}
    gaps = [_cut(name, len(items), most) for name, (items, most) in lists.items() if items[most:]]
    if digest is None:
        return chart, gaps
    return chart | _digested(digest), gaps + [_note_cut(name) for name in sorted(digest.cut)]


def _lists(record: PatientRecord, limits: PromptLimits) -> dict[str, tuple[Dated, int]]:
    lists = {
        "diagnoses": (_labels(record.diagnoses), limits.diagnoses),
        "procedures": (_labels(record.procedures), limits.procedures),
    }
    if record.previous is None:
        return lists
    taken = (i for drug in record.previous.medications for i in drug.ingredients)
    names: Dated = [(name, None) for name in dict.fromkeys(i.label for i in taken)]
    return lists | {
        "previous diagnoses": (_labels(record.previous.diagnoses), limits.diagnoses),
        "previous procedures": (_labels(record.previous.procedures), limits.procedures),
        "previous medications": (names, limits.medications),
    }


def _digested(digest: NoteDigest) -> Chart:
    texts = {
        "history of present illness": digest.history_of_present_illness,
        "past medical history": digest.past_medical_history,
    }
    return {name: [text] if text else [] for name, text in texts.items()} | {
        "allergies": list(digest.allergies),
        "medications on admission": list(digest.medications_on_admission),
    }


def _labels(items: Iterable[Diagnosis | Procedure]) -> Dated:
    """Each label once, with its latest date."""
    found: dict[str, date | None] = {}
    for item in items:
        dates = [at for at in (found.get(item.label), item.dated) if at]
        found[item.label] = max(dates, default=None)
    return list(found.items())


def _first(items: Dated, most: int, telling: Collection[str]) -> list[str]:
    """So many labels in the record's order: what tells of a listed medication, then the latest."""

    def rank(place: int) -> tuple[bool, date]:
        label, dated = items[place]
        return label in telling, dated or date.min

    order = sorted(range(len(items)), key=rank, reverse=True)
    return [items[place][0] for place in sorted(order[:most])]


def _rendered(record: PatientRecord, chart: Chart, layout: Layout) -> str:
    if "history of present illness" in chart:
        person = _digest_text(chart)
    else:
        person = _person(record.age, record.sex)
    codes = _codes(chart["diagnoses"], chart["procedures"])
    current = f"{CURRENT_HEADING}{person}{codes}, {layout.heading}"
    if record.previous is None:
        return INSTRUCTION + current
    history = _history_text(record.previous, chart)
    return f"{INSTRUCTION_WITH_HISTORY}{PREVIOUS_HEADING}{history}{BLOCK_END}{current}"


def _digest_text(chart: Chart) -> str:
    parts = {
        "History of present illness": _text(chart["history of present illness"]),
        "Past medical history": _text(chart["past medical history"]),
        "Allergies": quoted_list(chart["allergies"]),
        "Medications on admission": quoted_list(chart["medications on admission"]),
    }
    return "".join(f"{name}: {text},\n" for name, text in parts.items())


def _text(items: Sequence[str]) -> str:
    return plain(" ".join(items)) or "none"


def _person(age: int | None, sex: Sex | None) -> str:
    return f"Age: {'unknown' if age is None else age}, Gender: {sex or 'unknown'}, "


def _codes(diagnoses: Sequence[str], procedures: Sequence[str]) -> str:
    return f"Diagnose: {quoted_list(diagnoses)}, Procedure: {quoted_list(procedures)}"


def _history_text(previous: Hospitalization, chart: Chart) -> str:
    codes = _codes(chart["previous diagnoses"], chart["previous procedures"])
    names = quoted_list(chart["previous medications"])
    return f"{_person(previous.age, previous.sex)}{codes}, Drug names: {names}."


def _cut(name: str, count: int, shown: int) -> Gap:
    return Gap(
        kind="prompt-cut",
        where=name,
        meaning=f"the model was shown the latest {shown} of {count} {name}, and those first that "
        "a listed medication is given for",
    )


def _note_cut(name: str) -> Gap:
    return Gap(
        kind="note-cut",
        where=name.replace("_", " "),
        meaning=f"the {name.replace('_', ' ')} of a note is longer than a digest takes: the model "
        "was shown its beginning",
    )


def _left_out(name: str) -> Gap:
    return Gap(
        kind="prompt-section-left-out",
        where=name,
        meaning=f"the chart is longer than the model takes, so it was not shown the {name}",
    )
