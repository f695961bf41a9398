"""A card's evidence in the app: by clicks from an EHR to the page, and what wrong ways in show.

What a wrong answer, code, verifier or identity gets is tested without a browser, in smart/.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import requests
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import Select
from selenium.webdriver.support.wait import WebDriverWait

from cds_service.sandbox.app import SandboxDesk
from cds_service.sandbox.smart.sessions import Launch
from cds_service.sandbox.smart.token import challenge_of
from tests.browser.browser import WAIT_S, Browser
from tests.browser.chromium import HEIGHT, WIDTH
from tests.browser.conftest import pictures_folder
from tests.browser.launching import KINDS, Launchers, started_launchers

PATIENT, ORDERED, FACT = "David Ellis", "Sertraline", "COPD"
AGAIN = "Open the evidence from the card again"
IN_THE_PAGE = "return document.documentElement.scrollWidth"


@dataclass(frozen=True, slots=True)
class Place:
    """The browser before the app, and an EHR that has it registered."""

    driver: Chrome
    launchers: Launchers
    ehr: SandboxDesk

    @property
    def app(self) -> Browser:
        return Browser(self.driver, self.launchers.service.url, pictures_folder())

    def wait_for(self, selector: str) -> WebElement:
        found = (By.CSS_SELECTOR, selector)
        return WebDriverWait(self.driver, WAIT_S).until(lambda driver: driver.find_element(*found))

    def click_to_window(self, selector: str) -> None:
        """Click on what opens a window, and go there."""
        known = set(self.driver.window_handles)
        self.wait_for(selector).click()
        WebDriverWait(self.driver, WAIT_S).until(lambda driver: set(driver.window_handles) - known)
        self.driver.switch_to.window((set(self.driver.window_handles) - known).pop())

    def follow_card(self) -> Browser:
        """Order what the chart does not support, and click on the evidence of the card."""
        store = self.ehr.store
        for one in [one for one in store.all_of("MedicationRequest") if one["status"] == "draft"]:
            store.delete("MedicationRequest", one["id"])  # of an earlier test
        self.driver.get(self.ehr.base_url)
        self.wait_for(f"button[aria-label='Open the chart of {PATIENT}']").click()
        self.wait_for(".trials button").click()
        self.click_to_window(".card a[href*='/links/']")
        self.wait_for("#sources")
        return self.app

    def launch(self, app_context: str, patient: str = PATIENT) -> Browser:
        """Have the EHR open the app in the chart of a patient."""
        charts = {one.name: one.patient_id for one in self.ehr.patients}
        who, user = charts[patient], self.ehr.users[0].user_id
        told = Launch(patient=who, user=user, app_context=app_context)
        self.driver.get(self.ehr.smart.launch_url(f"{self.app.url}/smart/launch", told))
        return self.app


@pytest.fixture(scope="module")
def launchers(tmp_path_factory: pytest.TempPathFactory, driver: Chrome) -> Iterator[Launchers]:
    """Not started where there is no browser."""
    del driver
    with started_launchers(tmp_path_factory.mktemp("launchers")) as running:
        yield running


@pytest.fixture(scope="module")
def decision(driver: Chrome, launchers: Launchers) -> str:
    """The id of a decision about the patient, with a card."""
    first = driver.current_window_handle
    Place(driver, launchers, launchers.ehrs["public"]).follow_card()
    driver.close()
    driver.switch_to.window(first)
    return str(launchers.newest("decision")["event_id"])


@pytest.fixture(params=["public"])
def place(request: pytest.FixtureRequest, driver: Chrome, launchers: Launchers) -> Iterator[Place]:
    """The browser without cookies; its other windows are closed at the end."""
    driver.execute_cdp_cmd("Network.clearBrowserCookies", {})
    first = driver.current_window_handle
    yield Place(driver, launchers, launchers.ehrs[request.param])
    for other in set(driver.window_handles) - {first}:
        driver.switch_to.window(other)
        driver.close()
    driver.switch_to.window(first)
    driver.set_window_size(WIDTH, HEIGHT)


@pytest.mark.parametrize("place", KINDS, indirect=True)
def test_a_card_leads_to_its_evidence_with_facts_of_the_chart_as_it_is(place: Place) -> None:
    app = place.follow_card()
    assert app.heading == "Evidence for this advice"
    assert PATIENT in app.find(".patient").text
    assert FACT in app.find("#facts ~ .wide").text
    assert "code=" not in app.path
    assert (app.complaints(), app.faint()) == ([], [])
    assert app.stops() == app.wanted_stops()
    look = place.launchers.newest("access")
    assert (look["outcome"], look["user"]) == ("seen", place.ehr.users[0].user_id)


def test_a_fact_is_left_out_and_the_model_asked_again(place: Place, decision: str) -> None:
    app = place.launch(decision)
    app.find("[name=kept]").click()
    app.send("form .primary")
    weighed = app.find("#what-if ~ [role=status] tbody tr")
    assert weighed.text.startswith(ORDERED)
    assert float(weighed.find_element(By.CSS_SELECTOR, "td:nth-child(5)").text) != 0
    assert place.launchers.newest("access")["filters"] == {"left_out": 1}
    app.picture("evidence")
    place.click_to_window("a[href='/model-card.html']")
    assert place.wait_for("h1").text == "Model card"


@pytest.mark.parametrize("size", [(768, 1024), (1024, 768)], ids=["upright", "across"])
def test_a_tablet_shows_the_page_without_scrolling_it_sideways(
    place: Place, decision: str, size: tuple[int, int]
) -> None:
    place.driver.set_window_size(*size)
    app = place.launch(decision)
    app.send("form .primary")
    assert place.driver.execute_script(IN_THE_PAGE) <= size[0]
    assert app.faint() == []


def test_a_look_that_its_person_ended_does_not_come_back(place: Place, decision: str) -> None:
    app = place.launch(decision)
    app.send("form[action$='/end'] button")
    assert app.heading == "Your look has ended"
    place.driver.back()
    assert AGAIN in place.wait_for("main .note").text
    assert PATIENT not in place.driver.page_source


@pytest.mark.parametrize(
    ("path", "told", "why"),
    [
        ("/smart/launch?iss=https://x.org/fhir&launch=x", "not registered", "iss is of no client"),
        ("/smart/launch?iss={base}", AGAIN, "launch is missing"),
        ("/smart/launch?iss={base}&launch=old", AGAIN, "the EHR answered invalid_request"),
        (f"/smart/callback?code=c&state={'x' * 43}", AGAIN, "no sign-in was begun"),
        (f"/smart/evidence/{'x' * 16}", AGAIN, "Your look at this advice has ended"),
    ],
    ids=["another EHR", "no launch", "a launch that is over", "another state", "no session"],
)
def test_a_wrong_way_in_says_what_to_do(place: Place, path: str, told: str, why: str) -> None:
    app, log = place.app, place.launchers.service.log
    read_until = log.stat().st_size
    app.open(path.format(base=place.ehr.fhir_base))
    assert (app.heading, app.faint()) == ("Nothing to show", [])
    assert told in app.find("main .note").text
    assert why in log.read_text()[read_until:]


def test_a_decision_about_another_patient_is_refused_and_recorded(
    place: Place, decision: str
) -> None:
    app = place.launch(decision, "Adam Birch")
    assert "not given for the patient whose chart is open" in app.find("main .note").text
    assert PATIENT not in place.driver.page_source
    look = place.launchers.newest("access")
    assert (look["outcome"], look["looked_at"]) == ("denied", decision)


def test_an_app_of_others_is_allowed_for_a_patient_that_a_person_chooses(place: Place) -> None:
    verifier, back_at = "v" * 43, f"{place.launchers.service.url}/cds-services"
    asked = {"response_type": "code", "client_id": "other-app", "redirect_uri": back_at,
             "scope": "launch/patient patient/*.rs", "state": "s", "aud": place.ehr.fhir_base,
             "code_challenge": challenge_of(verifier), "code_challenge_method": "S256"}  # fmt: skip
    ehr = Browser(place.driver, place.ehr.base_url, pictures_folder())
    ehr.open(f"/auth/authorize?{urlencode(asked)}")
    assert (ehr.heading, ehr.complaints(), ehr.faint()) == ("other-app asks for access", [], [])
    assert ehr.stops() == ehr.wanted_stops()
    Select(ehr.find("#patient")).select_by_index(3)
    ehr.send("button[value=allow]")
    code = parse_qs(urlsplit(place.driver.current_url).query)["code"]
    form = {"grant_type": "authorization_code", "code": code, "client_id": "other-app",
            "redirect_uri": back_at, "code_verifier": verifier}  # fmt: skip
    told = requests.post(f"{place.ehr.base_url}/auth/token", data=form, timeout=30).json()
    assert told["patient"] == place.ehr.patients[3].patient_id


def test_the_app_without_a_card_says_where_to_open_it(place: Place) -> None:
    app = place.launch("<script>alert(1)</script>")
    assert "Open it from the link on a card" in app.find("main .note").text
