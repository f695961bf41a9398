"""Reading the two tables of the formulary; one that cannot be trusted whole is refused."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain

from fhir_mappings.drug_text import name_key
from fhir_mappings.record import Ingredient

_FORMULARY_COLUMNS = (
    "rxcui,label,name,brands,synonyms,drug_class,atc_group,is_candidate,systemic".split(",")
)
_CODE_COLUMNS = ["code", "system", "display", "ingredient_rxcuis"]
_NAME_SYSTEM = "name"  # rows of drug_codes.csv that hold a product's name, and no code

Codes = dict[tuple[str, str], tuple[str, ...]]  # (system, code) -> RxNorm ingredients
Names = dict[tuple[str, ...], tuple[str, ...]]  # the words of a name -> RxNorm ingredients


class FormularyBroken(Exception):  # noqa: N818 - a situation, named as such
    """A shipped table cannot be used; the message says which row, and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FormularyEntry:
    """One ingredient of the formulary."""

    rxcui: str  # RxNorm ingredient
    label: str  # the name in prompts
    name: str  # RxNorm's name
    brands: tuple[str, ...]  # of this ingredient alone
    synonyms: tuple[str, ...]
    drug_class: str  # two of one class together are a duplication
    atc_group: str
    is_candidate: bool  # may be scored; the others are recognised only
    systemic: bool  # False: acts where it is applied

    @property
    def ingredient(self) -> Ingredient:
        """The entry as the record holds it."""
        return Ingredient(rxcui=self.rxcui, label=self.label)

    @property
    def names(self) -> tuple[str, ...]:
        """Everything that the ingredient may be called in a text."""
        return (self.label, self.name, *self.brands, *self.synonyms)


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """One row of drug_codes.csv: a code, or a name, whose text does not say its ingredients."""

    code: str  # empty for a name
    system: str
    display: str
    rxcuis: tuple[str, ...]

    @property
    def is_name(self) -> bool:
        """Whether the row is found by its display in a text, and not by a code."""
        return self.system == _NAME_SYSTEM


def read_entries(raw: bytes) -> list[FormularyEntry]:
    """formulary.csv as entries, in the order of the file."""
    rows = _rows("formulary.csv", raw, _FORMULARY_COLUMNS)
    entries = [_entry(number, row) for number, row in rows]
    _refuse_duplicates("rxcui", [entry.rxcui for entry in entries])
    _refuse_duplicates("label", [entry.label for entry in entries])
    return entries


def read_products(raw: bytes, known: set[str]) -> list[Product]:
    """drug_codes.csv as products, each with ingredients that the formulary has."""
    rows = _rows("drug_codes.csv", raw, _CODE_COLUMNS)
    products = [_product(number, row, known) for number, row in rows]
    _refuse_duplicates("code", [f"{p.system}|{p.code}" for p in products if not p.is_name])
    _refuse_duplicates("product name", [p.display for p in products if p.is_name])
    return products


def codes_of(products: Iterable[Product]) -> Codes:
    """The products that are found by a code."""
    return {(p.system, p.code): p.rxcuis for p in products if not p.is_name}


def names_of(entries: Iterable[FormularyEntry], products: Iterable[Product]) -> Names:
    """Every name and the ingredients it stands for; one name cannot mean two things."""
    names: Names = {}
    of_entries = ((name, (entry.rxcui,)) for entry in entries for name in entry.names)
    of_products = ((product.display, product.rxcuis) for product in products if product.is_name)
    for name, rxcuis in chain(of_entries, of_products):
        if names.setdefault(name_key(name), rxcuis) != rxcuis:
            raise FormularyBroken(
                f"the name {name!r} stands for RxNorm {names[name_key(name)]} and for {rxcuis}: "
                "keep it on one row, or make it a product in drug_codes.csv"
            )
    return names


def _rows(table: str, raw: bytes, columns: list[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """The rows of a table with their line numbers; refuses one that is cut short."""
    if not raw.endswith(b"\n"):
        raise FormularyBroken(f"{table} ends in the middle of a line: install the package again")
    reader = csv.reader(io.StringIO(raw.decode("utf-8"), newline=""))
    header = next(reader, [])
    if header != columns:
        raise FormularyBroken(f"{table} has the columns {header}; wanted are {columns}")
    for row in reader:
        if len(row) != len(columns):
            raise FormularyBroken(
                f"{table} line {reader.line_num} has {len(row)} values; wanted are {len(columns)}: "
                "quote values that hold a comma"
            )
        yield reader.line_num, dict(zip(columns, row, strict=True))


def _entry(number: int, row: Mapping[str, str]) -> FormularyEntry:
    """One row of formulary.csv as an entry."""
    for column in ("rxcui", "label", "name", "drug_class", "atc_group"):
        if not row[column].strip():
            raise FormularyBroken(f"formulary.csv line {number} has no {column}: fill it in")
    return FormularyEntry(
        rxcui=row["rxcui"],
        label=row["label"],
        name=row["name"],
        brands=_list(row["brands"]),
        synonyms=_list(row["synonyms"]),
        drug_class=row["drug_class"],
        atc_group=row["atc_group"],
        is_candidate=_yes(number, row, "is_candidate"),
        systemic=_yes(number, row, "systemic"),
    )


def _list(value: str) -> tuple[str, ...]:
    return tuple(value.split("|")) if value else ()


def _yes(number: int, row: Mapping[str, str], column: str) -> bool:
    """A yes or no; anything else is refused."""
    if row[column] not in ("yes", "no"):
        raise FormularyBroken(
            f"formulary.csv line {number}: {column} is {row[column]!r}; write yes or no"
        )
    return row[column] == "yes"


def _refuse_duplicates(what: str, values: Iterable[str]) -> None:
    """Refuse a value that stands twice, since one of the two rows could never be found."""
    seen: set[str] = set()
    for value in values:
        if value in seen:
            raise FormularyBroken(
                f"the formulary's tables hold the {what} {value!r} twice: keep one"
            )
        seen.add(value)


def _product(number: int, row: Mapping[str, str], known: set[str]) -> Product:
    """One row of drug_codes.csv."""
    rxcuis = _list(row["ingredient_rxcuis"])
    if not rxcuis or not known.issuperset(rxcuis):
        raise FormularyBroken(
            f"drug_codes.csv line {number} names the ingredients {list(rxcuis)}; "
            "wanted is at least one, and each a rxcui of formulary.csv"
        )
    return Product(code=row["code"], system=row["system"], display=row["display"], rxcuis=rxcuis)
