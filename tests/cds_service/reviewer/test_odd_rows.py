"""Rubbish in the tables of accounts and stops, which SQLite takes, is told in words."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from cds_service.audit.log import AuditLog
from cds_service.audit.migrate import upgrade
from cds_service.audit.verify import Asked, verify_log
from cds_service.cli import main
from tests.cds_service.audit.evidence_fixtures import asked, fill, var_dir
from tests.cds_service.reviewer.people import Hire
from tests.cds_service.reviewer.tampering import tamper
from tests.cds_service.sqlite_only import database_server

pytest_plugins = [
    "tests.cds_service.audit_fixtures",
    "tests.cds_service.reviewer.review_fixtures",
    "tests.cds_service.reviewer.account_fixtures",
]
__all__ = ["asked", "database_server", "var_dir"]
STOP = "INSERT INTO stop VALUES ('service', 'lamo-order-sign', '2026-01-01T00:00:00Z', x'ff')"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("failures = 'many'", "account.failures holds text"),
        ("totp = 'zz'", "account.totp holds text"),
        ("roles = x'ff'", "account.roles holds blob"),
        ("roles = CAST(x'ff' AS text)", "account.roles holds text that is no UTF-8"),
        ("totp = x'ff'", "the service failed while it made this page"),
    ],
)
def test_a_sign_in_over_rubbish_is_a_page(
    hired: Hire, audit_url: str, change: str, told: str
) -> None:
    person = hired("ada", "compliance")
    person.browser.delete_cookie("lamo-review")
    tamper(audit_url, f"UPDATE account SET {change}")  # noqa: S608 - of this list
    answer = person.signs_in()
    assert (answer.status_code, told in answer.text) == (500, True)
    assert answer.content_type.startswith("text/html")


def test_a_session_of_rubbish_is_a_page(hired: Hire, audit_url: str) -> None:
    person = hired("ada", "compliance")
    tamper(audit_url, "UPDATE session SET csrf = x'00ff', seen_at = 'z'")
    answer = person.browser.get("/review/account")
    assert (answer.status_code, "session.csrf holds blob" in answer.text) == (500, True)


def test_a_command_over_rubbish_is_one_line(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/audit.db"
    upgrade(url)
    tamper(url, STOP)
    told = CliRunner(env={"VAR_DIR": str(tmp_path)}).invoke(main, ["stops", "--json"])
    assert (told.exit_code, told.output.startswith("Error: stop.by_user holds blob")) == (1, True)


def test_a_verification_names_it(
    audit_log: AuditLog, audit_url: str, var_dir: Path, asked: Asked
) -> None:
    fill(audit_log, audit_url, var_dir, 2)
    tamper(audit_url, STOP)
    (told,) = verify_log(audit_url, asked).failed["types"]
    assert told == "stop service, lamo-order-sign: by_user holds blob, wanted text"
