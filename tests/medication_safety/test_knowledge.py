import json
from importlib.resources import files

import pytest

from fhir_mappings.substances import substance_class
from medication_safety.knowledge import TABLES, Knowledge
from medication_safety.reading import KnowledgeError
from tests.medication_safety.charts import FORMULARY, KNOWLEDGE


@pytest.fixture
def tables() -> dict[str, bytes]:
    folder = files("medication_safety") / "data"
    return {name: (folder / name).read_bytes() for name in TABLES}


def test_the_version_follows_the_bytes_of_every_table(tables: dict[str, bytes]) -> None:
    versions = {KNOWLEDGE.version}
    for name in TABLES:
        changed = Knowledge.from_tables(tables | {name: tables[name] + b"\n"}, FORMULARY)
        versions.add(changed.version)

    assert len(versions) == 1 + len(TABLES)
    assert Knowledge.from_tables(tables, FORMULARY).version == KNOWLEDGE.version


@pytest.mark.parametrize("name", TABLES)
def test_a_table_that_is_cut_short_is_refused(tables: dict[str, bytes], name: str) -> None:
    half = tables | {name: tables[name][: len(tables[name]) // 2]}

    with pytest.raises(KnowledgeError, match=name):
        Knowledge.from_tables(half, FORMULARY)


@pytest.mark.parametrize("name", TABLES)
def test_an_empty_table_is_refused(tables: dict[str, bytes], name: str) -> None:
    with pytest.raises(KnowledgeError, match=name):
        Knowledge.from_tables(tables | {name: b"{}"}, FORMULARY)


def test_a_rule_on_a_group_that_is_not_there_is_refused(tables: dict[str, bytes]) -> None:
    rules = json.loads(tables["allergy_rules.json"])
    rules["rules"][0]["against"] = "penicilins"
    broken = tables | {"allergy_rules.json": json.dumps(rules).encode()}

    with pytest.raises(KnowledgeError, match="no table has: penicilins; restore it"):
        Knowledge.from_tables(broken, FORMULARY)


def test_every_code_of_the_tables_is_in_the_formulary() -> None:
    codes = {code for members in KNOWLEDGE.groups.values() for code in members}

    missing = codes - set(KNOWLEDGE.entries)

    assert missing <= {"1656328"}, "sacubitril may be missing, nothing else"


def test_every_class_that_may_be_repeated_is_one_of_the_formulary() -> None:
    classes = {entry.drug_class for entry in KNOWLEDGE.entries.values()}
    words = {word for name in classes for word in name.split("-")}

    assert set(KNOWLEDGE.duplicate.repeated_on_purpose) <= classes
    assert set(KNOWLEDGE.duplicate.given_together) - words <= {"antiretroviral"}


@pytest.mark.parametrize(
    "words",
    [
        "Penicillins",
        "Sulfa drugs",
        "Cephalosporins",
        "NSAIDs",
        "Opioids",
        "ACE inhibitors",
        "Macrolides",
        "Quinolones",
        "Aminoglycosides",
        "Anticonvulsants",
        "Statins",
        "Heparins",
    ],
)
def test_a_class_that_the_mapping_reads_is_one_that_the_tables_know(words: str) -> None:
    recorded = substance_class(words)

    assert recorded is not None
    assert KNOWLEDGE.recorded_groups(recorded)
