"""The pages' desk as the settings have it."""

from cds_service.keys.building import build_keys
from cds_service.reviewer.accounts.building import AccountParts, build_accounts
from cds_service.reviewer.accounts.passwords import Passwords
from cds_service.reviewer.desk import ReviewDesk
from cds_service.tools import Tools


def build_desk(tools: Tools) -> ReviewDesk:
    """What the pages work with, made in each process.

    Raises:
        KeysRefused: the keys cannot be used.
        SettingsError: the file of authorities cannot be used.
    """
    settings, log = tools.settings, tools.audit_log
    parts = AccountParts(log=log, keys=build_keys(settings), passwords=Passwords())
    accounts = build_accounts(settings, parts)
    return ReviewDesk(
        base_url=settings.base_url,
        log=log,
        find_viewer=accounts.sessions.find_viewer,
        accounts=accounts,
    )
