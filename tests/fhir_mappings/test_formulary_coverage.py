"""How much of other people's data the formulary understands; skipped where it is absent."""

import csv
import gzip
import json
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fhir_mappings.drug_text import name_key
from fhir_mappings.formulary import Formulary, Resolution

Resource = dict[str, Any]
WHOLE = ("rxcui", "code", "name")
# RxNorm's ingredient of the mononitrate products is called plain "Isosorbide"
OTHERWISE_NAMED = {"6057": "Isosorbide"}
# "Vitamin D" and the like: RxNorm has an ingredient of that vague name, we take the usual one
VAGUE = {
    "Vitamin D": "Cholecalciferol",
    "D-BIOTIN": "Biotin",
    "Ursodeoxycholate": "Ursodiol",
    "synthetic conjugated estrogens, A": "Conjugated estrogens",
    "insulin, isophane": "Insulin isophane",
}


@pytest.fixture(scope="module")
def formulary() -> Formulary:
    return Formulary.load()


@pytest.fixture(scope="module")
def shared() -> Path:
    folder = os.environ.get("LAMO_TEST_DATA")
    if not folder:
        pytest.skip("LAMO_TEST_DATA is not set: give it the folder that holds data/ and guide/")
    return Path(folder)


def ndjson(path: Path) -> Iterator[Resource]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def synthea(shared: Path) -> Iterator[Resource]:
    for bundle in ndjson(shared / "data/fhir/synthea/bundles.ndjson.gz"):
        yield from (entry["resource"] for entry in bundle["entry"])


def bulk(shared: Path) -> Iterator[Resource]:
    folder = shared / "data/fhir/synthea_bulk_10patients"
    return ndjson(folder / "MedicationRequest.000.ndjson.gz")


def resolve(formulary: Formulary, concept: Resource, with_codes: bool = True) -> Resolution:
    codings = [
        (coding.get("system"), coding.get("code") if with_codes else None, coding.get("display"))
        for coding in concept.get("coding", [])
    ]
    return formulary.resolve(codings, concept.get("text"))


@pytest.mark.parametrize("source", [synthea, bulk])
@pytest.mark.parametrize("with_codes", [True, False], ids=["codes", "text-only"])
def test_98_percent_of_medication_requests_resolve(
    formulary: Formulary, shared: Path, source: Any, with_codes: bool
) -> None:
    concepts = [
        resource.get("medicationCodeableConcept", {})
        for resource in source(shared)
        if resource["resourceType"] == "MedicationRequest"
    ]
    hows = [resolve(formulary, concept, with_codes).how for concept in concepts]

    named = zip(concepts, hows, strict=True)
    missed = Counter(concept.get("text") for concept, how in named if how not in WHOLE)
    share = 1 - missed.total() / len(concepts)
    print(f"{len(concepts)} requests, {share:.2%} resolved, {Counter(hows)}, missed: {missed}")
    assert share >= (0.98 if with_codes else 0.96)  # packs are known by their code alone


def test_every_code_has_the_name_that_rxnorm_gives_it(formulary: Formulary, shared: Path) -> None:
    with gzip.open(shared / "data/codes/rxnorm_2014_labels.csv.gz", "rt") as lines:
        rxnorm = {row["rxcui"]: row["label"] for row in csv.DictReader(lines)}
    known = [entry for entry in formulary.entries if entry.rxcui in rxnorm]
    differing = {
        entry.rxcui: rxnorm[entry.rxcui]
        for entry in known
        if name_key(rxnorm[entry.rxcui]) not in {name_key(name) for name in entry.names}
    }

    newer = sorted(entry.label for entry in formulary.entries if entry.rxcui not in rxnorm)
    print(f"{len(known)} codes compared; newer than the list: {newer}")
    assert differing == OTHERWISE_NAMED
    assert len(newer) <= 25  # each with where its code was found, in data/SOURCES.md


def test_clinical_drugs_resolve_to_the_ingredients_that_rxnorm_gives_them(
    formulary: Formulary, shared: Path
) -> None:
    wanted: dict[str, set[str]] = {}
    with (shared / "data/codes/rxnorm_scd_sbd_to_ingredient.tsv").open() as lines:
        for row in csv.DictReader(lines, delimiter="\t"):
            names = formulary.resolve([("", "", VAGUE.get(row["ingredient_name"]))], None)
            by_name = names.ingredients and names.ingredients[0].rxcui
            wanted.setdefault(row["input_name"], set()).add(by_name or row["ingredient_rxcui"])
    ours = {entry.rxcui for entry in formulary.entries}
    judged = {text: codes for text, codes in wanted.items() if codes <= ours}
    wrong = [
        text
        for text, codes in judged.items()
        if {i.rxcui for i in formulary.resolve([], text).ingredients} != codes
    ]

    print(f"{len(judged)} of {len(wanted)} drugs have our ingredients; wrong: {wrong}")
    assert len(wrong) / len(judged) < 0.01


def test_every_medication_of_lamos_vocabulary_is_a_candidate(
    formulary: Formulary, shared: Path
) -> None:
    with (shared / "guide/lamo-vocabulary-151.csv").open(encoding="utf-8") as lines:
        vocabulary = [row["medication"] for row in csv.DictReader(lines)]

    labels = [entry.label for entry in formulary.candidates]
    assert len(vocabulary) == 151
    assert labels[:151] == vocabulary


def test_every_ingredient_of_the_knowledge_tables_is_known(
    formulary: Formulary, shared: Path
) -> None:
    known = {entry.rxcui for entry in formulary.entries}
    with (shared / "knowledge/ddi_onc_high_priority_pairs.csv").open() as lines:
        rows = list(csv.DictReader(lines))

    unknown = {row[side] for row in rows for side in ("rxcui_a", "rxcui_b")} - known
    assert unknown == set()
