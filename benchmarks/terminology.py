"""How many orders of other people's data resolve to the right ingredients.

    LAMO_TEST_DATA=FOLDER python -m benchmarks.terminology

FHIR: every MedicationRequest of the Synthea bundles, the bulk export and the US Core examples.
MIMIC-III demo: every MAIN row, by its drug name alone, and by its NDC and name. What is right is
said by others: RxNorm's ingredients of a clinical drug, and for MIMIC of the product that the row's
NDC names. Our table of codes holds Synthea's, so the lines without codes say more. An NDC is looked
up as in a loaded terminology, by RxNorm's label of its product, which the table of ingredients is
not used for. The two succinates of the formulary count as their steroids, as in RxNorm.
"""

import csv
import gzip
import json
import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from fhir_mappings.code_lookup import NDC, RXNORM
from fhir_mappings.formulary import Formulary, Resolution

WANTED_FHIR, WANTED_MIMIC = 0.99, 0.96
SHOWN = 6  # of what is wrong most often
INERT = "748794"  # RxNorm's ingredient of the tablets of a pack that hold nothing
STEROIDS = {"203189": "6902", "235483": "5492"}  # succinates with an entry of their own

Resource = dict[str, Any]
Ingredients = frozenset[str]


@dataclass(frozen=True, slots=True)
class Truth:
    """What others say a code means: RxNorm ingredients, as ours where ours has another code."""

    by_code: dict[str, Ingredients]
    labels: dict[str, str]  # of RxNorm in 2014
    products: dict[str, str]  # NDC to RxNorm


@dataclass(slots=True)
class Tally:
    """One line of the table."""

    name: str
    wanted: float | None
    right: int = 0
    judged: int = 0
    wrong: Counter[str] = field(default_factory=Counter)

    def add(self, text: str, found: Resolution, truth: Ingredients) -> None:
        """Count one order."""
        ours = frozenset(STEROIDS.get(one.rxcui, one.rxcui) for one in found.ingredients)
        self.judged += 1
        self.right += ours == truth
        if ours != truth:
            self.wrong[f"{text} -> {' + '.join(i.label for i in found.ingredients) or '-'}"] += 1

    def print(self) -> None:
        """One line, and below it what is wrong most often."""
        share = f"{self.right / self.judged:.2%}" if self.judged else "-"
        wanted = f"{self.wanted:.0%}" if self.wanted else ""
        click.echo(f"{self.name:<58}{self.judged:>7,}{share:>9}{wanted:>8}")
        for text, count in self.wrong.most_common(SHOWN):
            click.echo(f"    {count:>4}  {text}")


def csv_rows(path: Path, delimiter: str = ",") -> Iterator[dict[str, str]]:
    """The rows of a table, compressed or not."""
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8", newline="") as lines:
        yield from csv.DictReader(lines, delimiter=delimiter)


def read_truth(shared: Path, formulary: Formulary) -> Truth:
    """The tables of others."""
    codes: dict[str, set[str]] = defaultdict(set)
    clinical = csv_rows(shared / "data/codes/rxnorm_scd_sbd_to_ingredient.tsv", "\t")
    for row in clinical:
        codes[row["input_rxcui"]].add(row["ingredient_rxcui"])
    for row in csv_rows(shared / "knowledge/synthea_medications_to_ingredient.csv"):
        if row["ingredient_rxcuis"]:
            codes[row["rxcui"]] = set(re.findall(r"\d+", row["ingredient_rxcuis"]))
    labels = csv_rows(shared / "data/codes/rxnorm_2014_labels.csv.gz")
    products = csv_rows(shared / "data/codes/ndc11_to_rxcui.csv")
    return Truth(
        by_code={code: as_ours(found, formulary) for code, found in codes.items()},
        labels={row["rxcui"]: row["label"] for row in labels},
        products={row["ndc11"]: row["rxcui"] for row in products},
    )


def as_ours(rxcuis: Iterable[str], formulary: Formulary) -> Ingredients:
    """RxNorm's ingredients by our codes; one that we do not have stays, so that it is missed."""
    found: set[str] = set()
    for rxcui in set(rxcuis) - {INERT}:
        ours = formulary.resolve([(RXNORM, rxcui, None)], None).ingredients
        found.update([STEROIDS.get(one.rxcui, one.rxcui) for one in ours] or [rxcui])
    return frozenset(found)


def ndjson(path: Path) -> Iterator[Resource]:
    """One JSON object a line."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def fhir_sources(shared: Path) -> Iterator[tuple[str, list[Resource]]]:
    """The resources of each source."""
    fhir = shared / "data/fhir"
    bundles = ndjson(fhir / "synthea/bundles.ndjson.gz")
    yield "Synthea, bundles", [e["resource"] for bundle in bundles for e in bundle["entry"]]
    bulk = fhir / "synthea_bulk_10patients/MedicationRequest.000.ndjson.gz"
    yield "Synthea, bulk export", list(ndjson(bulk))
    examples = sorted((fhir / "us_core_examples").glob("*.json"))
    yield "US Core examples", [json.loads(path.read_text("utf-8")) for path in examples]


def requests(resources: list[Resource]) -> Iterator[Resource]:
    """The CodeableConcept of every MedicationRequest, followed into its Medication."""
    medications = {r["id"]: r for r in resources if r["resourceType"] == "Medication"}
    for one in resources:
        if one["resourceType"] != "MedicationRequest":
            continue
        contained = {r["id"]: r for r in one.get("contained", [])}
        pointer = one.get("medicationReference", {}).get("reference", "")
        sent = contained.get(pointer.lstrip("#")) or medications.get(pointer.split("/")[-1], {})
        yield one.get("medicationCodeableConcept") or sent.get("code", {})


def judge_fhir(resources: list[Resource], name: str, tools: tuple[Formulary, Truth]) -> None:
    """Print how many requests of a source are right, with their codes and by their words alone."""
    formulary, truth = tools
    coded, words = (
        Tally(f"{name}, codes and words", WANTED_FHIR),
        Tally(f"{name}, words only", None),
    )
    unjudged: Counter[str] = Counter()
    for concept in requests(resources):
        codings = [(c.get("system"), c.get("code"), c.get("display")) for c in concept["coding"]]
        meant = next((truth.by_code[c] for _, c, _ in codings if c in truth.by_code), None)
        text = concept.get("text") or codings[0][2] or ""
        if meant is None:
            unjudged[text] += 1
            continue
        coded.add(text, formulary.resolve(codings, concept.get("text")), meant)
        without = [(None, None, display) for _, _, display in codings]
        words.add(text, formulary.resolve(without, concept.get("text")), meant)
    coded.print()
    words.print()
    if unjudged:
        click.echo(f"    without a truth: {unjudged.total()}, {unjudged.most_common(3)}")


class LabelLookup:
    """NDCs by RxNorm's label of their product, as a loaded terminology would know them."""

    def __init__(self, formulary: Formulary, truth: Truth) -> None:
        self._formulary, self._truth = formulary, truth

    def ingredients(self, system: str, code: str) -> tuple[str, ...]:
        """What the label of an NDC's product names, where all of it is known."""
        label = self._truth.labels.get(self._truth.products.get(code, ""), "")
        found = self._formulary.resolve([], label)
        is_whole = system == NDC and found.how == "name"
        return tuple(one.rxcui for one in found.ingredients) if is_whole else ()

    def name(self, rxcui: str) -> str | None:
        """No names: everything that it answers is in the formulary."""
        return None


def judge_mimic(shared: Path, formulary: Formulary, truth: Truth) -> None:
    """Print how many MAIN rows are right by their names, and by their NDCs and names."""
    named = Tally("MIMIC-III demo, MAIN rows, name only", None)
    coded = Tally("MIMIC-III demo, MAIN rows, NDC and name", WANTED_MIMIC)
    asking = formulary.with_lookup(LabelLookup(formulary, truth))
    hows: Counter[str] = Counter()
    for row in csv_rows(shared / "data/mimic3demo/PRESCRIPTIONS.csv.gz"):
        if row["drug_type"] != "MAIN":
            continue
        found = formulary.resolve([], row["drug"])
        hows[found.how] += 1
        ndc = row["ndc"].zfill(11)
        meant = truth.by_code.get(truth.products.get(ndc, ""))
        if meant is not None:
            named.add(row["drug"], found, meant)
            coded.add(row["drug"], asking.resolve([(NDC, ndc, None)], row["drug"]), meant)
    named.print()
    coded.print()
    whole = hows["name"] / hows.total()
    click.echo(f"{'all MAIN rows, resolved whole by name':<58}{hows.total():>7,}{whole:>9.2%}")


@click.command()
def main() -> None:
    """Print the table."""
    folder = os.environ.get("LAMO_TEST_DATA")
    if not folder:
        raise click.ClickException("LAMO_TEST_DATA is not set: name the folder that holds data/")
    shared, formulary = Path(folder), Formulary.load()
    truth = read_truth(shared, formulary)
    candidates = len(formulary.candidates)
    click.echo(f"{len(formulary.entries)} ingredients, {candidates} of them candidates")
    click.echo(f"{'source':<58}{'judged':>7}{'right':>9}{'wanted':>8}")
    for name, resources in fhir_sources(shared):
        judge_fhir(resources, name, (formulary, truth))
    judge_mimic(shared, formulary, truth)


if __name__ == "__main__":
    main()
