"""From the relations of a release to the ingredients of each concept.

    BPCK, GPCK --contains--> SCD, SBD
    SBD --tradename_of--> SCD --consists_of--> SCDC --has_ingredient--> IN
    BN --tradename_of--> IN      PIN --form_of--> IN      MIN --has_part--> IN

A brand name may stand for several products, so a branded drug is read through the clinical drug
that it is the tradename of, and never through its brand.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from cds_service.terminology.release import Concept, Relation

# by term type: the first relation that leads somewhere is followed, the others are not
_WAYS: Mapping[str, tuple[str, ...]] = {
    "PIN": ("form_of",),
    "MIN": ("has_part",),
    "BN": ("tradename_of",),
    "SCDC": ("has_ingredient",),
    "SCD": ("consists_of", "has_ingredients", "has_ingredient"),
    "SBD": ("tradename_of", "consists_of"),
    "GPCK": ("contains",),
    "BPCK": ("contains", "tradename_of"),
}
_LEADS_TO: Mapping[str, frozenset[str]] = {
    "PIN": frozenset({"IN"}),
    "MIN": frozenset({"IN"}),
    "BN": frozenset({"IN", "MIN"}),
    "SCDC": frozenset({"IN"}),
    "SCD": frozenset({"SCDC", "MIN", "IN"}),
    "SBD": frozenset({"SCD", "SCDC"}),
    "GPCK": frozenset({"SCD"}),
    "BPCK": frozenset({"SCD", "SBD", "GPCK"}),
}
# a release holds every relation in both directions; one direction is enough to find the other
_INVERSE = {
    "has_form": "form_of",
    "part_of": "has_part",
    "has_tradename": "tradename_of",
    "ingredient_of": "has_ingredient",
    "ingredients_of": "has_ingredients",
    "constitutes": "consists_of",
    "contained_in": "contains",
}
_FOLLOWED = frozenset(way for ways in _WAYS.values() for way in ways)


class IngredientGraph:
    """Concepts, and the relations between them that lead towards ingredients."""

    def __init__(self, concepts: Mapping[str, Concept]) -> None:
        self._concepts = concepts
        self._steps: dict[tuple[str, str], set[str]] = defaultdict(set)  # (rxcui, relation)
        self._known: dict[str, tuple[str, ...]] = {}

    def add(self, relations: Iterable[Relation]) -> None:
        """Take in relations, in either direction; those that lead nowhere are left out."""
        for one in relations:
            way = _INVERSE.get(one.relation)
            subject, target = (one.target, one.subject) if way else (one.subject, one.target)
            way = way or one.relation
            if way in _FOLLOWED and self._leads(subject, target):
                self._steps[subject, way].add(target)

    def ingredients(self, rxcui: str) -> tuple[str, ...]:
        """The ingredient codes of a concept, sorted as numbers; empty when none is reached."""
        known = self._known.get(rxcui)
        if known is None:
            found = self._find(rxcui)
            known = self._known[rxcui] = tuple(sorted(found, key=int))
        return known

    def _leads(self, subject: str, target: str) -> bool:
        """Whether this step goes towards ingredients, which also makes every path end."""
        first, second = self._concepts.get(subject), self._concepts.get(target)
        if first is None or second is None:
            return False
        return second.tty in _LEADS_TO.get(first.tty, frozenset())

    def _find(self, rxcui: str) -> set[str]:
        """Half of a combination is worse than nothing: one part that leads nowhere spoils it."""
        concept = self._concepts.get(rxcui)
        if concept is None:
            return set()
        if concept.tty == "IN":
            return {rxcui}
        ways = (self._steps.get((rxcui, way)) for way in _WAYS.get(concept.tty, ()))
        steps: set[str] = next(filter(None, ways), set())
        parts = [self.ingredients(step) for step in steps]
        return {one for part in parts for one in part} if all(parts) else set()
