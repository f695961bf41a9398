"""Notes by a template grammar, each in its own hand. All of it is made up."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from fhir_mappings.concepts import ConceptTable
from fhir_mappings.formulary import Formulary
from fhir_mappings.record import Setting, Sex
from lamo.synthetic.tables import cells, read_table

_HEADINGS = {
    "hpi": ("History of Present Illness", "HPI", "Present Illness", "Reason for Admission"),
    "pmh": ("Past Medical History", "PMH", "Medical History", "PMHx"),
    "allergies": ("Allergies", "Drug Allergies", "Allergies/Adverse Reactions"),
    "home": (
        "Medications on Admission",
        "Home Medications",
        "Home Meds",
        "Current Medications",
        "Medications Prior to Admission",
    ),
    "discharge": ("Discharge Medications", "Medications on Discharge", "Discharge Meds"),
}
_DENIED = (
    "chest pain",
    "shortness of breath",
    "fevers or chills",
    "headache",
    "nausea or vomiting",
    "recent travel",
    "abdominal pain",
    "dysuria",
    "sick contacts",
)
_COURSE = (
    "Symptoms got worse over the last day and did not settle at home.",
    "Family noticed the change and called for help.",
    "No similar episode in the past year.",
    "Seen in the office last week, and sent in today.",
    "Rest and fluids helped little.",
    "Has been taking medicines as directed.",
    "Lives alone and manages own affairs.",
    "Appetite has been fair and sleep poor.",
)
_ARRIVALS: dict[Setting, tuple[str, ...]] = {
    "outpatient": (
        "seen in clinic for",
        "comes to the office with",
        "presents to clinic with",
        "has an outpatient visit for",
    ),
    "inpatient": (
        "admitted with",
        "admitted from the emergency department with",
        "is admitted to the ward with",
        "was admitted to hospital for",
    ),
    "icu": (
        "admitted to the ICU with",
        "transferred to the ICU with",
        "taken to intensive care with",
        "is in the ICU with",
    ),
}
_NO_ALLERGIES = ("NKDA", "No known drug allergies", "None", "No known allergies to medications")
_NOT_HAD = ("diabetes", "seizures", "asthma", "stroke", "kidney disease", "thyroid disease")


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What one note tells. A section that is None may be left out of the note."""

    age: int
    sex: Sex
    setting: Setting
    reasons: Sequence[str]  # what the visit is for: condition labels
    history: Sequence[str] | None  # chronic condition labels
    allergies: Sequence[str] | None  # as the note words them; empty: none known
    home: Sequence[str] | None  # regimens
    discharge: Sequence[str]  # regimens


@dataclass(frozen=True, slots=True, kw_only=True)
class Hand:
    """One writer's habits."""

    capitals: bool  # headings in upper case
    colon: bool  # after headings
    short: float  # how often abbreviations are used
    brands: float  # how often brand names are used
    doses: float  # how often doses are written
    bullet: str  # before the items of a list
    typos: float  # per word of running text
    shuffled: bool  # sections out of their usual order


class NoteWriter:
    """Writes a story down, each time in another hand."""

    def __init__(self) -> None:
        formulary, concepts = Formulary.load(), ConceptTable.load("conditions")
        self._names = {concept.label: concept.names for concept in concepts.concepts}
        self._complaints = {r["label"]: cells(r["phrases"]) for r in read_table("complaints")}
        self._strengths = {r["regimen"]: cells(r["strengths"]) for r in read_table("strengths")}
        self._brands = {r["regimen"]: cells(r["brands"]) for r in read_table("strengths")}
        for entry in formulary.entries:
            self._brands[entry.label] = self._brands.get(entry.label) or entry.brands

    def write(self, story: Story, rng: Random) -> str:
        """The note's text: up to five sections, the discharge medications always last."""
        hand = _hand(rng)
        sections = {
            "hpi": self._present_illness(story, hand, rng),
            "pmh": self._past_history(story.history, hand, rng),
            "allergies": _allergies(story.allergies, rng),
            "home": self._medications(story.home, hand, rng, "none"),
        }
        order = list(sections)
        if hand.shuffled:
            rng.shuffle(order)
        parts = [_section(key, sections[key], hand, rng) for key in order if sections[key]]
        return "\n\n".join([*parts, self._discharge(story, hand, rng)]) + "\n"

    def drug(self, regimen: str, hand: Hand, rng: Random) -> str:
        """A regimen as this hand writes it: brand or name, with or without a dose."""
        brands, strengths = self._brands.get(regimen, ()), self._strengths.get(regimen, ())
        name = rng.choice(brands) if brands and rng.random() < hand.brands else regimen
        if rng.random() < 0.5 and name == regimen:
            name = name.lower()
        return (
            f"{name} {rng.choice(strengths)}" if rng.random() < hand.doses and strengths else name
        )

    def _present_illness(self, story: Story, hand: Hand, rng: Random) -> str:
        who = f"{story.age} {_age_word(rng)} {_sex_word(story.sex, rng)}"
        known = list(story.history or ())[: rng.choice((0, 0, 1, 2, 3))]
        past = f" with {self._listed(known, hand, rng)}" if known else ""
        why = " and ".join(self._complaint(reason, rng) for reason in story.reasons[:3])
        days = rng.choice(("today", "for 2 days", "for 3 days", "for one week", "since yesterday"))
        verb = rng.choice(_ARRIVALS[story.setting])
        first = f"{who}{past} {verb} {why or 'a routine follow-up'} {days}."
        course = rng.sample(_COURSE, rng.choice((0, 1, 1, 2)))
        denial = f"Denies {', '.join(rng.sample(_DENIED, rng.choice((1, 2, 2))))}."
        return _with_typos(" ".join([first, *course, denial]), hand.typos, rng)

    def _past_history(self, history: Sequence[str] | None, hand: Hand, rng: Random) -> str:
        if history is None:
            return ""
        if not history:
            return rng.choice(("None", "Unremarkable", "No significant history"))
        named = [self._condition(label, hand, rng) for label in history]
        named += [f"No history of {rng.choice(_NOT_HAD)}"] if rng.random() < 0.06 else []
        return _listing(named, hand)

    def _medications(
        self, regimens: Sequence[str] | None, hand: Hand, rng: Random, nothing: str
    ) -> str:
        if regimens is None:
            return ""
        return _listing([self.drug(name, hand, rng) for name in regimens], hand) or nothing

    def _discharge(self, story: Story, hand: Hand, rng: Random) -> str:
        told = list(story.discharge) if rng.random() < 0.75 else []
        text = self._medications(told[:10], hand, rng, "See the medication list given to patient")
        return _section("discharge", text, hand, rng)

    def _complaint(self, label: str, rng: Random) -> str:
        phrases = self._complaints.get(label)
        return rng.choice(phrases) if phrases else f"follow-up of {label.lower()}"

    def _condition(self, label: str, hand: Hand, rng: Random) -> str:
        names = self._names.get(label, ())
        return rng.choice(names[:3]) if names and rng.random() < hand.short else label

    def _listed(self, labels: Sequence[str], hand: Hand, rng: Random) -> str:
        return ", ".join(self._condition(label, hand, rng) for label in labels)


def _hand(rng: Random) -> Hand:
    return Hand(
        capitals=rng.random() < 0.25,
        colon=rng.random() < 0.8,
        short=rng.choice((0.1, 0.4, 0.8)),
        brands=rng.choice((0.0, 0.2, 0.5)),
        doses=rng.choice((0.0, 0.5, 0.95)),
        bullet=rng.choice(("", "", "- ", "* ", "1. ")),
        typos=rng.choice((0.0, 0.0, 0.01, 0.03)),
        shuffled=rng.random() < 0.12,
    )


def _section(key: str, text: str, hand: Hand, rng: Random) -> str:
    heading = rng.choice(_HEADINGS[key])
    heading = heading.upper() if hand.capitals else heading
    if not hand.colon:
        return f"{heading}\n{text}"
    return f"{heading}:\n{text}" if "\n" in text or rng.random() < 0.5 else f"{heading}: {text}"


def _listing(items: Sequence[str], hand: Hand) -> str:
    if hand.bullet == "1. ":
        return "\n".join(f"{number}. {item}" for number, item in enumerate(items, 1))
    if hand.bullet:
        return "\n".join(hand.bullet + item for item in items)
    return ", ".join(items)


def _allergies(allergies: Sequence[str] | None, rng: Random) -> str:
    if allergies is None:
        return ""
    return ", ".join(allergies) or rng.choice(_NO_ALLERGIES)


def _age_word(rng: Random) -> str:
    return rng.choice(("year old", "yo", "y/o", "year-old"))


def _sex_word(sex: Sex, rng: Random) -> str:
    return rng.choice(("woman", "female", "F") if sex == "female" else ("man", "male", "M"))


def _with_typos(text: str, rate: float, rng: Random) -> str:
    words = text.split(" ")
    for index, word in enumerate(words):
        if len(word) > 5 and word.isalpha() and rng.random() < rate:
            at = rng.randrange(1, len(word) - 2)
            words[index] = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    return " ".join(words)
