"""The formulary: which medications the product knows, and how a text or code becomes one.

Two tables ship with the package: ``formulary.csv`` holds one ingredient a row, ``drug_codes.csv``
the products whose text says nothing of their ingredients (packs, brands of combinations) and the
codes that mean one of our ingredients. Both are drafts, not reviewed by a pharmacist.
"""

import copy
import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import resources

from fhir_mappings.code_lookup import RXNORM, CodeLookup, Key, keys_of
from fhir_mappings.drug_text import (
    NameIndex,
    NameMatch,
    Token,
    has_dose,
    is_bare,
    parts,
    second_ingredients,
    stands_alone,
    tokenise,
    tokenise_placed,
    without_brackets,
)
from fhir_mappings.formulary_tables import (
    FormularyBroken,
    FormularyEntry,
    Product,
    codes_of,
    names_of,
    read_entries,
    read_products,
)
from fhir_mappings.record import Ingredient

__all__ = [
    "RXNORM",
    "Coding",
    "DrugPlace",
    "Formulary",
    "FormularyBroken",
    "FormularyEntry",
    "Resolution",
    "UnknownIngredient",
]

_MEDICATION = "a medication"
_LACKS = re.compile(r"\s*(?:deficien|insufficien)", re.IGNORECASE)
_LACKED = re.compile(r"\b(?:low|lack of|deficient in)\s+$", re.IGNORECASE)
_AGAIN = re.compile(rf"{_MEDICATION}(?:[\s,;/&+-]|and\b|or\b){{1,6}}(?={_MEDICATION})")
_MEMORY = 8192  # resolutions remembered, so that a long-lived service stays small

Coding = tuple[str | None, str | None, str | None]  # system, code, display


class UnknownIngredient(LookupError):  # noqa: N818 - a situation, named as such
    """The formulary has no such ingredient."""


@dataclass(frozen=True, slots=True)
class Resolution:
    """The ingredients of one medication, and how they were found."""

    ingredients: tuple[Ingredient, ...]
    how: str  # "rxcui", "code", "name", "partial" (see unresolved) or "unresolved"
    unresolved: tuple[str, ...] = ()  # parts of the text, or ingredients of a code, unknown to us


_NOTHING = Resolution((), "unresolved")


@dataclass(frozen=True, slots=True)
class DrugPlace:
    """A drug named in a line: line[start:end] is the name."""

    start: int
    end: int
    ingredients: tuple[Ingredient, ...]


class Formulary:
    """The ingredients that we know, by code, label and text."""

    def __init__(
        self, entries: Sequence[FormularyEntry], products: Sequence[Product], version: str
    ) -> None:
        self.version = version  # first 12 hex digits of the hash of the tables
        self.entries = tuple(entries)
        self.candidates = tuple(entry for entry in entries if entry.is_candidate)
        self._by_rxcui = {entry.rxcui: entry for entry in entries}
        self._by_label = {entry.label: entry for entry in entries}
        self._codes = codes_of(products)
        self._index = NameIndex(names_of(entries, products))
        self._lookup: CodeLookup | None = None
        self._placed: dict[str, tuple[DrugPlace, ...]] = {}
        self._remembered: dict[tuple[tuple[Coding, ...], str | None], Resolution] = {}

    def with_lookup(self, lookup: CodeLookup) -> "Formulary":
        """The same formulary, which asks a terminology for the codes that its tables lack.

        What was resolved is remembered: after a new release was loaded, make a new one.
        """
        asking = copy.copy(self)
        asking._lookup = lookup
        asking._placed, asking._remembered = {}, {}
        return asking

    @classmethod
    def load(cls) -> "Formulary":
        """Read the tables that ship with the package.

        Raises:
            FormularyBroken: a table is cut short, has a duplicate, or names an unknown ingredient.
        """
        folder = resources.files("fhir_mappings") / "data"
        return cls.from_tables(
            (folder / "formulary.csv").read_bytes(), (folder / "drug_codes.csv").read_bytes()
        )

    @classmethod
    def from_tables(cls, formulary: bytes, drug_codes: bytes) -> "Formulary":
        """Build the formulary from the bytes of its two tables; see `load`."""
        entries = read_entries(formulary)
        products = read_products(drug_codes, {entry.rxcui for entry in entries})
        version = hashlib.sha256(formulary + b"\0" + drug_codes).hexdigest()[:12]
        return cls(entries, products, version)

    def entry(self, rxcui: str) -> FormularyEntry:
        """The entry of an RxNorm ingredient, or UnknownIngredient."""
        try:
            return self._by_rxcui[rxcui]
        except KeyError:
            raise UnknownIngredient(
                f"RxNorm {rxcui!r} is not among the formulary's {len(self.entries)} ingredients: "
                "ask `resolve` for a product's code, or add a row to "
                "fhir_mappings/data/formulary.csv"
            ) from None

    def by_label(self, label: str) -> FormularyEntry:
        """The entry with exactly this label, or UnknownIngredient."""
        try:
            return self._by_label[label]
        except KeyError:
            raise UnknownIngredient(
                f"no formulary label is spelt {label!r} (labels are case-sensitive): "
                "ask `resolve` for a free text, or see the label column of "
                "fhir_mappings/data/formulary.csv"
            ) from None

    def resolve(self, codings: Sequence[Coding], text: str | None) -> Resolution:
        """Find the ingredients of one medication. Never raises for odd data.

        Args:
            codings: (system, code, display) of each coding, in the order of the record.
            text: the text beside the codings, or the whole order line.

        Returns:
            The ingredients by RxNorm ingredient code, else by a code of the table, else by a code
            of the terminology if there is one, else by the displays and the text; "partial" when
            a part of a combination is unknown to us.
        """
        key = (tuple(codings), text)
        known = self._remembered.get(key)
        if known is None:
            known = self._by_codes(codings) or self._by_text(codings, text)
            if len(self._remembered) >= _MEMORY:
                self._remembered.clear()
            self._remembered[key] = known
        return known

    def find_in_text(self, text: str) -> tuple[Ingredient, ...]:
        """The ingredients that a note or list mentions, each once, in the order of mention.

        It reads names, not meaning: negation, allergies and history are the caller's business.
        A bare "glucose" or "magnesium" counts only with a dose or alone on its line.
        """
        rxcuis: list[str] = []
        for line in text.splitlines():
            tokens = tokenise(line)
            for match in self._index.matches(tokens):
                if not is_bare(tokens, match) or _is_meant(tokens, match):
                    rxcuis.extend(match.rxcuis)
        return self._ingredients(rxcuis)

    def places_in_line(self, line: str) -> tuple[DrugPlace, ...]:
        """As `find_in_text` for one line, with the place of each name in it."""
        known = self._placed.get(line)
        if known is None:
            known = self._places(line)
            if len(self._placed) >= _MEMORY:
                self._placed.clear()
            self._placed[line] = known
        return known

    def _places(self, line: str) -> tuple[DrugPlace, ...]:
        tokens, places = tokenise_placed(line)
        return tuple(
            DrugPlace(
                places[match.first][0], places[match.last][1], self._ingredients(match.rxcuis)
            )
            for match in self._index.matches(tokens)
            if not is_bare(tokens, match) or _is_meant(tokens, match)
        )

    def unnamed(self, text: str) -> str:
        """A text on one line without the names of medications, which have lists of their own.

        A name in a story says that something was given, stopped, refused or asked for, and to a
        model it says the name alone. "Vitamin D deficiency" keeps its name.
        """
        parts, at = [], 0
        for place in self.places_in_line(text):
            if _LACKS.match(text, place.end) or _LACKED.search(text, 0, place.start):
                continue
            parts += [text[at : place.start], _MEDICATION]
            at = place.end
        return _AGAIN.sub("", "".join((*parts, text[at:])))

    def _by_codes(self, codings: Sequence[Coding]) -> Resolution | None:
        """Ingredient codes first, then the table, then the terminology; None when none is known."""
        coded = [keys_of(system, code) for system, code, _ in codings]
        keys = [key for readings in coded for key in readings]
        direct = [code for system, code in keys if system == RXNORM and code in self._by_rxcui]
        if direct:
            return Resolution(self._ingredients(direct), "rxcui")
        for readings in coded:
            if ours := _one_meaning(self._codes.get(key, ()) for key in readings):
                return Resolution(self._ingredients(ours), "code")
        return next(filter(None, map(self._look_up, coded)), None)

    def _look_up(self, readings: Sequence[Key]) -> Resolution | None:
        """What the terminology says of one coding; None when it says nothing or several things."""
        if self._lookup is None:
            return None
        found = _one_meaning(self._lookup.ingredients(*key) for key in readings)
        return self._from_terminology(found) if found else None

    def _from_terminology(self, rxcuis: Sequence[str]) -> Resolution:
        """RxNorm's ingredients as ours; those that we do not have are unresolved by their names."""
        ours = {code: self._ours(code) for code in rxcuis}
        unresolved = tuple(self._name_of(code) for code, known in ours.items() if not known)
        ingredients = self._ingredients(code for known in ours.values() for code in known)
        if not ingredients:
            return Resolution((), "unresolved", unresolved)
        return Resolution(ingredients, "partial" if unresolved else "code", unresolved)

    def _ours(self, rxcui: str) -> tuple[str, ...]:
        return (rxcui,) if rxcui in self._by_rxcui else self._codes.get((RXNORM, rxcui), ())

    def _name_of(self, rxcui: str) -> str:
        name = self._lookup.name(rxcui) if self._lookup else None
        return name or f"RxNorm {rxcui}"

    def _by_text(self, codings: Sequence[Coding], text: str | None) -> Resolution:
        """The first text that names an ingredient; a later one only completes a partial one."""
        texts = dict.fromkeys(t for t in (*(display for _, _, display in codings), text) if t)
        best = _NOTHING
        for found in map(self._read, texts):
            if len(found.ingredients) > len(best.ingredients) or best == _NOTHING:
                best = found
            if best.how == "name":
                break
        return best

    def _read(self, text: str) -> Resolution:
        """One text by name. A brand in brackets speaks only when nothing else does."""
        outside, brand = without_brackets(text)
        resolution = self._read_parts(outside)
        is_silent = not resolution.ingredients and not resolution.unresolved
        return self._read_parts(brand) if is_silent else resolution

    def _read_parts(self, text: str) -> Resolution:
        """The ingredients of each part of a combination, and the parts that have none."""
        tokens = tokenise(text)
        matches = self._index.matches(tokens)
        without = [
            _source(tokens[first:end])
            for first, end in parts(tokens, matches)
            if not _has_match(matches, first, end)
        ]
        unresolved = (*filter(None, without), *second_ingredients(tokens, matches))
        ingredients = self._ingredients(code for match in matches for code in match.rxcuis)
        if not ingredients:
            return Resolution((), "unresolved", unresolved)
        return Resolution(ingredients, "partial" if unresolved else "name", unresolved)

    def _ingredients(self, rxcuis: Iterable[str]) -> tuple[Ingredient, ...]:
        return tuple(self._by_rxcui[rxcui].ingredient for rxcui in dict.fromkeys(rxcuis))


def _one_meaning(readings: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    """The ingredients that the readings of a code agree on; nothing when two disagree."""
    known = {rxcuis for rxcuis in readings if rxcuis}
    return known.pop() if len(known) == 1 else ()


def _is_meant(tokens: Sequence[Token], match: NameMatch) -> bool:
    """Whether a word like "glucose" is a medication here: alone on its line, or with a dose."""
    return stands_alone(tokens, match) or has_dose(tokens, match.last)


def _has_match(matches: Iterable[NameMatch], first: int, end: int) -> bool:
    return any(first <= match.first < end for match in matches)


def _source(tokens: Sequence[Token]) -> str:
    """The part as a reader would recognise it: its words, without doses and forms."""
    return " ".join(token.text for token in tokens if token.is_significant)
