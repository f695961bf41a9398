"""The log of the settings, opened at the command line to change something and say so in it."""

from collections.abc import Iterator
from contextlib import contextmanager

from cds_service.audit.database import open_engine, reporting_failures
from cds_service.audit.log import AuditLog
from cds_service.audit.migrate import upgrade
from cds_service.audit.vault import Vault
from cds_service.keys.building import keys_at_hand
from cds_service.keys.service import KeyService
from cds_service.settings import Settings

TIMEOUT_S = 60.0  # beside a service that is busy writing


@contextmanager
def administering(settings: Settings, *, make: bool = False) -> Iterator[AuditLog]:
    """The log, under the keys of the settings.

    Args:
        settings: name the database and the keys.
        make: bring the tables to this release, and make the database where there is none.

    Raises:
        AuditFailure: the database cannot be used, or is under other keys.
        KeysRefused: the keys cannot be used.
    """
    keys = keys_at_hand(settings)
    if make:
        upgrade(settings.database_url, keys)
    check_keys(settings.database_url, keys)
    log = AuditLog(settings.database_url, keys, timeout_s=TIMEOUT_S)
    try:
        log.ping()
        yield log
    finally:
        log.close()


def check_keys(database_url: str, keys: KeyService) -> None:
    """Return when the keys are those of the audit log: others could record no known patient."""
    engine = open_engine(database_url, read_only=True)
    try:
        with reporting_failures(), engine.begin() as connection:
            Vault(keys).check(connection)
    finally:
        engine.dispose()
