"""Saving searches, as changes that an administration event tells of."""

from collections.abc import Callable

from sqlalchemy import Connection, delete, func, insert, select

from cds_service.audit.read_model.search_tables import SavedFilterRow

MOST_SAVED = 50  # of one account
MOST_NAME = 60  # characters


def keep_filter(account: str, name: str, query: str) -> Callable[[Connection], None]:
    """The change that keeps a search under a name, in place of an earlier one of that name.

    Raises:
        ValueError: the name is none; and, when the change is made, there are too many.
    """
    if not 0 < len(name) <= MOST_NAME:
        raise ValueError(f"name: found {len(name)} characters, wanted 1 to {MOST_NAME}")
    drop = drop_filter(account, name)

    def change(connection: Connection) -> None:
        drop(connection)
        mine = select(func.count()).where(SavedFilterRow.account == account)
        if (connection.scalar(mine) or 0) >= MOST_SAVED:
            raise ValueError(f"{MOST_SAVED} searches are saved already: take one away first")
        row = {"account": account, "name": name, "query": query}
        connection.execute(insert(SavedFilterRow), row)

    return change


def drop_filter(account: str, name: str) -> Callable[[Connection], None]:
    """The change that forgets a saved search."""

    def change(connection: Connection) -> None:
        mine = (SavedFilterRow.account == account, SavedFilterRow.name == name)
        connection.execute(delete(SavedFilterRow).where(*mine))

    return change
