"""Digests of clinical notes, kept so that a note is read once; sealed, found by pseudonyms.

The database holds no patient's id and no word of a note in the clear: an id is an HMAC, a digest
is sealed under the tenant's keys and bound to its row. A row that does not open counts as absent;
the digest is then made anew. Deleted rows are overwritten on SQLite, though its write-ahead log
holds them until the next checkpoint; on PostgreSQL they go with VACUUM.
"""

import json
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import structlog
from sqlalchemy import (
    CheckConstraint,
    ColumnElement,
    Row,
    String,
    delete,
    func,
    select,
    true,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, mapped_column

from cds_service.audit.canonical import rfc3339
from cds_service.audit.database import (
    DEFAULT_TIMEOUT_S,
    AuditFailure,
    open_engine,
    reporting_failures,
)
from cds_service.audit.models import Base
from cds_service.keys.sealing import Sealed, open_sealed, seal
from cds_service.keys.service import KeyService, NotOpened
from lamo.notes.sections import Mention, NoteSections

SCHEMA = 2  # of what is sealed: another number is another shape, and its rows count as absent
_SHA256_DIGITS = 64
_HEX = frozenset("0123456789abcdef")

log = structlog.get_logger()


class StoreFailure(Exception):  # noqa: N818 - a situation, named as such
    """The database of the digests did not do its part. The reason is free of patient data."""


class NoteDigestRow(Base):
    """One digest. Rows come, change and go: what they hold can be read in the note again."""

    __tablename__ = "note_digest"
    __table_args__ = (CheckConstraint("length(note_key) = 64", name="note_key_is_hmac"),)

    note_key: Mapped[str] = mapped_column(String(64), primary_key=True)  # of a DigestKey
    patient: Mapped[str] = mapped_column(String(64), index=True)  # the pseudonym
    reader: Mapped[str]
    made_at: Mapped[str] = mapped_column(index=True)  # RFC 3339 in UTC: sorts by time
    sealed: Mapped[bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class DigestKey:
    """Which digest: of whose document, in which words, read by which reader."""

    patient_id: str
    document_sha256: str  # hex, over content type and bytes: another text is another document
    reader: str  # NoteReader.name

    def __post_init__(self) -> None:
        digits = self.document_sha256
        if len(digits) != _SHA256_DIGITS or not _HEX.issuperset(digits):
            raise ValueError(
                f"document_sha256: found {len(digits)} characters, wanted {_SHA256_DIGITS} "
                "lower-case hex digits; pass hashlib.sha256(...).hexdigest()"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredDigest:
    """What a reader found in a document, and what that took."""

    sections: NoteSections
    usage: Mapping[str, int]  # counts of tokens, by the provider's names; empty for rules
    fingerprint: str | None = None  # of the provider's model, as it reported it
    of_rules: int = 0  # list items that the rules found and the model left out; they are in

    def to_bytes(self) -> bytes:
        """Canonical JSON, in ASCII: half a surrogate pair and NUL come back as they were."""
        sections = asdict(self.sections) | {"cut": sorted(self.sections.cut)}
        plain = {
            "schema": SCHEMA,
            "sections": sections,
            "usage": dict(self.usage),
            "fingerprint": self.fingerprint,
            "of_rules": self.of_rules,
        }
        return json.dumps(plain, sort_keys=True, allow_nan=False, separators=(",", ":")).encode()

    @classmethod
    def from_bytes(cls, content: bytes) -> "StoredDigest | None":
        """Read it back; None when another release wrote it in another shape."""
        plain = json.loads(content)
        if plain["schema"] != SCHEMA:
            return None
        try:
            sections = _sections(plain["sections"])
        except (KeyError, TypeError):  # a field came or went, and SCHEMA stayed
            return None
        return cls(sections=sections, **{name: plain[name] for name in _BESIDE_SECTIONS})


_BESIDE_SECTIONS = ("usage", "fingerprint", "of_rules")


def _sections(plain: dict[str, Any]) -> NoteSections:
    for name in ("allergies", "medications_on_admission"):
        plain[name] = tuple(Mention(**mention) for mention in plain[name])
    return NoteSections(**plain | {"cut": frozenset(plain["cut"])})


def _now() -> datetime:
    return datetime.now(UTC)


class DigestStore:
    """Keeps digests in the tables of the audit database, which migrate.upgrade() makes.

    Every method raises StoreFailure when the database does not do its part. Connections are made
    on first use: one store per process, shared by its threads.
    """

    def __init__(
        self,
        database_url: str,
        keys: KeyService,
        *,
        clock: Callable[[], datetime] = _now,
        timeout_s: float = DEFAULT_TIMEOUT_S,
    ) -> None:
        self._engine = open_engine(database_url, timeout_s=timeout_s)
        self._reader = self._engine
        if self._on_sqlite:  # whose readers need not queue behind its one writer
            self._reader = open_engine(database_url, timeout_s=timeout_s, read_only=True)
        self._keys = keys
        self._clock = clock
        self._counting = threading.Lock()
        self._unopened = 0

    @property
    def unopened(self) -> int:
        """How many rows this process found and could not use; each is logged as well."""
        return self._unopened

    def get(self, key: DigestKey) -> StoredDigest | None:
        """Return what is stored under a key; None when nothing is, or it cannot be used."""
        return self.get_all([key]).get(key)

    def get_all(self, keys: Collection[DigestKey]) -> Mapping[DigestKey, StoredDigest]:
        """Return what is stored under each of some keys; those without are left out.

        One query: ten at once take the time of three that are asked one by one.
        """
        asked = {self._note_key(key): key for key in keys}
        query = select(NoteDigestRow.__table__).where(NoteDigestRow.note_key.in_(asked))
        with _reporting_failures(), self._reader.begin() as connection:
            rows = connection.execute(query).all()
        found = ((asked[row.note_key], self._open(row)) for row in rows)
        return {key: digest for key, digest in found if digest is not None}

    def put(self, key: DigestKey, digest: StoredDigest) -> None:
        """Store a digest, in place of one that is there under the same key."""
        columns: dict[str, Any] = {
            "note_key": self._note_key(key),
            "patient": self._patient(key.patient_id),
            "reader": key.reader,
            "made_at": rfc3339(self._clock()),
        }
        columns["sealed"] = seal(self._keys, digest.to_bytes(), _context(columns)).to_bytes()
        insert = sqlite.insert if self._on_sqlite else postgresql.insert
        statement = insert(NoteDigestRow).on_conflict_do_update(
            index_elements=[NoteDigestRow.note_key], set_=columns
        )
        with _reporting_failures(), self._engine.begin() as connection:
            connection.execute(statement, columns)

    def forget(
        self,
        *,
        patient_id: str | None = None,
        before: datetime | None = None,
        everything: bool = False,
    ) -> int:
        """Delete digests and return how many they were.

        Args:
            patient_id: only those of this patient.
            before: only those made before this moment, which has a time zone.
            everything: all of them; only alone.

        Raises:
            ValueError: nothing was named, or everything and something.
        """
        if everything != (patient_id is None and before is None):
            raise ValueError("forget: name a patient, a moment or both, or else everything=True")
        statement = delete(NoteDigestRow).where(true())
        for condition in self._conditions(patient_id, before):
            statement = statement.where(condition)
        with _reporting_failures(), self._engine.begin() as connection:
            return connection.execute(statement).rowcount

    def count(self, *, patient_id: str | None = None) -> int:
        """How many digests there are, those that do not open included; or those of a patient."""
        query = select(func.count(NoteDigestRow.note_key))
        for condition in self._conditions(patient_id, None):
            query = query.where(condition)
        with _reporting_failures(), self._reader.begin() as connection:
            return connection.execute(query).scalar_one()

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()
        self._reader.dispose()

    @property
    def _on_sqlite(self) -> bool:
        return self._engine.dialect.name == "sqlite"

    def _note_key(self, key: DigestKey) -> str:
        parts = json.dumps([key.patient_id, key.document_sha256, key.reader])
        return self._keys.pseudonym("note", parts)

    def _patient(self, patient_id: str) -> str:
        return self._keys.pseudonym("patient", patient_id)

    def _conditions(
        self, patient_id: str | None, before: datetime | None
    ) -> Iterator[ColumnElement[bool]]:
        if patient_id is not None:
            yield NoteDigestRow.patient == self._patient(patient_id)
        if before is not None:
            if before.tzinfo is None:
                raise ValueError("forget: before has no time zone; pass one in UTC")
            yield NoteDigestRow.made_at < rfc3339(before)

    def _open(self, row: Row[Any]) -> StoredDigest | None:
        stored = row.sealed if isinstance(row.sealed, bytes) else b""  # SQLite takes any type
        try:
            sealed = Sealed.from_bytes(stored)
            content = open_sealed(self._keys, sealed, _context(row._mapping))
        except NotOpened as error:
            self._count_unopened(error.reason)
            return None
        digest = StoredDigest.from_bytes(content)
        if digest is None:
            self._count_unopened("schema_unknown")
        return digest

    def _count_unopened(self, kind: str) -> None:
        with self._counting:
            self._unopened += 1
        log.warning("note_digest_not_opened", kind=kind)


def _context(columns: Mapping[Any, Any]) -> str:
    """All of a row but what is sealed: none of it can change without the row staying closed."""
    names = ("note_key", "patient", "reader", "made_at")
    return json.dumps(["note_digest", *(columns[name] for name in names)])


@contextmanager
def _reporting_failures() -> Iterator[None]:
    try:
        with reporting_failures():
            yield
    except AuditFailure as error:  # which would refuse the whole call: a digest is not worth that
        raise StoreFailure(error.reason) from None
