"""What every `lamo-cds audit` command needs: the database, the keys, and refusals in one line."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import click

from cds_service.at_hand import refuse_unmade
from cds_service.audit.checkpoint import NoteRefused
from cds_service.audit.database import AuditFailure
from cds_service.audit.keeping import HoldInPlace, PatientUnknown
from cds_service.audit.log import EventUnknown
from cds_service.environment import SettingsError
from cds_service.keys.file_keys import FileKeys
from cds_service.keys.ring import new_ring
from cds_service.keys.service import KeyService, KeysRefused
from cds_service.notes.store import StoreFailure
from cds_service.settings import Settings

MENDABLE = (
    EventUnknown,
    HoldInPlace,
    KeysRefused,
    NoteRefused,
    PatientUnknown,
    SettingsError,
    StoreFailure,
    ValueError,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the log is, and the keys of the settings; without them bodies alone are read."""

    settings: Settings
    given_url: str | None  # on the command line; then all work is done by this one
    keys: KeyService | None

    @property
    def url_to_make(self) -> str:
        """Of the database, for what may begin it."""
        return self.given_url or self.settings.owner_url

    @property
    def owner_url(self) -> str:
        """Of the database, for what keeps it."""
        return self._there(self.url_to_make)

    @property
    def reader_url(self) -> str:
        """Of the database, for what only reads."""
        return self._there(self.given_url or self.settings.reader_url)

    @property
    def sequencer_url(self) -> str:
        """Of the database, for the sequencer."""
        return self._there(self.given_url or self.settings.sequencer_url)

    def _there(self, database_url: str) -> str:
        with refusals():
            refuse_unmade(self.settings, database_url)
        return database_url

    @property
    def reading_keys(self) -> KeyService:
        """The keys, or some that open nothing."""
        return self.keys or FileKeys(new_ring())

    @property
    def needed_keys(self) -> KeyService:
        """The keys, for what cannot be done without them."""
        if self.keys is None:
            raise click.ClickException(
                "there are no keys: name the folder of the service's keys.json in VAR_DIR, or "
                "give them in LAMO_KEYS"
            )
        return self.keys


@contextmanager
def refusals() -> Iterator[None]:
    """Tell what a person can mend in one line."""
    try:
        yield
    except AuditFailure as error:
        raise click.ClickException(error.reason) from error
    except MENDABLE as error:
        raise click.ClickException(str(error)) from error
