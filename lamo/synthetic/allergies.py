"""Made-up allergies: about a quarter of the patients has one."""

from dataclasses import dataclass
from random import Random
from typing import Literal

from fhir_mappings.formulary import Formulary
from fhir_mappings.record import Allergy
from lamo.synthetic.tables import cells, read_table

_SEVERE = frozenset({"anaphylaxis", "angioedema", "thrombocytopenia"})
_INTOLERANCE = frozenset({"nausea", "itching", "cough", "diarrhea", "muscle pain", "flushing"})


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownAllergy:
    """One allergy of a patient: as coded, as notes word it, and what it rules out."""

    coded: Allergy
    words: tuple[str, ...]
    blocks: tuple[str, ...]  # medication labels


class AllergyTable:
    """Draws allergies, each at its own rate."""

    def __init__(self) -> None:
        formulary = Formulary.load()
        self._known = {entry.label: entry.ingredient for entry in formulary.entries}
        self._rows = read_table("allergies")

    def draw(self, rng: Random) -> tuple[KnownAllergy, ...]:
        """The allergies of one patient, mostly none."""
        found = []
        for row in self._rows:
            if rng.random() < float(row["rate"]):
                reaction = rng.choice(cells(row["reactions"]))
                found.append(
                    KnownAllergy(
                        coded=self._coded(row, reaction, rng),
                        words=cells(row["words"]),
                        blocks=cells(row["blocks"]),
                    )
                )
        return tuple(found)

    def _coded(self, row: dict[str, str], reaction: str, rng: Random) -> Allergy:
        ingredient = self._known.get(row["display"])
        return Allergy(
            display=row["display"],
            ingredients=(ingredient,) if ingredient else (),
            substance_class=row["substance_class"] or None,
            is_intolerance=reaction in _INTOLERANCE,
            criticality=_criticality(reaction, rng),
            reactions=(reaction,),
        )


def _criticality(reaction: str, rng: Random) -> Literal["low", "high"] | None:
    if reaction in _SEVERE:
        return "high"
    return "low" if rng.random() < 0.7 else None
