"""Loading a release into the database: read whole first, then written in one transaction.

Reading takes minutes and holds no lock. Writing takes seconds; readers see the old release until
it is committed. On SQLite nobody else can write meanwhile: load there while the service is down.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain, islice
from typing import Any

from sqlalchemy import delete, insert

from cds_service.audit.canonical import rfc3339
from cds_service.audit.database import open_engine, reporting_failures
from cds_service.manners import Watch, unwatched
from cds_service.terminology.ingredients import IngredientGraph
from cds_service.terminology.models import TABLES, CodeRow, ConceptRow, IngredientRow, ReleaseRow
from cds_service.terminology.release import Concept, Release, ReleaseRefused
from fhir_mappings.code_lookup import ATC, NDC, RXNORM, ndc11

BATCH = 5_000  # rows a statement
TIMEOUT_S = 600.0  # of one statement: a million rows are deleted in one
SOURCE = "rxnorm"
INERT = "748794"  # RxNorm's ingredient of the tablets of a pack that hold nothing

Row = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What a release says, ready to be written."""

    concepts: dict[str, Concept]  # those that have ingredients
    ingredients: dict[str, tuple[str, ...]]
    codes: set[tuple[str, str, str]]  # system, code, concept
    without_ingredients: int  # concepts that lead to none, or to half of them


def read_release(release: Release) -> Content:
    """Read the three files and follow every concept to its ingredients.

    Raises:
        ReleaseRefused: a file is missing, malformed, or says nothing that can be used.
    """
    concepts = _concepts(release)
    graph = IngredientGraph(concepts)
    graph.add(release.relations())
    found = {rxcui: _active(graph.ingredients(rxcui)) for rxcui in concepts}
    ingredients = {rxcui: codes for rxcui, codes in found.items() if codes}
    if len(ingredients) <= sum(concept.tty == "IN" for concept in concepts.values()):
        raise ReleaseRefused(
            f"{release.folder} has {len(concepts)} concepts and relates none of them to an "
            "ingredient: its RXNREL.RRF is empty or of another release"
        )
    return Content(
        concepts={rxcui: concepts[rxcui] for rxcui in ingredients},
        ingredients=ingredients,
        codes=set(_codes(release, ingredients)),
        without_ingredients=len(concepts) - len(ingredients),
    )


def write_content(
    database_url: str,
    content: Content,
    version: str,
    *,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    watch: Watch = unwatched,
) -> None:
    """Replace what is loaded, in one transaction: all of it, or nothing.

    Raises:
        AuditFailure: the database did not do its part; the old release is still there.
    """
    engine = open_engine(database_url, timeout_s=TIMEOUT_S)
    release: Row = {
        "source": SOURCE,
        "version": version,
        "loaded_at": rfc3339(clock()),
        "concepts": len(content.concepts),
        "codes": len(content.codes),
    }
    try:
        with reporting_failures(), engine.begin() as connection:
            for table in TABLES:
                connection.execute(delete(table))
            for table, rows, count in _tables(content):
                batches = watch(
                    _batches(rows), f"writing {table.__tablename__}", count // BATCH + 1
                )
                for batch in batches:
                    connection.execute(insert(table), batch)
            connection.execute(insert(ReleaseRow), release)
    finally:
        engine.dispose()


def _concepts(release: Release) -> dict[str, Concept]:
    """Each concept once: its current name, if it has one."""
    found: dict[str, Concept] = {}
    for concept in release.concepts():
        known = found.get(concept.rxcui)
        if known is None or (concept.is_current and not known.is_current):
            found[concept.rxcui] = concept
    return found


def _active(rxcuis: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(rxcui for rxcui in rxcuis if rxcui != INERT)


def _codes(
    release: Release, ingredients: dict[str, tuple[str, ...]]
) -> Iterator[tuple[str, str, str]]:
    """Every code of a concept that has ingredients; an NDC that is none is left out."""
    yield from ((RXNORM, rxcui, rxcui) for rxcui in ingredients)
    yield from ((ATC, code, rxcui) for code, rxcui in release.atc_codes() if rxcui in ingredients)
    for code, rxcui in release.ndcs():
        readings = ndc11(code)
        if rxcui in ingredients and len(readings) == 1:
            yield NDC, readings[0], rxcui


def _tables(content: Content) -> Iterator[tuple[Any, Iterable[Row], int]]:
    """Each table with its rows, and how many they are."""
    yield ConceptRow, _concept_rows(content), len(content.concepts)
    yield IngredientRow, _ingredient_rows(content), sum(map(len, content.ingredients.values()))
    yield CodeRow, _code_rows(content), len(content.codes)


def _concept_rows(content: Content) -> Iterator[Row]:
    for one in content.concepts.values():
        yield {"rxcui": one.rxcui, "tty": one.tty, "name": one.name}


def _ingredient_rows(content: Content) -> Iterator[Row]:
    for rxcui, codes in content.ingredients.items():
        yield from ({"rxcui": rxcui, "ingredient": code} for code in codes)


def _code_rows(content: Content) -> Iterator[Row]:
    for system, code, rxcui in sorted(content.codes):
        yield {"system": system, "code": code, "rxcui": rxcui}


def _batches(rows: Iterable[Row]) -> Iterator[list[Row]]:
    remaining = iter(rows)
    for first in remaining:
        yield list(chain([first], islice(remaining, BATCH - 1)))
