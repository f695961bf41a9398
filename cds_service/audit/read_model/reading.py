"""What the reviewers' pages read: lists of events, and of some of them what a line needs more."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy import select

from cds_service.audit.database import open_engine, reporting_failures
from cds_service.audit.read_model.drift_reading import Day, days
from cds_service.audit.read_model.override_reading import By, Chosen, Tallies, known, tallies
from cds_service.audit.read_model.search import PAGE_ROWS, Page, Search, find, values_of
from cds_service.audit.read_model.search_tables import SavedFilterRow
from cds_service.audit.reading import find_bodies, find_protected
from cds_service.audit.vault import Vault, Whom
from cds_service.audit.whose import pid_of
from cds_service.keys.service import KeyService

TIMEOUT_S = 5.0


class ReadModel:
    """Reads it. Every method raises AuditFailure when the database does not do its part."""

    def __init__(self, database_url: str, keys: KeyService, timeout_s: float = TIMEOUT_S) -> None:
        """Nothing is connected yet.

        Args:
            database_url: of the audit log.
            keys: that open what is protected.
            timeout_s: of one statement.
        """
        self._engine = open_engine(database_url, timeout_s=timeout_s, read_only=True)
        self._vault = Vault(keys)

    def search(self, search: Search, before: str | None = None, limit: int = PAGE_ROWS) -> Page:
        """Find events, newest first; see search.find."""
        with reporting_failures(), self._engine.begin() as connection:
            return find(connection, search, before, limit)

    def values(self, kinds: Collection[str]) -> Mapping[str, Sequence[str]]:
        """What there is to choose from in a form, by the name of the filter."""
        with reporting_failures(), self._engine.begin() as connection:
            return values_of(connection, kinds)

    def pid(self, whom: Whom) -> str | None:
        """What stands for a patient in events; None when nothing is kept of them (any more)."""
        with reporting_failures(), self._engine.begin() as connection:
            return pid_of(connection, self._vault, whom)

    def bodies(self, event_ids: Collection[str]) -> Mapping[str, Mapping[str, Any]]:
        """The bodies of some events, by id."""
        with reporting_failures(), self._engine.begin() as connection:
            return find_bodies(connection, event_ids)

    def protected(self, event_ids: Collection[str]) -> Mapping[str, Mapping[str, Any]]:
        """What is protected of some events, by id; those left out that do not open (any more).

        Only for those whose roles are among PATIENTS.
        """
        with reporting_failures(), self._engine.begin() as connection:
            return find_protected(connection, self._vault, event_ids)

    def saved(self, account: str) -> Mapping[str, str]:
        """The searches that somebody has saved: the query of each, by its name."""
        query = select(SavedFilterRow).where(SavedFilterRow.account == account)
        query = query.order_by(SavedFilterRow.name)
        rows = query.with_only_columns(SavedFilterRow.name, SavedFilterRow.query)
        with reporting_failures(), self._engine.begin() as connection:
            return {row.name: row.query for row in connection.execute(rows)}

    def cards(self, chosen: Chosen) -> Mapping[By, Tallies]:
        """How many cards were shown, and what became of them; see override_reading.tallies."""
        with reporting_failures(), self._engine.begin() as connection:
            return tallies(connection, chosen)

    def cards_of(self) -> Mapping[By, Sequence[str]]:
        """The months, services, clients and models that cards are counted of."""
        with reporting_failures(), self._engine.begin() as connection:
            return known(connection)

    def days(self, since: date, until: date) -> Sequence[Day]:
        """What calls were like on every day from one to another, both included."""
        with reporting_failures(), self._engine.begin() as connection:
            return days(connection, since, until)

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()
