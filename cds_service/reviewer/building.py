"""The pages' desk as the settings have it."""

from collections.abc import Callable

from cds_service.audit.evidence import Evidence
from cds_service.audit.exports.exporter import Exporter
from cds_service.audit.full_check import FullVerification
from cds_service.audit.read_model.reading import ReadModel
from cds_service.keys.building import build_keys
from cds_service.keys.signing import FILE as SIGNING_FILE
from cds_service.keys.signing import SigningFile
from cds_service.reviewer.accounts.building import AccountParts, build_accounts
from cds_service.reviewer.accounts.passwords import Passwords
from cds_service.reviewer.desk import ReviewDesk
from cds_service.reviewer.replay import Replayer
from cds_service.served.identity import model_identity, service_identity
from cds_service.tools import Tools
from cds_service.trust import Trust
from lamo.model_card import ModelCard


def build_desk(tools: Tools, trust: Trust, model_card: Callable[[], ModelCard]) -> ReviewDesk:
    """What the pages work with, made in each process.

    Raises:
        KeysRefused: the keys cannot be used.
        SettingsError: the file of authorities cannot be used.
    """
    settings, log, keys = tools.settings, tools.audit_log, build_keys(tools.settings)
    signing = SigningFile(settings.var_dir / SIGNING_FILE)
    parts = AccountParts(log=log, keys=keys, passwords=Passwords())
    accounts = build_accounts(settings, parts)
    return ReviewDesk(
        base_url=settings.base_url,
        log=log,
        find_viewer=accounts.sessions.find_viewer,
        accounts=accounts,
        stops=tools.stops,
        served=service_identity(model_identity(tools.artifact, tools.rulebook, tools.policy)),
        model_card=model_card,
        clients=trust.registry.list_all,
        refused_tokens=trust.refused.latest,
        read_model=ReadModel(settings.reader_url, keys),
        formulary=tools.tables.formulary,
        clock=tools.clock,
        evidence=Evidence(settings.reader_url, settings.var_dir),
        verification=FullVerification(settings.reader_url, settings.var_dir),
        replayer=Replayer(tools.scorer, tools.artifact),
        exporter=Exporter(
            database_url=settings.reader_url,
            keys=keys,
            base_url=settings.base_url,
            first_key=lambda: signing.read().keys[0].to_text(),
        ),
    )
