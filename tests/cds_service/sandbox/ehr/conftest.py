"""The EHR's pages in front of a real service: both behind ports, the model scripted."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
from flask import Flask

from cds_service.audit.log import AuditLog
from cds_service.audit.migrate import upgrade
from cds_service.clients.building import build_trust
from cds_service.decision import decide
from cds_service.doors import Doors
from cds_service.keys.signing import FILE, SigningFile
from cds_service.sandbox.app import create_sandbox, open_sandbox
from cds_service.sandbox.ehr_keys import EhrKeys
from cds_service.sandbox.process import Plan, registered_apps, write_client
from cds_service.settings import Settings
from cds_service.tools import build_tools
from cds_service.web.app import create_app
from tests.cds_service.sandbox.ehr.trying import Trying, behind
from tests.cds_service.sandbox.sandboxes import TODAY
from tests.fakes import FakeScorer, admit_all, demo_card
from tests.served import free_port


@dataclass(slots=True)
class Behind:
    """What stands behind the EHR of a test, for all tests of a module."""

    plan: Plan
    keys: EhrKeys
    log: AuditLog
    scorer: FakeScorer
    pages: Flask  # of the present test, whose FHIR server the service reads

    def __call__(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        """Be the web application of the present test."""
        return self.pages(environ, start_response)


@pytest.fixture(scope="module")
def behind_ehr(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Behind]:
    """The service, which knows the EHR as a client, and the port of the EHR."""
    var_dir = tmp_path_factory.mktemp("var")
    plan = Plan(port=free_port(), service_port=free_port(), var_dir=var_dir)
    keys, scorer = EhrKeys(issuer=plan.base_url), FakeScorer()
    write_client(plan, keys)
    settings = Settings(
        port=plan.service_port,
        var_dir=var_dir,
        clients_file=var_dir / "clients.toml",
        deadline_ms=60_000,
    )
    with ExitStack() as opened:
        log = opened.enter_context(_served_service(settings, scorer))
        found = Behind(plan, keys, log, scorer, Flask("none"))
        opened.enter_context(behind(plan.port, found))
        yield found


@pytest.fixture
def trying(behind_ehr: Behind) -> Trying:
    """The EHR as it is when it has just been started."""
    plan, keys, scorer = behind_ehr.plan, behind_ehr.keys, behind_ehr.scorer
    scorer.log_odds, scorer.default = {}, FakeScorer.default
    apps = registered_apps(plan)
    desk = open_sandbox(plan.base_url, plan.service_url, keys, apps, today=TODAY)
    pages = behind_ehr.pages = create_sandbox(desk)
    return Trying(pages.test_client(), desk, pages.extensions["ehr"], behind_ehr.log, scorer)


@contextmanager
def _served_service(settings: Settings, scorer: FakeScorer) -> Iterator[AuditLog]:
    upgrade(settings.database_url)
    SigningFile(settings.var_dir / FILE).create()
    tools, trust = build_tools(settings, scorer=scorer), build_trust(settings)
    doors = Doors(
        settings=settings,
        recorder=tools.audit_log,
        identify=trust.identify,
        spend=trust.spend,
        admit=admit_all,
        decide=partial(decide, tools=tools),
        is_demonstration=True,
        model_card=demo_card,
    )
    with behind(settings.port, create_app(doors)):
        yield tools.audit_log
    tools.audit_log.close()
