"""The flow of a SMART app launch, and each way in which it is refused."""

from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
from flask.testing import FlaskClient

from cds_service.sandbox.app import SandboxDesk
from tests.cds_service.sandbox.sandboxes import BASE, CALLBACK, FHIR
from tests.cds_service.sandbox.smart_flow import LAUNCH, SCOPE, Change, Flow, refused, sent_back


def test_a_launch_leads_to_a_token_for_its_patient(flow: Flow) -> None:
    back = sent_back(flow.authorize())
    assert set(back) == {"code", "state", "iss"}
    assert (back["state"], back["iss"]) == ("of-the-app", BASE)
    told = flow.token(back["code"]).get_json()
    assert (told["patient"], told["encounter"]) == ("synthetic-65", "synthetic-65-v1-e")
    assert (told["appContext"], told["token_type"]) == ("decision=1", "Bearer")
    assert told["scope"] == SCOPE
    grant = flow.desk.find_grant(told["access_token"])
    assert grant is not None
    assert (grant.patient, grant.allows("Condition", "s")) == ("synthetic-65", True)
    assert not grant.allows("Condition", "c")


def test_the_identity_of_the_user_is_signed(flow: Flow) -> None:
    told = flow.token(flow.code()).get_json()
    published = flow.client.get("/.well-known/jwks.json").get_json()
    key = jwt.PyJWKSet.from_dict(published)["sandbox-rs256"]
    claims = jwt.decode(
        told["id_token"],
        key,
        algorithms=["RS256"],
        audience="browser-app",
        issuer=BASE,
        options={"verify_exp": False, "verify_iat": False},
    )
    assert claims["fhirUser"] == f"{FHIR}/Practitioner/sandbox-physician"
    assert claims["nonce"] == "n-1"
    assert claims["exp"] > flow.clock.now
    assert not {"d", "p", "q"} & {name for one in published["keys"] for name in one}


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"state": ...}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"code_challenge": ...}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": ...}, "invalid_request"),
        ({"aud": ...}, "invalid_request"),
        ({"aud": "https://other.example.org/fhir"}, "invalid_request"),
        ({"aud": f"{FHIR}/Patient"}, "invalid_request"),
        ({"launch": ...}, "invalid_request"),
        ({"launch": "made-up"}, "invalid_request"),
        ({"scope": "patient/Condition.rs"}, "invalid_scope"),
        ({"scope": ...}, "invalid_scope"),
    ],
)
def test_a_wrong_request_is_told_to_the_app(flow: Flow, changes: Change, error: str) -> None:
    back = sent_back(flow.authorize(**changes))
    assert back["error"] == error
    assert "code" not in back


@pytest.mark.parametrize(
    "changes",
    [
        {"redirect_uri": f"{CALLBACK}/"},
        {"redirect_uri": f"{CALLBACK}?more=1"},
        {"redirect_uri": "http://evil.example.org/"},
        {"redirect_uri": ...},
        {"client_id": "nobody"},
        {"client_id": ...},
    ],
)
def test_a_browser_is_sent_nowhere_that_is_not_registered(flow: Flow, changes: Change) -> None:
    assert refused(flow.authorize(**changes)) == "invalid_request"


def test_a_redirect_keeps_its_own_query(flow: Flow) -> None:
    other = "http://127.0.0.1:9000/other?kept=1"
    back = flow.authorize(redirect_uri=other).headers["Location"]
    assert parse_qs(urlsplit(back).query)["kept"] == ["1"]
    code = parse_qs(urlsplit(back).query)["code"][0]
    assert flow.token(code, redirect_uri=other).status_code == 200


def test_a_parameter_may_not_come_twice(flow: Flow) -> None:
    answer = flow.client.get("/auth/authorize?client_id=browser-app&client_id=other-app")
    assert refused(answer) == "invalid_request"


@pytest.mark.parametrize(
    ("asked", "granted"),
    [
        ("launch", "launch"),
        ("launch patient/Condition.rs", "launch patient/Condition.rs"),
        ("launch patient/Condition.cruds", "launch"),
        ("launch patient/*.write user/*.read system/*.read", "launch"),
        ("launch patient/*.* offline_access", "launch offline_access"),
        ("launch profile patient/Condition.rs?category=x", "launch"),
        ("launch launch", "launch"),
    ],
)
def test_no_scope_is_granted_that_was_not_asked_for_or_allowed(
    flow: Flow, asked: str, granted: str
) -> None:
    told = flow.token(flow.code(scope=asked)).get_json()
    assert told["scope"] == granted
    assert ("refresh_token" in told) == ("offline_access" in granted)
    assert "id_token" not in told


@pytest.mark.parametrize(
    ("changes", "status", "error"),
    [
        ({"code_verifier": "x" * 64}, 400, "invalid_grant"),
        ({"code_verifier": ...}, 400, "invalid_grant"),
        ({"redirect_uri": "http://127.0.0.1:9000/other?kept=1"}, 400, "invalid_grant"),
        ({"redirect_uri": ...}, 400, "invalid_grant"),
        ({"client_id": "other-app"}, 400, "invalid_grant"),
        ({"client_id": "nobody"}, 401, "invalid_client"),
        ({"client_id": ...}, 401, "invalid_client"),
        ({"client_id": "hospital-app"}, 401, "invalid_client"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
    ],
)
def test_a_code_is_for_its_app_alone(flow: Flow, changes: Change, status: int, error: str) -> None:
    assert refused(flow.token(flow.code(), **changes), status) == error


def test_a_made_up_code_is_none(flow: Flow) -> None:
    assert refused(flow.token("made-up")) == "invalid_grant"


def test_a_code_is_good_once_and_a_second_use_ends_its_tokens(flow: Flow) -> None:
    code = flow.code()
    told = flow.token(code).get_json()
    assert flow.desk.find_grant(told["access_token"])
    assert refused(flow.token(code)) == "invalid_grant"
    assert flow.desk.find_grant(told["access_token"]) is None
    assert refused(flow.refresh(told["refresh_token"])) == "invalid_grant"


@pytest.mark.parametrize(("seconds", "status"), [(59, 200), (61, 400)])
def test_a_code_lives_a_minute(flow: Flow, seconds: int, status: int) -> None:
    code = flow.code()
    flow.clock.now += seconds
    assert flow.token(code).status_code == status


def test_a_launch_ends_and_so_does_a_token(flow: Flow) -> None:
    handle = flow.desk.launches.put(LAUNCH)
    told = flow.token(flow.code()).get_json()
    flow.clock.now += told["expires_in"] + 1
    assert flow.desk.find_grant(told["access_token"]) is None
    assert sent_back(flow.authorize(launch=handle))["error"] == "invalid_request"


def test_a_refresh_token_is_replaced_at_every_use(flow: Flow) -> None:
    first = flow.token(flow.code()).get_json()["refresh_token"]
    second = flow.refresh(first).get_json()
    assert second["scope"] == SCOPE
    assert refused(flow.refresh(first)) == "invalid_grant"
    less = flow.refresh(second["refresh_token"], scope="launch offline_access").get_json()
    assert less["scope"] == "launch offline_access"
    more = flow.refresh(less["refresh_token"], scope="launch patient/Condition.rs")
    assert refused(more) == "invalid_scope"


def test_a_token_can_be_looked_into_and_ended_by_its_app(flow: Flow) -> None:
    token = flow.token(flow.code()).get_json()["access_token"]
    form = {"token": token, "client_id": "browser-app"}
    told = flow.client.post("/auth/introspect", data=form).get_json()
    assert (told["active"], told["patient"]) == (True, "synthetic-65")
    strange = form | {"client_id": "other-app"}
    assert flow.client.post("/auth/introspect", data=strange).get_json() == {"active": False}
    flow.client.post("/auth/revoke", data=strange)
    assert flow.desk.find_grant(token)
    flow.client.post("/auth/revoke", data=form)
    assert flow.desk.find_grant(token) is None


def test_apps_find_where_to_go(ehr: FlaskClient, sandbox: SandboxDesk) -> None:
    told = ehr.get("/fhir/.well-known/smart-configuration").get_json()
    assert told["authorization_endpoint"] == f"{BASE}/auth/authorize"
    assert told["code_challenge_methods_supported"] == ["S256"]
    assert {"launch-standalone", "context-standalone-patient"} <= set(told["capabilities"])
    assert "launch/patient" in told["scopes_supported"]
    assert ehr.get("/.well-known/openid-configuration").get_json()["issuer"] == told["issuer"]
    rest = ehr.get("/fhir/metadata").get_json()["rest"][0]
    assert rest["security"]["extension"][0]["extension"][1]["valueUri"] == told["token_endpoint"]
    assert sandbox.fhir_base == FHIR


def test_a_launched_app_may_launch_another_for_its_patient(flow: Flow) -> None:
    may = {"Authorization": f"Bearer {flow.token(flow.code()).get_json()['access_token']}"}
    url, told = "/fhir/_services/smart/Launch", {"patient": "synthetic-65", "appContext": "x"}
    answer = flow.client.post(url, json={"parameters": told}, headers=may)
    code = flow.code(launch=answer.get_json()["launch_id"], client_id="other-app")
    assert flow.token(code, client_id="other-app").get_json()["appContext"] == "x"
    other = {"parameters": {"patient": "synthetic-29"}}
    assert refused(flow.client.post(url, json=other, headers=may)) == "invalid_request"
    assert refused(flow.client.post(url, json={"parameters": told}), 401) == "invalid_client"
