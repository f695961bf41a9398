"""The checks against real databases, a server that hangs, and clocks that were set back."""

import re
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import text

from cds_service.audit.database import open_engine
from cds_service.audit.log import AuditLog
from cds_service.audit.migrate import upgrade
from cds_service.audit.sequencer import sequence_all
from cds_service.keys.file_keys import FileKeys
from cds_service.keys.ring import new_ring
from cds_service.keys.signing import FILE, SigningFile
from cds_service.observing.checks import DatabaseChecks, model_answers, service_checks
from cds_service.observing.health import Check, Health, Unwell
from cds_service.settings import Settings
from cds_service.tools import build_tools
from tests.cds_service.audit.test_entries import decision
from tests.cds_service.observing.conftest import Opened
from tests.fakes import FakeScorer
from tests.hanging import silent_server
from tests.waiting import WAIT_S

pytest_plugins = ["tests.cds_service.audit_fixtures"]

KEYS = FileKeys(new_ring())
WELL = Check(name="clock", look=lambda: "agrees")


def set_back(hours: float) -> datetime:
    return datetime.now(UTC) - timedelta(hours=hours)


def test_a_database_of_this_release_is_well(audit_url: str) -> None:
    checks = DatabaseChecks(audit_url, timeout_s=30)
    said = (checks.writable(), checks.at_head(), checks.clocks_agree())
    checks.close()
    assert said == ("takes entries", "the tables of this release", "agrees")


def test_tables_of_another_release_are_told_apart_from_a_lost_database(empty_url: str) -> None:
    open_engine(empty_url, create=True).dispose()
    checks = DatabaseChecks(empty_url, timeout_s=30)
    assert checks.writable() == "takes entries"
    with pytest.raises(Unwell, match="run `lamo-cds audit upgrade`"):
        checks.at_head()
    checks.close()


def test_a_lost_file_is_told_without_its_name(tmp_path: Path) -> None:
    checks = DatabaseChecks(f"sqlite:///{tmp_path}/quill.db")
    with pytest.raises(Unwell, match="SQLITE_CANTOPEN") as unwell:
        checks.writable()
    assert "quill" not in str(unwell.value)


def test_a_clock_that_was_set_back_is_told_by_the_newest_event(audit_url: str) -> None:
    log = AuditLog(audit_url, KEYS, timeout_s=60)
    log.append_decision(decision())
    log.close()
    checks = DatabaseChecks(audit_url, timeout_s=30, clock=partial(set_back, 1))
    is_sqlite = audit_url.startswith("sqlite")
    wanted = r"recorded 3[56]\d\d s from now" if is_sqlite else r"are 3[56]\d\d s apart"
    with pytest.raises(Unwell, match=wanted):
        checks.clocks_agree()
    checks.close()


def test_an_event_of_half_a_minute_from_now_is_no_reason(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/audit.db"
    upgrade(url)
    log = AuditLog(url, KEYS, clock=lambda: set_back(-0.5 / 60))
    log.append_decision(decision())
    assert DatabaseChecks(url).clocks_agree() == "agrees"
    log.close()


def test_a_database_that_hangs_does_not_hang_readiness(opened: Opened, settings: Settings) -> None:
    with silent_server() as host:
        look = DatabaseChecks(f"postgresql+psycopg://lamo:secret@{host}/audit").writable
        answer = opened(settings, (Check(name="database", look=look), WELL)).get("/readyz")
    (issue,) = answer.get_json()["issue"]
    assert answer.status_code == 503
    assert re.match("database: .*(ConnectionTimeout|no answer within)", issue["diagnostics"])
    assert not any(word in answer.text for word in ("secret", "127.0.0.1", "lamo"))


def test_a_busy_writer_does_not_keep_a_reader_from_its_check(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/audit.db"
    upgrade(url)
    holder, checks = open_engine(url), DatabaseChecks(url, timeout_s=0.1)
    with holder.begin() as connection:
        connection.execute(text("SELECT 1"))
        assert checks.at_head() == "the tables of this release"
        with pytest.raises(Unwell, match="SQLITE_BUSY"):
            checks.writable()
    holder.dispose()
    checks.close()


def test_a_model_that_is_down_is_told_and_leaves_the_service_ready(tmp_path: Path) -> None:
    settings = Settings(var_dir=tmp_path)
    upgrade(settings.database_url)
    scorer = FakeScorer(outage="the scoring server cannot be reached (ConnectionError)")
    tools = build_tools(settings, scorer=scorer)
    found = {one.name: one for one in Health(service_checks(tools), wait_s=WAIT_S).ask()}
    assert (found["model"].is_ok, found["model"].is_needed) == (False, False)
    assert "cannot be reached" in found["model"].why
    assert [one.is_ok for one in found.values() if one.is_needed] == [True] * 5
    tools.audit_log.close()


def test_a_model_that_answers_is_said_to() -> None:
    assert model_answers(lambda deadline: None) == "scores"


def test_an_event_without_its_place_is_told_after_the_published_delay(
    audit_url: str, tmp_path: Path
) -> None:
    SigningFile(tmp_path / FILE).create()
    log = AuditLog(audit_url, KEYS, timeout_s=60)
    log.append_decision(decision())
    checks = DatabaseChecks(audit_url, timeout_s=30)
    late = DatabaseChecks(audit_url, timeout_s=30, clock=partial(set_back, -1))
    assert checks.sequenced() == "every event has its place"
    with pytest.raises(Unwell, match=r"36\d\d s ago has no place in the Merkle tree yet"):
        late.sequenced()
    sequence_all(audit_url, tmp_path)
    assert late.sequenced() == "every event has its place"
    for one in (log, checks, late):
        one.close()
