"""Total reading of FHIR JSON: whatever stands in a resource, reading it never raises.

Real clients send objects where arrays belong, strings where objects belong, and null. What can
be used all the same is used; each such element becomes a "malformed" gap.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from fhir_mappings.dates import parse_date, parse_instant
from fhir_mappings.gaps import Gaps
from fhir_mappings.words import one_line

Coding = tuple[str | None, str | None, str | None]  # system, code, display


@dataclass(frozen=True, slots=True)
class Codeable:
    """A CodeableConcept: every coding, and the text."""

    codings: tuple[Coding, ...] = ()
    text: str | None = None

    @property
    def display(self) -> str | None:
        """The words for it: the text, else the first coding with a display."""
        names = (self.text, *(display for _, _, display in self.codings))
        return next((cleaned for name in names if name and (cleaned := one_line(name))), None)

    @property
    def names(self) -> tuple[str, ...]:
        """Every wording of it: the text, then the display of each coding."""
        return tuple(name for name in (self.text, *(shown for _, _, shown in self.codings)) if name)

    @property
    def codes(self) -> frozenset[str]:
        """Its codes in lower case; the text's words where no coding has a code."""
        codes = frozenset(code.lower() for _, code, _ in self.codings if code)
        return codes or frozenset([self.text.lower()] if self.text else [])

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """(system, code) of each coding that has both."""
        return tuple((system, code) for system, code, _ in self.codings if system and code)

    @property
    def keys(self) -> tuple[tuple[str | None, str | None], ...]:
        """(system, code) of every coding, whichever of them is missing."""
        return tuple((system, code) for system, code, _ in self.codings)

    def code_in(self, system: str) -> str | None:
        """The first code of that code system."""
        return next((code for found, code in self.pairs if found == system), None)


@dataclass(frozen=True, slots=True)
class Element:
    """One JSON object of a resource, with where it stands, for the gaps."""

    node: Mapping[str, Any]
    where: str
    gaps: Gaps
    path: str = ""

    def text(self, name: str) -> str | None:
        """The string there, stripped; None when absent, empty or not a string."""
        value = self.node.get(name)
        if isinstance(value, str):
            return value.strip() or None
        if value is not None:
            self._odd(name)
        return None

    def texts(self, name: str) -> tuple[str, ...]:
        """The strings of the array there; a lone string counts as an array of one."""
        found = tuple(item for item in self._items(name) if item is not None)
        if not all(isinstance(item, str) for item in found):
            self._odd(name)
        return tuple(item for item in found if isinstance(item, str))

    def number(self, name: str) -> float | None:
        """The finite number there; a numeral in quotes is not one."""
        value = self.node.get(name)
        if value is None:
            return None
        if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300:
            return float(value)
        self._odd(name)
        return None

    def is_true(self, name: str) -> bool:
        """Whether the boolean there is true."""
        return self.node.get(name) is True

    def one(self, name: str) -> "Element":
        """The object there; an empty one when absent; the first of an array."""
        value = self.node.get(name)
        if isinstance(value, list):
            self._odd(name)
            value = next((item for item in value if isinstance(item, dict)), None)
        elif value is not None and not isinstance(value, dict):
            self._odd(name)
        return self._child(value if isinstance(value, dict) else {}, name)

    def many(self, name: str) -> tuple["Element", ...]:
        """The objects of the array there; a lone object counts as an array of one."""
        found = tuple(item for item in self._items(name) if item is not None)
        if not all(isinstance(item, dict) for item in found):
            self._odd(name)
        return tuple(self._child(item, name) for item in found if isinstance(item, dict))

    def codeable(self, name: str) -> Codeable:
        """The CodeableConcept there; a bare string counts as its text, a Coding as its coding."""
        value = self.node.get(name)
        if isinstance(value, str):
            self._odd(name)
            return Codeable(text=value.strip() or None)
        return self.one(name).as_codeable()

    def codeables(self, name: str) -> tuple[Codeable, ...]:
        """The CodeableConcepts of the array there."""
        return tuple(item.as_codeable() for item in self.many(name))

    def as_codeable(self) -> Codeable:
        """This object read as a CodeableConcept, or as a Coding when it has a code of its own."""
        codings = self.many("coding")
        found = codings if codings or "code" not in self.node else (self,)
        return Codeable(codings=tuple(_coding(item) for item in found), text=self.text("text"))

    def reference(self, name: str) -> str | None:
        """The literal reference there; a bare string counts as one."""
        value = self.node.get(name)
        if isinstance(value, str):
            self._odd(name)
            return value.strip() or None
        return self.one(name).text("reference")

    def day(self, *names: str) -> date | None:
        """The first of these dates or dateTimes that can be read."""
        return next((day for name in names if (day := parse_date(self._dated(name)))), None)

    def moment(self, *names: str) -> datetime | None:
        """The first of these dateTimes or instants that can be read, in UTC."""
        return next((at for name in names if (at := parse_instant(self._dated(name)))), None)

    def has(self, *names: str) -> bool:
        """Whether one of these elements is there at all."""
        return any(self.node.get(name) is not None for name in names)

    def _dated(self, name: str) -> str | None:
        text = self.text(name)
        if text is not None and parse_instant(text) is None:
            self._odd(name)
        return text

    def _items(self, name: str) -> Iterable[Any]:
        value = self.node.get(name)
        if value is None or isinstance(value, list | tuple):
            return value or ()
        self._odd(name)
        return (value,)

    def _child(self, node: Mapping[str, Any], name: str) -> "Element":
        return Element(node, self.where, self.gaps, f"{self.path}{name}.")

    def _odd(self, name: str) -> None:
        self.gaps.malformed(self.where, self.path + name)


def _coding(element: Element) -> Coding:
    return element.text("system"), element.text("code"), element.text("display")
