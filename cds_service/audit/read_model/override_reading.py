"""Reading the counts of overrides, added up as a page shows them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import ColumnElement, Connection, func, select

from cds_service.audit.read_model.count_tables import OverrideCountRow as Row
from cds_service.audit.read_model.outcomes import MEASURES, Facet

By = Literal["month", "service_id", "client", "model", "reason", "rule", "rxcui"]
PLAIN: tuple[By, ...] = ("month", "service_id", "client", "model", "reason")


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """Of which cards; None: of all."""

    since: str  # month, for example "2026-01"
    until: str  # month, which counts as well
    service_id: str | None = None
    client: str | None = None
    model: str | None = None
    rule: str | None = None
    rxcui: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How many cards, and what became of them."""

    shown: int = 0
    accepted: int = 0
    overridden: int = 0
    contradicted: int = 0

    @property
    def responded(self) -> int:
        """Of how many it was reported what became of them."""
        return self.accepted + self.overridden

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            shown=self.shown + other.shown,
            accepted=self.accepted + other.accepted,
            overridden=self.overridden + other.overridden,
            contradicted=self.contradicted + other.contradicted,
        )


Tallies = Mapping[str, Tally]


def tallies(connection: Connection, chosen: Chosen) -> Mapping[By, Tallies]:
    """Cards by everything that they can be told apart by, each table adding up to the same.

    By rule and medication it does not: a card may be about several.
    """
    found: dict[By, dict[str, Tally]] = {by: {} for by in PLAIN}
    columns = [getattr(Row, by) for by in PLAIN]
    facet = _facet(rule=chosen.rule is not None, rxcui=chosen.rxcui is not None)
    query = select(*columns, *_SUMS).where(*_where(chosen, facet)).group_by(*columns)
    for row in connection.execute(query):
        tally = Tally(**{name: getattr(row, name) for name in MEASURES})
        for by in PLAIN:
            name = getattr(row, by)
            found[by][name] = found[by].get(name, Tally()) + tally
    return found | {
        "rule": _grouped(
            connection, chosen, "rule", _facet(rule=True, rxcui=chosen.rxcui is not None)
        ),
        "rxcui": _grouped(
            connection, chosen, "rxcui", _facet(rule=chosen.rule is not None, rxcui=True)
        ),
    }


def known(connection: Connection) -> Mapping[By, list[str]]:
    """Every service, client and model that cards were counted for, and the months."""
    names: tuple[By, ...] = ("month", "service_id", "client", "model")
    columns = [getattr(Row, name) for name in names]
    query = select(*columns).where(Row.facet == "card").group_by(*columns)
    rows = connection.execute(query).all()
    return {name: sorted({str(getattr(row, name)) for row in rows}) for name in names}


_SUMS = [func.sum(getattr(Row, name)).label(name) for name in MEASURES]


def _grouped(connection: Connection, chosen: Chosen, by: By, facet: Facet) -> Tallies:
    column = getattr(Row, by)
    query = select(column, *_SUMS).where(*_where(chosen, facet)).group_by(column)
    return {
        getattr(row, by): Tally(**{name: getattr(row, name) for name in MEASURES})
        for row in connection.execute(query)
    }


def _facet(*, rule: bool, rxcui: bool) -> Facet:
    if rule and rxcui:
        return "pair"
    return "rule" if rule else ("medication" if rxcui else "card")


def _where(chosen: Chosen, facet: Facet) -> list[ColumnElement[bool]]:
    wanted = [Row.facet == facet, Row.month.between(chosen.since, chosen.until)]
    for name in ("service_id", "client", "model", "rule", "rxcui"):
        value = getattr(chosen, name)
        if value is not None:
            wanted.append(getattr(Row, name) == value)
    return wanted
