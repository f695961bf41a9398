"""Who looked at what, whom and why; and who changed what."""

from collections.abc import Callable

from cds_service.audit.entries import DecisionEntry
from cds_service.audit.log import AuditLog
from tests.cds_service.audit.evidence_fixtures import var_dir
from tests.cds_service.audit.test_entries import access, administration
from tests.cds_service.reviewer.list_fixtures import OF_PATIENT, database_server, derive, written
from tests.cds_service.reviewer.signing_in import SignIn

pytest_plugins = [
    "tests.cds_service.audit_fixtures",
    "tests.cds_service.reviewer.review_fixtures",
]
__all__ = ["database_server", "derive", "var_dir", "written"]
ACCESS = "/review/access"


def looked(log: AuditLog, entry: DecisionEntry) -> None:
    """A look at an event, and a search for its patient, by two accounts."""
    nobody = {"patient_client": None, "patient_id": None, "purpose": None}
    log.append_access(
        access(user="account/bob", page="decision", looked_at=entry.event_id, **nobody)
    )
    log.append_access(access(patient_id="marked-patient"))


def test_why_and_whom_are_for_compliance(
    signed_in: SignIn, written: DecisionEntry, audit_log: AuditLog, derive: Callable[[], None]
) -> None:
    looked(audit_log, written)
    derive()
    page = signed_in("compliance").get(ACCESS).text
    assert (page.count("marked-patient"), "a complaint" in page) == (2, True)
    page = signed_in("administrator").get(ACCESS).text
    assert ("marked-patient" in page, "a complaint" in page) == (False, False)
    assert ("account/ada" in page, "account/bob" in page) == (True, True)
    assert signed_in("reviewer").get(ACCESS).status_code == 403


def test_looks_at_a_patient_are_found_by_the_patient(
    signed_in: SignIn, written: DecisionEntry, audit_log: AuditLog, derive: Callable[[], None]
) -> None:
    looked(audit_log, written)
    signed_in("reviewer").get("/review/events")
    derive()
    page = signed_in("compliance").post(ACCESS, data=OF_PATIENT).text
    assert "2 looks on this page" in page
    assert signed_in("administrator").post(ACCESS, data=OF_PATIENT).status_code == 403


def test_looks_are_found_by_account_and_page(
    signed_in: SignIn, written: DecisionEntry, audit_log: AuditLog, derive: Callable[[], None]
) -> None:
    looked(audit_log, written)
    derive()
    query = {"user_ref": "account/bob", "detail": "decision"}
    page = signed_in("administrator").get(ACCESS, query_string=query).text
    assert "1 look on this page" in page
    assert f'href="/review/events/{written.event_id}"' in page


def test_everybody_sees_their_own_looks_and_no_others(
    signed_in: SignIn, written: DecisionEntry, audit_log: AuditLog, derive: Callable[[], None]
) -> None:
    looked(audit_log, written)
    signed_in("operator").get("/review/events?kind=error")
    derive()
    page = signed_in("operator").get(f"{ACCESS}/mine?user_ref=account/bob").text
    assert "1 look on this page" in page
    assert ("kind: error" in page, "account/bob" in page) == (True, False)


def test_changes_are_told_with_their_reason_to_compliance(
    signed_in: SignIn, audit_log: AuditLog, derive: Callable[[], None]
) -> None:
    audit_log.append_administration(administration(details={"until": "noon"}))
    derive()
    page = signed_in("compliance").get("/review/changes?detail=stop-rule").text
    assert all(one in page for one in ("account/ada", "until: noon", "too many cards"))
    assert "too many cards" not in signed_in("operator").get("/review/changes").text
    assert "No change fits." in signed_in("operator").get("/review/changes?detail=other").text
    assert signed_in("reviewer").get("/review/changes").status_code == 403
