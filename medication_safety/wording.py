"""Small helpers for the sentences of findings."""

from fhir_mappings.record import Ingredient, Medication

NAME_LIMIT = 38  # so that two names and the words between them stay under 140 characters


def short(name: str) -> str:
    """A name on one line, cut to a length that leaves room for the sentence around it."""
    line = " ".join(name.split())
    return line if len(line) <= NAME_LIMIT else line[: NAME_LIMIT - 1].rstrip() + "…"


def as_proposed(ingredient: Ingredient) -> Medication:
    """Our own suggestion as a medication that the rules can judge."""
    return Medication(display=ingredient.label, ingredients=(ingredient,), status="proposed")
