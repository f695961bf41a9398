"""One element whose shape gives a FHIR version away, and how R4 writes what it means."""

from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Resource = Mapping[str, Any]
Version = Literal["DSTU2", "STU3", "R4", "R5"]
Fits = Callable[[Any], bool]
Write = Callable[[dict[str, Any], Any], None]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table of versions."""

    version: Version | None  # None: R4 that is not quite valid looks the same, so it tells nothing
    element: str
    fits: Fits  # of its value: never of one that valid R4 has there
    write: Write  # into a copy that lacks the element, and of its value


def matching(rows: Iterable[Row], resource: Resource) -> list[Row]:
    """The rows whose element stands in the resource in their shape."""
    return [
        row for row in rows if (value := resource.get(row.element)) is not None and row.fits(value)
    ]


def rewritten(found: Iterable[Row], resource: Resource) -> dict[str, Any]:
    """A copy in which the elements of these rows are as R4 has them."""
    node = dict(resource)
    for row in found:
        row.write(node, node.pop(row.element))
    return node


def each(element: str, row: Row) -> Row:
    """A row for an array: what the given row says of each of its objects."""

    def write(node: dict[str, Any], value: list[Any]) -> None:
        node[element] = [
            rewritten(matching((row,), item), item) if isinstance(item, dict) else item
            for item in value
        ]

    def fits(value: Any) -> bool:
        return any(matching((row,), item) for item in objects(value))

    return Row(row.version, element, fits, write)


def objects(value: object) -> list[dict[str, Any]]:
    """The objects of an array; none of anything else."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def code_of(concept: Mapping[str, Any]) -> str | None:
    """The first code of a CodeableConcept."""
    codes = (coding.get("code") for coding in objects(concept.get("coding")))
    return next((code for code in codes if isinstance(code, str) and code), None)


def is_text(value: object) -> bool:
    """Whether it is a string."""
    return isinstance(value, str)


def is_object(value: object) -> bool:
    """Whether it is an object."""
    return isinstance(value, dict)


def is_anything(value: object) -> bool:
    """For an element that R4 does not have, whatever stands in it."""
    return True


def one_of(words: Container[str]) -> Fits:
    """Whether it is one of these words."""
    return lambda value: isinstance(value, str) and value in words


def object_with(*names: str) -> Fits:
    """Whether it has an object under one of these names."""
    return lambda value: (
        isinstance(value, dict) and any(isinstance(value.get(name), dict) for name in names)
    )


def array_with(name: str) -> Fits:
    """Whether it is an array with an object that has something under this name."""
    return lambda value: any(item.get(name) is not None for item in objects(value))


def stays(element: str) -> Write:
    """For what only gives the version away: it is not read, or is read as it stands."""
    return lambda node, value: node.update({element: value})


def renamed(target: str) -> Write:
    """The same under the name that R4 has for it; what stands there already is kept."""
    return lambda node, value: (
        None if node.get(target) is not None else node.update({target: value})
    )


def in_words(element: str, words: Mapping[str, str]) -> Write:
    """The word that R4 has for it."""
    return lambda node, value: node.update({element: words[value]})


def as_concept(element: str) -> Write:
    """A code, where R4 has a CodeableConcept."""
    return lambda node, value: node.update({element: {"coding": [{"code": value}]}})


def as_code(element: str) -> Write:
    """A CodeableConcept, where R4 has a code; one without a code stays."""
    return lambda node, value: node.update({element: code_of(value) or value})


def split(name: str) -> Write:
    """A CodeableReference, where R4 has a CodeableConcept or a Reference."""

    def write(node: dict[str, Any], value: dict[str, Any]) -> None:
        for part, suffix in (("concept", "CodeableConcept"), ("reference", "Reference")):
            if value.get(part) is not None:
                renamed(f"{name}{suffix}")(node, value[part])

    return write
