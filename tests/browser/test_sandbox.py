"""The tour of the sandbox by clicks: open a chart, choose, sign, take and override cards, leave."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

from tests.browser.browser import WAIT_S, Browser
from tests.browser.chromium import HEIGHT, WIDTH
from tests.browser.conftest import pictures_folder
from tests.browser.sandbox import started_sandbox

TABLET = (820, 1180)
IS_SAID_IN_SIGHT = "return document.querySelector('#said').getBoundingClientRect().top >= 0"


@dataclass(frozen=True, slots=True)
class Ehr:
    """The browser in front of the sandbox."""

    browser: Browser

    def open(self, patient: str) -> None:
        """Go to the list and open a chart of it."""
        self.browser.open("/")
        self.click(f"button[aria-label='Open the chart of {patient}']")
        assert self.browser.heading == patient

    def click(self, selector: str) -> None:
        """Click on what changes the page, and wait until it has."""
        self.follow(self.browser.find(selector))

    def press(self, words: str) -> None:
        """Click on the button with these words."""
        self.follow(self.browser.driver.find_element(By.XPATH, f"//button[contains(., '{words}')]"))

    def follow(self, element: WebElement) -> None:
        present = self.browser.find("#work")
        element.click()
        self.browser.wait_until_gone(present)

    @property
    def said(self) -> str:
        """What the page says that the last click did."""
        return self.browser.find("#said").text

    @property
    def cards(self) -> list[str]:
        """The cards, as they are read."""
        return [one.text for one in self.browser.driver.find_elements(By.CSS_SELECTOR, ".card")]


@pytest.fixture(scope="module")
def sandbox_url(tmp_path_factory: pytest.TempPathFactory, driver: Chrome) -> Iterator[str]:
    """The sandbox; not started where there is no browser."""
    del driver
    with started_sandbox(tmp_path_factory.mktemp("sandbox")) as url:
        yield url


@pytest.fixture
def ehr(driver: Chrome, sandbox_url: str) -> Iterator[Ehr]:
    """The browser at its usual size, which has nothing to complain of at the end."""
    browser = Browser(driver, sandbox_url, pictures_folder())
    yield Ehr(browser)
    driver.set_window_size(WIDTH, HEIGHT)
    assert browser.complaints() == []


def test_the_list_of_patients_is_read_and_used_by_keyboard(ehr: Ehr) -> None:
    ehr.browser.open("/")
    assert len(ehr.browser.driver.find_elements(By.CSS_SELECTOR, "tbody tr form")) == 12
    assert ehr.browser.faint() == []
    assert ehr.browser.stops() == ehr.browser.wanted_stops()
    ehr.browser.picture("sandbox-patients")


def test_a_draft_against_an_allergy_is_warned_of_and_taken_back(ehr: Ehr) -> None:
    ehr.open("Adam Birch")
    assert "Chart opened" in ehr.said
    ehr.press("Amoxicillin")
    assert "allergy to Penicillin" in ehr.cards[0]
    ehr.click("#sign")
    assert "Before signing" in ehr.said
    ehr.browser.driver.refresh()  # Tab begins at the top again, and nothing is fired twice
    assert ehr.browser.faint() == []
    assert ehr.browser.stops() == ehr.browser.wanted_stops()
    ehr.browser.picture("sandbox")
    ehr.press("Remove the draft of Amoxicillin")
    assert "The feedback was recorded" in ehr.said
    assert "Accepted" in ehr.cards[0]
    assert "No drafts" in ehr.browser.find("#orders").text
    ehr.browser.picture("sandbox-accepted")


def test_a_medication_is_searched_while_typing_given_a_dose_signed_and_stopped(ehr: Ehr) -> None:
    ehr.open("Noah Olsen")
    ehr.browser.fill(q="tylen")
    found = (By.CSS_SELECTOR, "#found [name=dose]")
    WebDriverWait(ehr.browser.driver, WAIT_S).until(lambda driver: driver.find_elements(*found))
    ehr.browser.fill(dose="500 mg as needed")
    ehr.press("Choose")
    assert "Draft order of Acetaminophen written" in ehr.said
    ehr.click("#sign")
    if "signed" not in ehr.said:
        ehr.click("#sign-now")
    assert "1 order is signed and active" in ehr.said
    assert "500 mg as needed" in ehr.browser.find("#orders").text
    ehr.click("button[aria-label='Stop Acetaminophen']")
    assert "Order stopped" in ehr.said


def test_a_card_is_overridden_with_a_reason(ehr: Ehr) -> None:
    ehr.open("Henry Irwin")
    ehr.press("Metformin")
    ehr.press("Lisinopril")
    ehr.click("#sign")
    assert len(ehr.cards) >= 2
    ehr.browser.find(".override summary").click()
    ehr.browser.find(".override option:nth-child(2)").click()
    ehr.browser.fill(comment="Dose is adjusted")
    ehr.browser.picture("sandbox-override")
    ehr.click(".override button")
    assert "Overridden" in ehr.cards[0]
    assert "Dose is adjusted" in ehr.cards[0]


def test_the_service_reads_the_chart_itself_where_no_prefetch_is_sent(ehr: Ehr) -> None:
    ehr.open("Irene Jacobs")
    ehr.browser.find("#prefetch option[value=no]").click()
    ehr.browser.send(".switch button")
    assert ehr.browser.heading == "Irene Jacobs"
    ehr.click(".trials button")
    assert any("Pregnancy" in card for card in ehr.cards)
    sent = ehr.browser.find("#cards .panel pre").get_attribute("textContent") or ""
    assert "fhirAuthorization" in sent
    assert '"prefetch"' not in sent
    ehr.browser.find("#prefetch option[value=yes]").click()
    ehr.browser.send(".switch button")


def test_a_discharge_is_checked_and_what_is_behind_the_call_is_shown(ehr: Ehr) -> None:
    ehr.open("Fiona Gray")
    ehr.click("#discharge")
    assert "encounter-discharge" in ehr.browser.find(".went").text
    audit = ehr.browser.find("#cards a[href*='/review/events/']")
    assert len(audit.text.split()[0]) == 36
    for summary in ehr.browser.driver.find_elements(By.CSS_SELECTOR, ".panel:not([open]) summary"):
        summary.click()
    shown = ehr.browser.find("#cards").text
    for part in ("Server-Timing", "Lamo-Audit-Receipt", '"alg": "ES384"', '"hookInstance"'):
        assert part in shown
    assert ehr.browser.faint() == []


def test_a_tablet_shows_one_column(ehr: Ehr) -> None:
    ehr.browser.driver.set_window_size(*TABLET)
    ehr.open("Brian Cole")
    ehr.press("Selegiline")  # below the first screen
    assert ehr.browser.find(".trials").rect["y"] > ehr.browser.driver.execute_script(
        "return scrollY"
    )
    assert ehr.browser.driver.execute_script(IS_SAID_IN_SIGHT)
    columns = [ehr.browser.find(f"#{name}").rect["x"] for name in ("chart", "orders", "cards")]
    assert len(set(columns)) == 1
    wide = ehr.browser.driver.execute_script("return document.documentElement.scrollWidth")
    assert wide <= TABLET[0]
    assert ehr.browser.faint() == []


def test_the_pages_work_without_scripts(ehr: Ehr) -> None:
    ehr.browser.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        plain = ehr.browser
        plain.open("/")
        plain.send("button[aria-label='Open the chart of Clara Dunn']")
        assert plain.heading == "Clara Dunn"
        plain.send(".trials button")
        assert "written" in plain.find("#said").text
    finally:
        ehr.browser.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
