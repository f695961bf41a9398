"""A group that stands for a class of the formulary holds all of it: no member passes in silence."""

import json
from importlib.resources import files
from typing import Any

import pytest

from fhir_mappings.formulary import FormularyEntry
from tests.medication_safety.charts import FORMULARY

ACE, ARB, NSAID, OPIOID = ("ace-inhibitor",), ("arb",), ("nsaid",), ("opioid",)
VITAMIN_K, DIRECT = "vitamin-k-antagonist", "direct-oral-anticoagulant"
ANAESTHETIC = ("Alfentanil", "Remifentanil", "Sufentanil")  # with midazolam by an anaesthetist
NO_RISE = ("Salsalate", "Sulindac")  # the label of lithium does not name them
PENICILLINS = (
    "natural-penicillin",
    "aminopenicillin",
    "penicillinase-resistant-penicillin",
    "antipseudomonal-penicillin",
    "penicillin-mecillinam",
)
ANTICHOLINERGICS = (
    "antihistamine-sedating",
    "antiparkinson-anticholinergic",
    "bladder-antimuscarinic",
    "tca",
)

# table, group, classes of the formulary, members that are left out on purpose
GROUPS = [
    ("allergy_classes", "penicillins", PENICILLINS, ()),
    ("allergy_classes", "cephalosporins", ("cephalosporin",), ()),
    ("allergy_classes", "tetracyclines", ("tetracycline",), ()),
    ("allergy_classes", "macrolides", ("macrolide",), ()),
    ("allergy_classes", "fluoroquinolones", ("fluoroquinolone",), ()),
    ("allergy_classes", "heparins", ("heparin", "low-molecular-weight-heparin"), ()),
    ("allergy_classes", "statins", ("statin",), ()),
    ("allergy_classes", "ace_inhibitors", ACE, ()),
    ("allergy_rules", "angiotensin_receptor_blockers", ARB, ()),
    ("drug_classes", "acei", ACE, ()),
    ("drug_classes", "arb", ARB, ()),
    ("drug_classes", "nsaid", NSAID, ()),
    ("drug_classes", "bzd", ("benzodiazepine",), ()),
    ("drug_classes", "zdrug", ("z-drug",), ()),
    ("drug_classes", "oac", (DIRECT, VITAMIN_K), ()),
    ("drug_classes", "ssri_snri", ("ssri", "snri"), ()),
    ("interactions", "ace_inhibitors", ACE, ()),
    ("interactions", "arbs", ARB, ()),
    ("interactions", "nsaids", NSAID, ()),
    ("interactions", "opioids", OPIOID, ANAESTHETIC),
    ("interactions", "benzodiazepines", ("benzodiazepine",), ()),
    ("interactions", "beta_blockers", ("beta-blocker",), ()),
    ("interactions", "fluoroquinolones", ("fluoroquinolone",), ()),
    ("interactions", "oral_anticoagulants", (DIRECT, VITAMIN_K), ()),
    ("interactions", "doacs", (DIRECT,), ()),
    ("interactions", "tricyclics", ("tca",), ()),
    ("interactions", "ssri_snri", ("ssri", "snri"), ()),
    ("interactions", "cations_fq", ("iron",), ()),
    ("interactions", "cations_levothyroxine", ("iron",), ()),
    ("interactions", "strong_anticholinergics", ANTICHOLINERGICS, ("Cinnarizine",)),
    ("interactions", "raises_lithium", (*ACE, *ARB, *NSAID, "thiazide"), NO_RISE),
    ("interactions", "raises_potassium_with_trimethoprim", (*ACE, *ARB), ()),
    ("organ_function", "nsaids", NSAID, ()),
    ("organ_function", "ace_inhibitors_arbs", (*ACE, *ARB), ()),
    ("organ_function", "statins", ("statin",), ()),
    ("organ_function", "anticoagulants", (DIRECT, VITAMIN_K, "heparin"), ()),
    ("pregnancy", "raas_blockers", (*ACE, *ARB), ()),
    ("pregnancy", "nsaids", NSAID, ()),
    ("pregnancy", "statins", ("statin",), ()),
    ("pregnancy", "tetracyclines", ("tetracycline",), ()),
    ("pregnancy", "methimazole", ("antithyroid",), ("Propylthiouracil",)),
    ("older_adults", "oral_anticoagulants", (DIRECT, VITAMIN_K), ()),
    ("older_adults", "bladder_antimuscarinics", ("bladder-antimuscarinic",), ()),
    ("older_adults", "antipsychotics", ("antipsychotic-atypical", "antipsychotic-typical"), ()),
]


@pytest.mark.parametrize(
    ("table", "group", "classes", "left_out"), GROUPS, ids=[f"{one[0]}-{one[1]}" for one in GROUPS]
)
def test_a_group_holds_its_class_of_the_formulary(
    table: str, group: str, classes: tuple[str, ...], left_out: tuple[str, ...]
) -> None:
    members = {member["rxcui"] for member in _groups(table)[group]}

    missing = [one.label for one in _of_classes(classes) if one.rxcui not in members]

    assert sorted(missing) == sorted(left_out)


def _of_classes(classes: tuple[str, ...]) -> list[FormularyEntry]:
    return [one for one in FORMULARY.entries if one.drug_class in classes]


def _groups(table: str) -> dict[str, Any]:
    """The groups of a table, by the first word of their name."""
    read = json.loads((files("medication_safety") / "data" / f"{table}.json").read_bytes())
    found = read.get("groups") or read.get("drugs") or read
    return {name.split()[0]: members for name, members in found.items()}
