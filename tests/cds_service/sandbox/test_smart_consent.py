"""What a person is asked: an app that is launched by itself, or that wants to be allowed anew."""

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from cds_service.sandbox.app import SandboxDesk
from cds_service.sandbox.smart.authorize import CONSENT
from tests.cds_service.sandbox.ehr.trying import text_of
from tests.cds_service.sandbox.smart_flow import Change, Clock, Flow, sent_back

ALONE: Change = {"launch": ..., "scope": "launch/patient openid patient/Condition.rs"}


@pytest.fixture
def app(sandbox: SandboxDesk, ehr: FlaskClient) -> Flow:
    """An app before the whole sandbox."""
    return Flow(Clock(), sandbox.smart, ehr)


def asked(app: Flow, **changes: object) -> str:
    """The address at which the person is asked."""
    answer = app.authorize(**changes)
    assert answer.status_code == 303
    assert answer.headers["Location"].startswith(CONSENT)
    return answer.headers["Location"]


def answered(app: Flow, where: str, **form: str) -> TestResponse:
    return app.client.post(where, data=form)


def test_an_app_by_itself_gets_the_patient_that_is_chosen(app: Flow, sandbox: SandboxDesk) -> None:
    where = asked(app, **ALONE)
    page = text_of(app.client.get(where).text)
    assert all(one.name in page for one in sandbox.patients)
    assert "patient/Condition.rs to read and search Condition of this patient" in page
    chosen = sandbox.patients[3].patient_id
    back = sent_back(answered(app, where, answer="allow", patient=chosen))
    told = app.token(back["code"]).get_json()
    assert (told["patient"], told["scope"]) == (chosen, ALONE["scope"])
    assert (back["state"], "id_token" in told, "encounter" in told) == ("of-the-app", True, False)


def test_who_does_not_want_it_is_told_to_the_app(app: Flow) -> None:
    back = sent_back(answered(app, asked(app, **ALONE), answer="deny"))
    assert (back["error"], back["state"]) == ("access_denied", "of-the-app")
    assert "code" not in back


def test_an_app_of_an_open_chart_may_have_its_person_asked(app: Flow) -> None:
    where = asked(app, prompt="login consent")
    page = app.client.get(where).text
    assert "For the chart that is open" in page
    assert '<select id="patient"' not in page
    told = app.token(sent_back(answered(app, where, answer="allow"))["code"]).get_json()
    assert (told["patient"], told["appContext"]) == ("synthetic-65", "decision=1")


def test_nobody_is_asked_by_an_app_that_wants_nobody_to_be(app: Flow) -> None:
    assert sent_back(app.authorize(**ALONE, prompt="none"))["error"] == "interaction_required"
    assert "code" in sent_back(app.authorize(prompt="none"))


def test_an_answer_counts_once_and_for_a_patient_that_there_is(app: Flow) -> None:
    where = asked(app, **ALONE)
    assert answered(app, where, answer="allow", patient="nobody").status_code == 404
    again = answered(app, where, answer="allow", patient="synthetic-65")
    assert again.status_code == 404
    assert "begin again in the app" in text_of(again.text)


def test_nobody_else_answers_for_the_person(app: Flow) -> None:
    where = asked(app, **ALONE)
    foreign = {"Sec-Fetch-Site": "cross-site"}
    sent = app.client.post(where, data={"answer": "allow"}, headers=foreign)
    assert sent.status_code == 403


def test_the_form_may_lead_to_the_app_alone(app: Flow) -> None:
    policy = app.client.get(asked(app, **ALONE)).headers["Content-Security-Policy"]
    assert "form-action 'self' http://127.0.0.1:9000;" in policy
    assert "frame-ancestors 'none'" in policy
    elsewhere = app.client.get("/").headers["Content-Security-Policy"]
    assert "form-action 'self';" in elsewhere
