"""The door of /review: nobody without a session, nothing by a form of another site."""

import pytest
from flask import Flask

from tests.cds_service.reviewer.signing_in import CSRF, SignIn

pytest_plugins = [
    "tests.cds_service.audit_fixtures",
    "tests.cds_service.reviewer.review_fixtures",
]


def test_whoever_is_not_signed_in_is_sent_to_sign_in(review_app: Flask) -> None:
    answer = review_app.test_client().get("/review/")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/review/login?next=/review/?")


def test_a_part_of_a_page_sends_the_whole_page_to_sign_in(review_app: Flask) -> None:
    answer = review_app.test_client().get("/review/", headers={"HX-Request": "true"})
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (204, "/review/login")


def test_pages_run_no_script_but_their_own(signed_in: SignIn) -> None:
    policy = signed_in("reviewer").get("/review/none").headers["Content-Security-Policy"]
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy


def test_an_address_that_is_none_is_told_as_a_page(review_app: Flask) -> None:
    answer = review_app.test_client().get("/review/none")
    assert (answer.status_code, answer.mimetype) == (404, "text/html")


@pytest.mark.parametrize(
    "headers",
    [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}],
)
def test_a_form_of_another_site_is_refused(signed_in: SignIn, headers: dict[str, str]) -> None:
    client = signed_in("reviewer")
    answer = client.post("/review/logout", data={"csrf": CSRF}, headers=headers)
    assert answer.status_code == 403


def test_a_form_without_the_word_of_its_session_is_refused(signed_in: SignIn) -> None:
    assert signed_in("reviewer").post("/review/logout", data={"csrf": "x"}).status_code == 400


def test_browsers_may_say_of_which_site_a_form_is(signed_in: SignIn) -> None:
    """With no-referrer they send `Origin: null`, which is refused."""
    assert signed_in("reviewer").get("/review/none").headers["Referrer-Policy"] == "same-origin"
