"""Looks and changes, opened by their ids: no further than the lists that they stand in."""

import pytest

from cds_service.audit.log import AuditLog
from tests.cds_service.audit.test_entries import access, administration, decision
from tests.cds_service.reviewer.signing_in import SignIn

pytest_plugins = [
    "tests.cds_service.audit_fixtures",
    "tests.cds_service.reviewer.review_fixtures",
]
pytestmark = pytest.mark.parametrize("database_server", ["sqlite"], indirect=True)
LOOK = {"user": "account/somebody", "patient_id": "marked-patient", "purpose": "marked-purpose"}


def test_a_look_is_whole_for_compliance_alone(audit_log: AuditLog, signed_in: SignIn) -> None:
    look = access(**LOOK)
    audit_log.append_access(look)
    url = f"/review/events/{look.event_id}"
    assert "marked-purpose" in signed_in("compliance").get(url).text
    page = signed_in("administrator", "reviewer").get(url)
    assert (page.status_code, "account/somebody" in page.text) == (200, True)
    assert "marked-" not in page.text


@pytest.mark.parametrize("end", ["", "/verification", "/proof"])
@pytest.mark.parametrize("role", ["reviewer", "operator"])
def test_a_look_of_others_is_an_unknown_id_and_the_try_is_recorded(
    audit_log: AuditLog, signed_in: SignIn, role: str, end: str
) -> None:
    look = access(**LOOK)
    audit_log.append_access(look)
    answer = signed_in(role).get(f"/review/events/{look.event_id}{end}")
    assert (answer.status_code, "somebody" in answer.text) == (404, False)
    tried = audit_log.find_event(audit_log.list_events(limit=1)[0].event_id).body
    assert (tried["outcome"], tried["looked_at"]) == ("denied", look.event_id)


def test_an_own_look_is_shown_without_what_is_protected(
    audit_log: AuditLog, signed_in: SignIn
) -> None:
    client = signed_in("reviewer")
    client.get("/review/events")
    own = audit_log.list_events(limit=1)[0].user_ref
    look = access(**(LOOK | {"user": own}))
    audit_log.append_access(look)
    page = client.get(f"/review/events/{look.event_id}")
    assert (page.status_code, "marked-" in page.text) == (200, False)


@pytest.mark.parametrize(
    ("role", "status", "is_told"),
    [("reviewer", 404, False), ("operator", 200, False), ("administrator", 200, False),
     ("compliance", 200, True)],
)  # fmt: skip
def test_a_change_is_for_who_may_see_changes(
    audit_log: AuditLog, signed_in: SignIn, role: str, status: int, is_told: bool
) -> None:
    change = administration(reason="marked-reason")
    audit_log.append_administration(change)
    page = signed_in(role).get(f"/review/events/{change.event_id}")
    assert (page.status_code, "marked-reason" in page.text) == (status, is_told)


def test_a_decision_is_no_event_of_an_administrator(audit_log: AuditLog, signed_in: SignIn) -> None:
    audit_log.append_decision(entry := decision())
    for end in ("", "/proof"):
        answer = signed_in("administrator").get(f"/review/events/{entry.event_id}{end}")
        assert answer.status_code == 404
