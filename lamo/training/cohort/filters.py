"""LAMO's cohort rules on a settled store: steps 2 to 7. Every row that goes is counted."""

import sqlite3
from collections import Counter
from collections.abc import Mapping

from fhir_mappings.record import Ingredient
from lamo.training.cohort.drugs import DrugMapper
from lamo.training.cohort.rules import CohortRules
from lamo.training.cohort.store import StayStore

Vocabulary = Mapping[int, tuple[Ingredient, ...]]  # what each numbered item stands for, after cuts

_DROP_SINGLE = """
DELETE FROM given WHERE visit IN (SELECT id FROM visit WHERE patient IN (
    SELECT patient FROM (SELECT DISTINCT visit FROM given) JOIN visit ON id = visit
    GROUP BY patient HAVING COUNT(*) < ?))
"""
_WHOLE = """
SELECT id FROM visit WHERE id IN (SELECT visit FROM given)
    AND id IN (SELECT visit FROM code WHERE kind = 'd')
    AND id IN (SELECT visit FROM code WHERE kind = 'p')
"""
_DROP_RARE = """
DELETE FROM code WHERE (kind, code) IN
    (SELECT kind, code FROM code GROUP BY kind, code HAVING COUNT(*) <= ?)
"""


def apply_rules(store: StayStore, rules: CohortRules, drugs: DrugMapper) -> Vocabulary:
    """Leave in the store what belongs to the cohort, and say what its items stand for."""
    db, tally = store.db, store.tally
    strangers = _delete(db, "DELETE FROM given WHERE visit NOT IN (SELECT id FROM visit)")
    tally.drop("prescriptions: the visit is not in the table of admissions", strangers)
    if rules.min_visits > 1:
        lone = _delete(db, _DROP_SINGLE, rules.min_visits)
        tally.drop(f"prescriptions: the patient has fewer than {rules.min_visits} visits", lone)
    medicated = "SELECT COUNT(DISTINCT visit) FROM given"
    tally.count("visits with prescriptions of such patients", store.number(medicated))
    vocabulary = _vocabulary(store, rules, drugs)
    _keep_items(store, vocabulary)
    tally.count("visits with medications of the vocabulary", store.number(medicated))
    tally.count("medications", len({one.label for found in vocabulary.values() for one in found}))
    if rules.need_codes:
        _fix_point(store, rules)
    return vocabulary


def _vocabulary(store: StayStore, rules: CohortRules, drugs: DrugMapper) -> Vocabulary:
    """Steps 3 to 5: map the items, cut by frequency, then keep what may be in the vocabulary."""
    mapped = {number: drugs.ingredients(*value) for number, value in enumerate(store.items.values)}
    rows: Counter[Ingredient] = Counter()
    for item, count in store.db.execute("SELECT item, COUNT(*) FROM given GROUP BY item"):
        rows.update(dict.fromkeys(mapped[item], count))
        if not mapped[item]:
            store.tally.drop("prescriptions: not mapped to a medication", count)
    ranked = sorted(rows, key=lambda one: (-rows[one], one.label))
    frequent = set(ranked if rules.top is None else ranked[: rules.top + 1])
    store.tally.drop("medications: not among the most frequent", len(ranked) - len(frequent))
    wanted = {one for one in frequent if drugs.is_wanted(one)}
    store.tally.drop("medications: not of the vocabulary", len(frequent) - len(wanted))
    return {item: tuple(one for one in found if one in wanted) for item, found in mapped.items()}


def _keep_items(store: StayStore, vocabulary: Vocabulary) -> None:
    db = store.db
    db.execute("CREATE TABLE kept_item (item INTEGER PRIMARY KEY)")
    db.executemany(
        "INSERT INTO kept_item VALUES (?)", [(item,) for item, found in vocabulary.items() if found]
    )
    gone = _delete(db, "DELETE FROM given WHERE item NOT IN (SELECT item FROM kept_item)")
    unmapped = store.tally.dropped["prescriptions: not mapped to a medication"]
    store.tally.drop("prescriptions: of a medication that was cut", gone - unmapped)


def _fix_point(store: StayStore, rules: CohortRules) -> None:
    """Step 7: only visits that are whole, only codes that are not rare, until nothing changes."""
    db, tally = store.db, store.tally
    first = True
    while True:
        db.execute("CREATE TEMP TABLE whole AS " + _WHOLE)
        db.execute("CREATE UNIQUE INDEX temp.whole_id ON whole (id)")
        if first:
            tally.count("complete visits", store.number("SELECT COUNT(*) FROM whole"))
            first = False
        gone = _delete(db, "DELETE FROM given WHERE visit NOT IN (SELECT id FROM whole)")
        codes = _delete(db, "DELETE FROM code WHERE visit NOT IN (SELECT id FROM whole)")
        db.execute("DROP TABLE whole")
        rare = _delete(db, _DROP_RARE, rules.rare)
        tally.drop("prescriptions: the visit lacks diagnoses or procedures", gone)
        tally.drop("codes: the visit is not complete", codes)
        tally.drop(f"codes: in {rules.rare} rows or fewer", rare)
        if not gone and not codes and not rare:
            return


def _delete(db: sqlite3.Connection, statement: str, *values: object) -> int:
    return db.execute(statement, values).rowcount
