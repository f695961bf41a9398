"""The page of administration: everybody of its roles looks, operators and administrators switch."""

import re

import pytest
from flask.testing import FlaskClient

from cds_service.audit.log import AuditLog
from cds_service.reviewer.desk import ReviewDesk
from cds_service.served.history import record_served
from tests.cds_service.reviewer.signing_in import CSRF, HOSTILE, SignIn
from tests.cds_service.sqlite_only import database_server

pytest_plugins = [
    "tests.cds_service.audit_fixtures",
    "tests.cds_service.reviewer.review_fixtures",
]

__all__ = ["database_server"]  # what stands behind the pages is tested on both kinds elsewhere

PAGE = "/review/administration"
ASKED = {"csrf": CSRF, "turn": "stop", "what": "rule allergy", "reason": "the table is wrong"}


def text_of(client: FlaskClient) -> str:
    answer = client.get(PAGE)
    assert answer.status_code == 200
    return answer.get_data(as_text=True)


@pytest.mark.parametrize(
    ("role", "may_look", "may_switch"),
    [
        ("operator", True, True),
        ("administrator", True, True),
        ("compliance", True, False),
        ("reviewer", False, False),
    ],
)
def test_each_role_sees_and_does_what_is_its_own(
    signed_in: SignIn, role: str, may_look: bool, may_switch: bool
) -> None:
    client = signed_in(role)
    page = client.get(PAGE)
    assert (page.status_code == 200) is may_look
    assert ("Switch off …" in page.get_data(as_text=True)) is may_switch
    for step in ("confirm", "switch"):
        answer = client.post(f"{PAGE}/{step}", data=ASKED)
        assert (answer.status_code in (200, 303)) is may_switch


def test_a_switch_is_confirmed_then_thrown_then_shown(
    signed_in: SignIn, review_desk: ReviewDesk
) -> None:
    client = signed_in("operator")
    confirm = client.post(f"{PAGE}/confirm", data=ASKED).get_data(as_text=True)
    assert "the table is wrong" in confirm
    assert review_desk.stops.read().stops == ()
    hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', confirm))
    answer = client.post(f"{PAGE}/switch", data=hidden)
    assert (answer.status_code, answer.headers["Location"]) == (303, PAGE)
    assert review_desk.stops.read().rules == {"allergy"}
    page = text_of(client)
    assert "<td>account/operator</td>" in page
    assert "Switch on …" in page
    actions = [
        body["action"]
        for one in review_desk.log.list_events()
        if "action" in (body := review_desk.log.find_event(one.event_id).body)
    ]
    assert actions == ["stop-rule"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"reason": ""}, "wanted a reason"),
        ({"what": f"rule {HOSTILE}"}, "no rule has this name"),
        ({"what": ""}, "wanted to stop or to resume"),
        ({"turn": "resume"}, "is not switched off"),
    ],
)
def test_what_cannot_be_switched_is_told_and_changes_nothing(
    signed_in: SignIn, review_desk: ReviewDesk, change: dict[str, str], told: str
) -> None:
    answer = signed_in("operator").post(f"{PAGE}/switch", data=ASKED | change)
    page = answer.get_data(as_text=True)
    assert (answer.status_code, told in page, HOSTILE in page) == (400, True, False)
    assert review_desk.stops.read().stops == ()


def test_texts_of_others_are_escaped_and_keys_are_not_shown(signed_in: SignIn) -> None:
    page = text_of(signed_in("operator"))
    assert HOSTILE not in page
    assert page.count("&lt;script&gt;") == 2  # an issuer, and the detail of a refused token
    assert "<td>pinned</td>" in page
    confirm = signed_in("operator").post(f"{PAGE}/confirm", data=ASKED | {"reason": HOSTILE})
    assert HOSTILE not in confirm.get_data(as_text=True)


def test_what_is_served_is_shown_with_what_was_before(
    signed_in: SignIn, review_desk: ReviewDesk, audit_log: AuditLog
) -> None:
    client = signed_in("compliance")
    assert "Nothing is recorded yet" in text_of(client)
    record_served(audit_log, {**review_desk.served, "version": "1"})
    assert "another process has recorded something else" in text_of(client)
    record_served(audit_log, review_desk.served)
    page = text_of(client)
    assert "<td>version</td><td>1</td><td>2</td>" in page
    assert "another process" not in page


@pytest.mark.parametrize("role", ["reviewer", "compliance", "operator", "administrator"])
def test_the_model_card_is_for_every_role(signed_in: SignIn, role: str) -> None:
    answer = signed_in(role).get("/review/model-card")
    page = answer.get_data(as_text=True)
    assert (answer.status_code, page.count("<h1>")) == (200, 1)
    assert "How often performance is corrected when risks are found" in page
    assert "style=" not in page
