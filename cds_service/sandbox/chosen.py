"""Who the patients of the sandbox are, and what each of them is there to show."""

from dataclasses import dataclass, replace
from typing import Literal

from lamo.synthetic.overprescribing import Kind

SEED = 20_261_126  # of the generator; the tests say whether another one shows as much


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One Observation that the generator has not: a quantity, or a coded value."""

    loinc: str
    display: str
    value: float | None = None
    unit: str = ""  # as people write it
    ucum: str = ""  # its code, where that is written otherwise
    answer: str = ""  # instead of a value
    category: str = "laboratory"


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """One patient."""

    number: int  # of the generator
    name: str  # made up
    shows: str  # one line
    rules: tuple[str, ...]  # topics of the cards of the hook, with all drafts; empty: no card
    gap: str = ""  # what the cards say could not be checked
    hook: Literal["order-sign", "patient-view"] = "order-sign"
    kind: Kind | None = None  # of the one medication too many that is put in
    orders: tuple[tuple[str, str], ...] = ()  # drafts beside it: label of the formulary, as written
    diagnoses: tuple[str, ...] = ()  # beside those of the generator
    measured: tuple[Measured, ...] = ()
    has_note_by_url: bool = False  # its text is a Binary of its own, as in many EHRs


EGFR = Measured(
    loinc="98979-8",
    display="Estimated glomerular filtration rate (CKD-EPI 2021)",
    value=27,
    unit="mL/min/1.73 m2",
    ucum="mL/min/{1.73_m2}",
)
POTASSIUM = Measured(
    loinc="2823-3", display="Potassium in serum or plasma", value=5.8, unit="mmol/L"
)
ODD_POTASSIUM = replace(POTASSIUM, value=41, unit="%")  # no unit of it, so not compared
ALT = Measured(loinc="1742-6", display="Alanine aminotransferase", value=164, unit="U/L")
PREGNANT = Measured(
    loinc="82810-3", display="Pregnancy status", answer="Pregnant", category="social-history"
)
CHOSEN = (
    Chosen(
        number=65,
        name="Adam Birch",
        shows="An allergy to penicillin, and amoxicillin about to be ordered.",
        rules=("allergy",),
        orders=(("Amoxicillin", "Amoxicillin 500 mg tid"),),
    ),
    Chosen(
        number=29,
        name="Brian Cole",
        shows="A high-priority interaction, and an ingredient that is taken already.",
        rules=("interaction", "duplicate-ingredient"),
        kind="interaction",
        orders=(("Lisinopril", "Zestril 10 mg daily"),),
    ),
    Chosen(
        number=39,
        name="Clara Dunn",
        shows="A second statin, while a liver value is high.",
        rules=("duplicate-class", "hepatic"),
        orders=(("Atorvastatin", "Atorvastatin 40 mg qhs"),),
        measured=(ALT,),
    ),
    Chosen(
        number=5,
        name="David Ellis",
        shows="An order that little in the chart supports.",
        rules=("overprescription",),
        kind="unsupported",
        has_note_by_url=True,
    ),
    Chosen(
        number=8,
        name="Emma Frost",
        shows="A medication that has been taken beyond its usual course.",
        rules=("deprescribing",),
        hook="patient-view",
        kind="continued-too-long",
        orders=(("Lorazepam", "Lorazepam 0.5 mg prn"),),
    ),
    Chosen(
        number=45,
        name="Fiona Gray",
        shows="A medication that older adults with heart failure had better not take.",
        rules=("older-adult",),
        kind="inappropriate-for-age",
    ),
    Chosen(
        number=19,
        name="George Hale",
        shows="A medication for what another one causes, and one that seems to be missing.",
        rules=("cascade", "suggestion"),
        kind="cascade",
    ),
    Chosen(
        number=41,
        name="Henry Irwin",
        shows="Kidney function and potassium that speak against two orders.",
        rules=("renal", "potassium"),
        orders=(("Metformin", "Metformin 500 mg bid"), ("Lisinopril", "Lisinopril 10 mg daily")),
        measured=(EGFR, POTASSIUM),
    ),
    Chosen(
        number=174,
        name="Irene Jacobs",
        shows="A pregnancy that speaks against an order, and a value that could not be compared.",
        rules=("pregnancy",),
        gap="potassium was not compared",
        orders=(("Lisinopril", "Lisinopril 5 mg daily"),),
        measured=(PREGNANT, ODD_POTASSIUM),
    ),
    Chosen(
        number=234,
        name="Julia Kent",
        shows="Breastfeeding, and codeine about to be ordered.",
        rules=("lactation",),
        orders=(("Codeine", "Codeine 30 mg q6h prn"),),
        diagnoses=("Breastfeeding",),
    ),
    Chosen(
        number=67,
        name="Leo Marsh",
        shows="A list of medications that is longer than such charts usually have.",
        rules=("regimen",),
    ),
    Chosen(
        number=48,
        name="Noah Olsen",
        shows="Nothing to say: everything is checked, and the service stays silent.",
        rules=(),
    ),
)
