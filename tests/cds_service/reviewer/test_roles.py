"""Who may see which page: every one of them, whoever adds it, for every role and for nobody."""

from collections.abc import Iterator
from uuid import UUID

import pytest
from flask import Flask
from werkzeug.routing import Rule

from cds_service.audit.log import AuditLog
from cds_service.reviewer.pages import MAY_SEE
from cds_service.reviewer.roles import ROLES, Role
from tests.cds_service.reviewer.signing_in import CSRF, SignIn

pytest_plugins = [
    "tests.cds_service.audit_fixtures",
    "tests.cds_service.reviewer.review_fixtures",
]
pytestmark = pytest.mark.parametrize("database_server", ["sqlite"], indirect=True)

# They show nothing of the audit log, and ask for no session, or look after their own
OPEN = {
    "review.static",
    "review.nothing_here",
    "review.login",
    "review.log_in",
    "review.enrol",
    "review.finish_enrolment",
    "review.sign_in_elsewhere",
    "review.come_back",
}
DUMMIES = {
    "IntegerConverter": 1,
    "FloatConverter": 1.0,
    "UUIDConverter": UUID(int=0),
}  # in addresses; "dummy" for any other


def pages(app: Flask) -> Iterator[tuple[Rule, str, str]]:
    """Every rule of a page with its method and an address that fits it."""
    urls = app.url_map.bind("localhost")
    for rule in app.url_map.iter_rules():
        if rule.endpoint in MAY_SEE:
            kinds = {name: type(kind).__name__ for name, kind in rule._converters.items()}
            dummies = {name: DUMMIES.get(kind, "dummy") for name, kind in kinds.items()}
            for method in (rule.methods or set()) & {"GET", "POST"}:
                yield rule, method, urls.build(rule.endpoint, dummies, method=method)


def test_every_address_is_a_page_with_roles_or_one_of_the_open_ones(review_app: Flask) -> None:
    ours = {rule.endpoint for rule in review_app.url_map.iter_rules() if rule.rule[:7] == "/review"}
    assert ours == MAY_SEE.keys() | OPEN
    assert not MAY_SEE.keys() & OPEN
    assert all(MAY_SEE.values())


@pytest.mark.parametrize("role", ROLES)
def test_a_page_is_refused_to_whom_it_is_not_for(
    review_app: Flask, signed_in: SignIn, audit_log: AuditLog, role: Role
) -> None:
    for rule, method, url in pages(review_app):
        may_see = role in MAY_SEE[rule.endpoint]
        before = audit_log.list_events(limit=1)
        status = signed_in(role).open(url, method=method, data={"csrf": CSRF}).status_code
        assert (status != 403) == may_see, f"{method} {url}: {status}"
        assert status < 500, f"{method} {url}"
        if not may_see:
            refused = audit_log.list_events(limit=1)
            assert (refused[0].kind, refused[0].outcome) == ("access", "denied")
            assert refused != before


def test_a_page_is_nothing_to_whoever_is_not_signed_in(review_app: Flask) -> None:
    client = review_app.test_client()
    for _, method, url in pages(review_app):
        answer = client.open(url, method=method, data={"csrf": CSRF})
        assert answer.status_code == 303, f"{method} {url}"
        assert answer.headers["Location"].startswith("/review/login?next=")


def test_no_change_is_made_without_the_word_of_the_session(
    review_app: Flask, signed_in: SignIn
) -> None:
    for rule, method, url in pages(review_app):
        for role in MAY_SEE[rule.endpoint]:
            if method == "POST":
                assert signed_in(role).post(url).status_code == 400, url
