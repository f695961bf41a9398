"""Asking the loaded terminology: the SQL behind `fhir_mappings.code_lookup.CodeLookup`."""

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine, inspect, make_url, select

from cds_service.audit.database import DEFAULT_TIMEOUT_S, open_engine, reporting_failures
from cds_service.terminology.models import CodeRow, ConceptRow, IngredientRow, ReleaseRow
from fhir_mappings.code_lookup import ATC, NDC, RXNORM
from fhir_mappings.formulary import Formulary

_LOADED = frozenset({RXNORM, NDC, ATC})
_MAX_CODE = 16  # characters of CodeRow.code


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedRelease:
    """What is loaded."""

    source: str
    version: str
    loaded_at: str  # RFC 3339 in UTC
    concepts: int
    codes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownConcept:
    """One concept that a code names, with the codes and names of its ingredients."""

    rxcui: str
    tty: str
    name: str
    ingredients: tuple[tuple[str, str], ...]  # code, name


class Terminology:
    """The loaded release. Every method raises AuditFailure when the database fails.

    Connections are made on first use: one per process, shared by its threads. An answer is never
    kept, so that a new release is seen at once; `Formulary` remembers what it resolved.
    """

    def __init__(self, database_url: str, *, timeout_s: float = DEFAULT_TIMEOUT_S) -> None:
        self._engine: Engine = open_engine(database_url, timeout_s=timeout_s, read_only=True)

    def ingredients(self, system: str, code: str) -> tuple[str, ...]:
        """The RxNorm ingredients of a code; empty when it is unknown or means several things."""
        if not _may_be_known(system, code):
            return ()
        query = (
            select(CodeRow.rxcui, IngredientRow.ingredient)
            .join(IngredientRow, IngredientRow.rxcui == CodeRow.rxcui)
            .where(CodeRow.system == system, CodeRow.code == code)
        )
        with reporting_failures(), self._engine.begin() as connection:
            rows = connection.execute(query).all()
        by_concept: dict[str, set[str]] = {}
        for rxcui, ingredient in rows:
            by_concept.setdefault(rxcui, set()).add(ingredient)
        meanings = {tuple(sorted(codes, key=int)) for codes in by_concept.values()}
        return meanings.pop() if len(meanings) == 1 else ()

    def name(self, rxcui: str) -> str | None:
        """The name of a concept; None when it is unknown."""
        query = select(ConceptRow.name).where(ConceptRow.rxcui == rxcui)
        with reporting_failures(), self._engine.begin() as connection:
            return connection.scalar(query)

    def release(self) -> LoadedRelease | None:
        """What is loaded; None when nothing is, or the tables are not there yet."""
        with reporting_failures(), self._engine.begin() as connection:
            if not inspect(connection).has_table(ReleaseRow.__tablename__):
                return None
            row = connection.execute(select(ReleaseRow.__table__)).mappings().first()
        return LoadedRelease(**row) if row else None

    def concepts(self, system: str, code: str) -> tuple[KnownConcept, ...]:
        """Every concept that a code names, for a person to read."""
        query = (
            select(ConceptRow.rxcui, ConceptRow.tty, ConceptRow.name)
            .join(CodeRow, CodeRow.rxcui == ConceptRow.rxcui)
            .where(CodeRow.system == system, CodeRow.code == code)
            .order_by(ConceptRow.rxcui)
        )
        with reporting_failures(), self._engine.begin() as connection:
            rows = connection.execute(query).all()
        return tuple(
            KnownConcept(rxcui=rxcui, tty=tty, name=name, ingredients=self._ingredients_of(rxcui))
            for rxcui, tty, name in rows
        )

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def _ingredients_of(self, rxcui: str) -> tuple[tuple[str, str], ...]:
        query = (
            select(ConceptRow.rxcui, ConceptRow.name)
            .join(IngredientRow, IngredientRow.ingredient == ConceptRow.rxcui)
            .where(IngredientRow.rxcui == rxcui)
            .order_by(ConceptRow.name)
        )
        with reporting_failures(), self._engine.begin() as connection:
            return tuple((code, name) for code, name in connection.execute(query))


def _may_be_known(system: str, code: str) -> bool:
    """Whether it is worth a query; odd characters would make PostgreSQL refuse one."""
    return system in _LOADED and len(code) <= _MAX_CODE and code.isascii() and code.isalnum()


def with_terminology(formulary: Formulary, database_url: str) -> Formulary:
    """The formulary, asking the loaded terminology; itself when none is loaded.

    No connection stays open, so that a process may fork afterwards.

    Raises:
        AuditFailure: there is a database, and it does not answer.
    """
    if not _is_there(database_url):
        return formulary
    terminology = Terminology(database_url)
    is_loaded = terminology.release() is not None
    terminology.close()  # the next question connects again
    return formulary.with_lookup(terminology) if is_loaded else formulary


def _is_there(database_url: str) -> bool:
    """Whether there is a database to ask: a SQLite file may not be made yet."""
    url = make_url(database_url)
    return url.get_backend_name() != "sqlite" or Path(url.database or "").is_file()
