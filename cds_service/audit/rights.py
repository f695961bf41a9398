"""Who may do what with each table on PostgreSQL: one line a table, and a test that misses none.

The service writes as one role, the sequencer, readers and whoever keeps the log have their own; so
what is broken into as the service can add to the log, and neither change nor read back most of it.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields

NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")  # needs no quotes
CHANGE = ("SELECT", "INSERT", "UPDATE", "DELETE")
READ = ("SELECT",)
ADD = ("SELECT", "INSERT")


@dataclass(frozen=True, slots=True, kw_only=True)
class Roles:
    """Names of roles that logins are made members of."""

    owner: str = "lamo_owner"  # migrates, erases, purges, holds, rotates keys
    writer: str = "lamo_writer"  # the service
    reader: str = "lamo_reader"  # lists, shows, verifies, exports
    sequencer: str = "lamo_sequencer"  # gives events their place, and signs

    def __post_init__(self) -> None:
        names = [getattr(self, field.name) for field in fields(self)]
        if not all(map(NAME.fullmatch, names)) or len(set(names)) < len(names):
            raise ValueError(
                "roles: found a name that is odd or there twice, wanted four of small letters, "
                "digits and underscores: name them otherwise"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Rights:
    """Of one table. The owner has all of them."""

    writer: tuple[str, ...] = ()
    reader: tuple[str, ...] = READ
    sequencer: tuple[str, ...] = ()


_WORKING = Rights(writer=CHANGE)
_REFERENCE = Rights(writer=READ)  # loaded by whoever keeps the log
_TREE = Rights(sequencer=ADD)
_DECISION = "SELECT (event_id, client, patient, recorded_at, body)"  # feedback, overrides, /readyz
_KEY = "key_id, wrapped_key"

_DERIVE = (*CHANGE, "TRUNCATE")
_DERIVED = (
    "search_group",
    "search_event",
    "search_term",
    "override_count",
    "card_outcome",
    "drift_day",
)

RIGHTS: Mapping[str, Rights] = {
    # evidence, and its keys
    "event": Rights(writer=("INSERT", _DECISION), sequencer=READ),
    "card": Rights(writer=ADD),
    "feedback": Rights(writer=ADD),
    "payload": Rights(writer=("INSERT", "SELECT (event_id)")),
    "patient": Rights(writer=("INSERT", f"SELECT (lookup, pid, {_KEY})")),
    "period": Rights(writer=("INSERT", f"SELECT (period, {_KEY})")),
    "hold": Rights(),
    # the tree
    "leaf": Rights(writer=("SELECT (leaf_index, event_id)",), sequencer=ADD),
    "tile": _TREE,
    "head": _TREE,
    # what the service works with
    "client": _WORKING,
    "seen_token": _WORKING,
    "refused_token": _WORKING,
    "note_digest": _WORKING,
    "stop": _WORKING,
    "served": Rights(writer=ADD),
    "account": Rights(writer=CHANGE, reader=()),  # who reads the log learns no password's hash
    "session": Rights(writer=CHANGE, reader=()),
    "smart_session": Rights(writer=CHANGE, reader=()),
    "saved_filter": _WORKING,
    # what pages search in, derived from the log
    "projection": Rights(writer=READ, sequencer=_DERIVE),
    **dict.fromkeys(_DERIVED, Rights(sequencer=_DERIVE)),
    # what it reads
    "terminology_release": _REFERENCE,
    "terminology_concept": _REFERENCE,
    "terminology_ingredient": _REFERENCE,
    "terminology_code": _REFERENCE,
    "audit_version": Rights(writer=READ, sequencer=READ),
}


def grant_statements(roles: Roles) -> Iterator[str]:
    """The SQL that makes the roles where they are missing, and leaves each with these rights alone.

    To be run by somebody who may make roles and owns the tables, after every upgrade.
    """
    for name in (roles.owner, roles.writer, roles.reader, roles.sequencer):
        yield (
            f"DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{name}') "
            f"THEN CREATE ROLE {name} NOLOGIN; END IF; END $$"
        )
    yield f"GRANT USAGE, CREATE ON SCHEMA public TO {roles.owner}"
    yield "REVOKE CREATE ON SCHEMA public FROM PUBLIC"
    yield f"GRANT USAGE ON SCHEMA public TO {roles.writer}, {roles.reader}, {roles.sequencer}"
    for table, rights in RIGHTS.items():
        yield f"ALTER TABLE {table} OWNER TO {roles.owner}"
        yield (
            f"REVOKE ALL ON {table} FROM PUBLIC, {roles.writer}, {roles.reader}, {roles.sequencer}"
        )
        for role, granted in (
            (roles.writer, rights.writer),
            (roles.reader, rights.reader),
            (roles.sequencer, rights.sequencer),
        ):
            if granted:
                yield f"GRANT {', '.join(granted)} ON {table} TO {role}"
    yield _own_partitions(roles.owner)
    yield f"ALTER FUNCTION audit_refuse_change() OWNER TO {roles.owner}"


def _own_partitions(owner: str) -> str:
    """Nobody else has rights on them: they are reached through their table."""
    return (
        "DO $$ DECLARE part regclass; BEGIN FOR part IN SELECT inhrelid::regclass FROM pg_inherits "  # noqa: S608 - a checked name
        "WHERE inhparent = 'payload'::regclass "
        f"LOOP EXECUTE format('ALTER TABLE %s OWNER TO {owner}', part); END LOOP; END $$"
    )
