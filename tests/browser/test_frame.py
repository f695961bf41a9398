"""What the tests of screens rest on does find what is wrong, and the pages that need no account."""

from dataclasses import replace
from pathlib import Path

from PIL import Image

from tests.browser.browser import Browser

WITH_A_FAULT = "document.querySelector('main').insertAdjacentHTML('beforeend', arguments[0])"


def test_whoever_is_not_signed_in_is_asked_to(browser: Browser) -> None:
    browser.open("/review/")
    assert browser.path.startswith("/review/login?next=")


def test_an_address_that_is_none_is_told_so_that_one_can_read_it(browser: Browser) -> None:
    browser.open("/review/none")
    assert browser.heading == "Not found"
    assert [one for one in browser.complaints() if "404" not in one] == []
    assert browser.faint() == []


def test_tab_comes_to_everything_on_the_first_page_of_the_service(browser: Browser) -> None:
    browser.open("/")
    assert browser.stops() == browser.wanted_stops() != []


def test_a_link_is_followed_by_keyboard_alone(browser: Browser) -> None:
    browser.open("/")
    browser.go_by_keyboard("/cds-services")
    assert browser.path == "/cds-services"


def test_a_style_that_the_policy_refuses_is_a_complaint(browser: Browser) -> None:
    browser.open("/review/none")
    browser.driver.execute_script(WITH_A_FAULT, "<p style='color: red'>red</p>")
    assert any("Content Security Policy" in one for one in browser.complaints())


def test_text_that_is_hard_to_read_is_found(browser: Browser) -> None:
    browser.open("/")
    browser.driver.execute_script("document.querySelector('h1').style.color = '#aaa'")
    (found,) = browser.faint()
    assert found.startswith("h1 ")
    assert found.endswith(": 2.32, wanted 3")


def test_what_tab_cannot_reach_is_found(browser: Browser) -> None:
    browser.open("/")
    browser.driver.execute_script("document.body.append(document.createElement('details'))")
    script = "const a = document.querySelector('a'); a.addEventListener('focus', () => a.blur())"
    browser.driver.execute_script(script)
    assert browser.stops() != browser.wanted_stops()


def test_a_page_is_printed(browser: Browser) -> None:
    browser.open("/review/none")
    (page,) = browser.printed().pages
    assert "no such page" in page.extract_text()


def test_a_picture_is_kept_where_a_folder_is_named(browser: Browser, tmp_path: Path) -> None:
    browser.open("/")
    replace(browser, pictures=tmp_path).picture("first-page")
    with Image.open(tmp_path / "first-page.png") as picture:
        assert picture.width == 1280
