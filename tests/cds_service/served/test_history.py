"""A change of what is served is one event, however many start with it."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from cds_service.artifacts.models import Models
from cds_service.audit.log import AuditLog
from cds_service.keys.service import KeyService
from cds_service.served.history import read_changes, record_served
from cds_service.served.identity import code_sha256, model_identity, service_identity
from cds_service.settings import Settings
from cds_service.tools import load
from lamo.artifact import bundled_artifact_folder, load_artifact

pytest_plugins = ["tests.cds_service.audit_fixtures"]

FIRST = {"name": "lamo-demo", "version": "1", "adapters": {"a": "00"}, "code": "0.1.0 aa"}
SECOND = FIRST | {"version": "2", "adapters": {"a": "01"}}


def test_only_a_change_is_recorded_with_what_was_before(audit_log: AuditLog) -> None:
    assert [record_served(audit_log, one) for one in (FIRST, FIRST, SECOND)] == [True, False, True]
    newest, first = audit_log.read(read_changes)
    assert (newest.before, newest.after, newest.parts) == (FIRST, SECOND, ("adapters", "version"))
    assert first.before == {}
    body = audit_log.find_event(newest.event_id).body
    assert (body["action"], body["subject"]) == ("model-change", "lamo-demo 2")


def test_several_that_start_at_once_record_it_once(
    audit_log: AuditLog, audit_url: str, audit_keys: KeyService
) -> None:
    record_served(audit_log, FIRST)
    logs = [AuditLog(audit_url, audit_keys, timeout_s=60) for _ in range(6)]
    with ThreadPoolExecutor(len(logs)) as pool:
        recorded = list(pool.map(lambda log: record_served(log, SECOND), logs))
    for log in logs:
        log.close()
    assert sorted(recorded) == [False] * 5 + [True]
    assert len(audit_log.read(read_changes)) == 2
    assert len(audit_log.list_events()) == 2


@pytest.mark.parametrize("part", ["sha256", "knowledge", "card_policy", "code", "adapters"])
def test_the_identity_has_everything_that_a_card_depends_on(settings: Settings, part: str) -> None:
    artifact = load_artifact(bundled_artifact_folder())
    loaded = load(settings, Models(served=artifact))
    found = service_identity(model_identity(artifact, loaded.rulebook, loaded.policy))
    assert found[part]
    assert found["code"].endswith(code_sha256()[:12])
