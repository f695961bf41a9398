"""The secrets of second factors under the newest tenant key."""

from sqlalchemy import select, update

from cds_service.audit.database import open_engine, reporting_failures
from cds_service.keys.sealing import Sealed
from cds_service.keys.service import KeyService
from cds_service.reviewer.accounts.models import AccountRow
from cds_service.reviewer.accounts.second_factor import context_of


def rewrap_factors(database_url: str, keys: KeyService) -> int:
    """Wrap the key of every secret under the newest one; returns how many were under an older one.

    Raises:
        AuditFailure: the database does not do its part.
        NotOpened: the tenant key of one is not at hand.
    """
    engine, count = open_engine(database_url), 0
    query = select(AccountRow.name, AccountRow.totp).where(AccountRow.totp.is_not(None))
    try:
        with reporting_failures(), engine.begin() as connection:
            for row in connection.execute(query.with_for_update()).all():
                context, sealed = context_of(row.name), Sealed.from_bytes(row.totp)
                key = keys.wrap(keys.unwrap(sealed.key, context), context)
                if key.key_id == sealed.key.key_id:
                    continue
                count += 1
                totp = Sealed(key=key, encrypted=sealed.encrypted).to_bytes()
                mine = update(AccountRow).where(AccountRow.name == row.name)
                connection.execute(mine.values(totp=totp))
    finally:
        engine.dispose()
    return count
