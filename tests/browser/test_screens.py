"""Every screen: read, reached by keyboard, printed, and nothing that the browser complains of.

A screen is a line of SCREENS. What is particular to one has a test of its own below.
"""

from dataclasses import dataclass

import pytest

from cds_service.reviewer.pages import MAY_SEE
from cds_service.reviewer.roles import Role
from tests.browser.browser import Browser
from tests.browser.service import PASSWORD, Service


@dataclass(frozen=True, slots=True)
class Screen:
    """One page, and somebody who may see it."""

    endpoint: str  # without "review."; its picture has this name as well
    path: str  # below /review; {decision} is the id of one
    role: Role


SCREENS = (
    Screen("search", "events", "reviewer"),
    Screen("decision", "events/{decision}", "reviewer"),
    Screen("overrides", "overrides", "reviewer"),
    Screen("drift", "drift", "operator"),
    Screen("integrity", "integrity", "compliance"),
    Screen("access_log", "access", "compliance"),
    Screen("changes", "changes", "administrator"),
    Screen("exports", "exports", "compliance"),
    Screen("administration", "administration", "operator"),
    Screen("accounts", "accounts", "administrator"),
    Screen("own_account", "account", "reviewer"),
    Screen("model_card", "model-card", "reviewer"),
)


@pytest.fixture(params=SCREENS, ids=lambda screen: screen.endpoint)
def screen(request: pytest.FixtureRequest, browser: Browser, service: Service) -> Screen:
    """One of the screens, open in the browser."""
    found: Screen = request.param
    if f"review.{found.endpoint}" not in MAY_SEE:
        pytest.skip("there is no such page yet")
    service.sign_in(browser, found.role)
    browser.open(f"/review/{found.path.format(decision=service.decision)}")
    return found


def examine(browser: Browser, picture: str) -> None:
    """What holds on every page that is open."""
    assert browser.complaints() == []
    assert browser.faint() == []
    assert browser.stops() == browser.wanted_stops()
    assert browser.heading in browser.printed().pages[0].extract_text()
    browser.picture(picture)


def test_a_screen_is_read_used_by_keyboard_and_printed(screen: Screen, browser: Browser) -> None:
    assert browser.path.startswith(f"/review/{screen.path.partition('{')[0]}")
    examine(browser, screen.endpoint.replace("_", "-"))


def test_the_page_for_signing_in_is_read_used_by_keyboard_and_printed(browser: Browser) -> None:
    browser.open("/review/login")
    examine(browser, "sign-in")


def test_a_first_sign_in_asks_for_a_password_and_a_second_factor(
    browser: Browser, service: Service
) -> None:
    account = service.first_sign_in(browser, "florence", "reviewer")
    assert "florence (reviewer)" in browser.find("header").text
    browser.send("header button")
    browser.fill(name=account.name, password=PASSWORD, code=account.next_code())
    browser.send("main button")
    assert "florence (reviewer)" in browser.find("header").text
    assert browser.complaints() == []
