"""From a drug text and its NDC to the labels of a vocabulary."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from fhir_mappings.formulary import RXNORM, Formulary, UnknownIngredient
from fhir_mappings.record import Ingredient
from lamo.exports.errors import ColumnMissing
from lamo.training.cohort.tables import TableFolder, read_csv

_PACKAGE_DIGITS = 2  # at the end of an 11-digit NDC
_NDC_NAMES = ("ndc", "ndc11", "ndc9")
_DRUGBANK_NAMES = ("drugbank_id", "drugbankid", "drugbank", "id")
_STRUCTURE_NAMES = ("smiles", "moldb_smiles")


class DrugMapper(Protocol):
    """Knows what a prescription row means."""

    def ingredients(self, drug: str, ndc: str) -> tuple[Ingredient, ...]:
        """The ingredients of a row; none when it cannot be mapped."""
        ...

    def is_wanted(self, ingredient: Ingredient) -> bool:
        """Whether the ingredient may be in the vocabulary (step 5 of LAMO's cohort)."""
        ...


@dataclass(frozen=True, slots=True)
class FormularyDrugs:
    """Our formulary: the RxNorm codes of the NDC first, then the name."""

    formulary: Formulary
    rxcuis: Mapping[str, Sequence[str]]  # by NDC

    def ingredients(self, drug: str, ndc: str) -> tuple[Ingredient, ...]:
        """The ingredients of the NDC's codes, or else of the text."""
        codings = [(RXNORM, rxcui, None) for rxcui in self.rxcuis.get(ndc, ())]
        return self.formulary.resolve(codings, drug).ingredients

    def is_wanted(self, ingredient: Ingredient) -> bool:
        """Whether it is a candidate of the formulary."""
        return self.formulary.entry(ingredient.rxcui).is_candidate


@dataclass(frozen=True, slots=True)
class DrugBankDrugs:
    """LAMO's own tables, given by the user: for its exact counts."""

    names: Mapping[str, str]  # by DrugBank id
    with_structure: frozenset[str]  # labels
    ids: Mapping[str, Sequence[str]]  # by the NDC without its package digits
    formulary: Formulary

    def ingredients(self, drug: str, ndc: str) -> tuple[Ingredient, ...]:
        """Every DrugBank entry of the NDC's first nine digits."""
        found = self.ids.get(ndc[:-_PACKAGE_DIGITS], ())
        return tuple(self._ingredient(one) for one in dict.fromkeys(found))

    def is_wanted(self, ingredient: Ingredient) -> bool:
        """Whether DrugBank has a structure for it."""
        return ingredient.label in self.with_structure

    def _ingredient(self, drugbank_id: str) -> Ingredient:
        label = self.names.get(drugbank_id, drugbank_id)
        try:
            return self.formulary.by_label(label).ingredient
        except UnknownIngredient:
            return Ingredient(rxcui=drugbank_id, label=label)


@dataclass(frozen=True, slots=True, kw_only=True)
class DrugBankFiles:
    """The two files of LAMO's exact vocabulary: NDC to DrugBank id, and id to name and SMILES."""

    ndc_map: Path
    info: Path


def load_formulary_drugs(
    formulary: Formulary, codes: Path | None, tables: TableFolder
) -> FormularyDrugs:
    """The formulary with a table of the columns ndc (or ndc11) and rxcui, several rows an NDC."""
    pairs = _pairs(codes, _NDC_NAMES, ("rxcui",), tables) if codes else {}
    return FormularyDrugs(formulary, pairs)


def load_drugbank_drugs(
    formulary: Formulary, files: DrugBankFiles, tables: TableFolder
) -> DrugBankDrugs:
    """LAMO's tables; the NDC of the map may have nine digits or eleven."""
    by_ndc = _pairs(files.ndc_map, _NDC_NAMES, _DRUGBANK_NAMES, tables)
    nine = {ndc[:-_PACKAGE_DIGITS] if len(ndc) == 11 else ndc: ids for ndc, ids in by_ndc.items()}
    names = _pairs(files.info, _DRUGBANK_NAMES, ("name",), tables)
    structures = _pairs(files.info, ("name",), _STRUCTURE_NAMES, tables)
    return DrugBankDrugs(
        names={one: found[0] for one, found in names.items()},
        with_structure=frozenset(structures),
        ids=nine,
        formulary=formulary,
    )


def _pairs(
    path: Path, keys: Sequence[str], values: Sequence[str], tables: TableFolder
) -> dict[str, list[str]]:
    """The first known column of each kind, by key; rows with an empty one say nothing."""
    pairs: defaultdict[str, list[str]] = defaultdict(list)
    width = len(keys)
    for row in read_csv(path, ((), (*keys, *values)), tables):
        key, value = _first(row[:width]), _first(row[width:])
        if key and value:
            pairs[key].append(value)
    if not pairs:
        wanted = f"{' or '.join(keys)} with {' or '.join(values)}"
        raise ColumnMissing(path.name, wanted, "others, or without a row that has both")
    return dict(pairs)


def _first(cells: Sequence[str]) -> str:
    return next((cell.strip() for cell in cells if cell.strip()), "")
