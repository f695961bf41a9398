"""Triggers that refuse every change of a row, for tables that a revision has just created."""

from collections.abc import Mapping

from alembic import op


def refuse_changes(same_row: Mapping[str, str]) -> None:
    """Close tables to all but INSERT and SELECT.

    Args:
        same_row: by table, the SQL condition that finds the row which INSERT OR REPLACE of SQLite
            would delete without a word. On PostgreSQL the function `audit_refuse_change` of
            revision 0001 has to be there.
    """
    is_postgresql = op.get_bind().dialect.name == "postgresql"
    for table, condition in same_row.items():
        if is_postgresql:
            op.execute(
                f"CREATE TRIGGER {table}_refuses_change BEFORE UPDATE OR DELETE OR TRUNCATE "
                f"ON {table} FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse_change()"
            )
        else:
            _refuse_on_sqlite(table, condition)


def _refuse_on_sqlite(table: str, same_row: str) -> None:
    refuse = "SELECT RAISE(ABORT, 'rows of the audit log are never changed')"
    for change in ("update", "delete"):
        op.execute(
            f"CREATE TRIGGER {table}_refuses_{change} BEFORE {change.upper()} ON {table} "
            f"BEGIN {refuse}; END"
        )
    found = f"SELECT 1 FROM {table} WHERE {same_row}"  # noqa: S608 - words of the revision itself
    op.execute(
        f"CREATE TRIGGER {table}_refuses_replace BEFORE INSERT ON {table} "
        f"WHEN EXISTS ({found}) BEGIN {refuse}; END"
    )
