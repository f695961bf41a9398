"""The browser, and a service with a few real decisions in its log."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome

from tests.browser.browser import Browser
from tests.browser.chromium import chromium
from tests.browser.service import Service, started_service

SCREENSHOTS = "LAMO_TEST_SCREENSHOTS"  # the folder for pictures; none are taken without it


@pytest.fixture(scope="session")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    """One Chromium for all tests."""
    with chromium(tmp_path_factory.mktemp("profile")) as started:
        yield started


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory, driver: Chrome) -> Iterator[Service]:
    """`lamo-cds serve` with decisions and feedback; not started where there is no browser."""
    del driver
    with started_service(tmp_path_factory.mktemp("var")) as running:
        yield running


@pytest.fixture
def browser(driver: Chrome, service: Service) -> Browser:
    """The browser without cookies, at an empty page."""
    driver.get("about:blank")
    driver.execute_cdp_cmd("Network.clearBrowserCookies", {})
    return Browser(driver, service.url, pictures_folder())


def pictures_folder() -> Path | None:
    """The folder for pictures, where one is named."""
    named = os.environ.get(SCREENSHOTS)
    return Path(named) if named else None
