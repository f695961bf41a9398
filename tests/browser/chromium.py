"""One headless Chromium, driven by Debian's chromedriver; nothing is downloaded."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

WIDTH, HEIGHT = 1280, 900
NAMES = ("chromium", "chromium-browser", "google-chrome")


@contextmanager
def chromium(profile: Path) -> Iterator[Chrome]:
    """Start it with an empty profile; the test is skipped where it is not installed."""
    program = next(filter(None, map(shutil.which, NAMES)), None)
    driver = shutil.which("chromedriver")
    if program is None or driver is None:
        pytest.skip("no Chromium: on Debian, apt-get install chromium chromium-driver")
    started = Chrome(_options(program, profile), Service(driver))
    try:
        started.set_page_load_timeout(60)
        yield started
    finally:
        started.quit()


def _options(program: str, profile: Path) -> ChromeOptions:
    options = ChromeOptions()
    options.binary_location = program
    for switch in (
        "headless=new",
        f"window-size={WIDTH},{HEIGHT}",
        f"user-data-dir={profile}",
        "force-color-profile=srgb",
        "hide-scrollbars",
        "disable-dev-shm-usage",  # which is small in containers
        "no-first-run",
    ):
        options.add_argument(f"--{switch}")
    if os.geteuid() == 0:
        options.add_argument("--no-sandbox")  # Chromium refuses it to root
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return options
