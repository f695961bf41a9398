"""What the readers of hospital tables share: from the tables of one database to its visits."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from fhir_mappings.mapping import MappingTables
from lamo.training.cohort.drugs import DrugMapper
from lamo.training.cohort.filters import apply_rules
from lamo.training.cohort.joined import Joiner
from lamo.training.cohort.rules import CohortRules
from lamo.training.cohort.stays import Stay, to_visits
from lamo.training.cohort.store import StayStore
from lamo.training.cohort.tables import TableFolder
from lamo.training.cohort.titles import Code, Titles
from lamo.training.cohort.visit import CohortVisit, Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """How one published database is read."""

    source: Source
    notes_table: str | None
    fill: Callable[[TableFolder, StayStore, CohortRules], None]  # its rows into a store
    titles: Callable[[TableFolder], Mapping[Code, str]]  # official titles by code
    follows: Callable[[Stay, Stay], bool]  # whether one stay is known to come before another


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What it takes to read a database."""

    tables: TableFolder
    rules: CohortRules
    drugs: DrugMapper
    mapping: MappingTables
    scratch: Path | None = None  # where the temporary file goes; None: the system's place


def read_database(database: Database, reading: Reading) -> Iterator[CohortVisit]:
    """Every visit of the cohort by patient and time, in bounded memory.

    The tables are read once, sorted in a temporary file of about their own size, filtered by the
    rules and then read in order.

    Raises:
        CohortError: a table is missing, lacks a column or is cut short.
    """
    tables, rules = reading.tables, reading.rules
    with StayStore(tables.tally, reading.scratch) as store:
        database.fill(tables, store, rules)
        titles = Titles(reading.mapping, database.titles(tables))
        store.settle()
        vocabulary = apply_rules(store, rules, reading.drugs)
        joiner = Joiner(
            store=store,
            rules=rules,
            vocabulary=vocabulary,
            titles=titles,
            formulary=reading.mapping.formulary,
            source=database.source,
            has_notes=database.notes_table is not None and tables.has(database.notes_table),
        )
        yield from to_visits(joiner.stays(), rules.knowledge, database.follows)
