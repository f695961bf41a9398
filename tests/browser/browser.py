"""A page as a person meets it: by keyboard, by eye, on paper; and what the browser thinks of it."""

import base64
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image
from pypdf import PdfReader
from selenium.common.exceptions import WebDriverException
from selenium.webdriver import ActionChains, Chrome, Keys
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.expected_conditions import staleness_of
from selenium.webdriver.support.wait import WebDriverWait

from tests.browser.chromium import WIDTH

HERE = Path(__file__).parent
CONTRAST, STOPS = ((HERE / name).read_text() for name in ("contrast.js", "stops.js"))
MOST_STOPS = 400
WAIT_S = 60  # for the next page, on a busy machine
MOST_PICTURE_BYTES, MOST_PICTURE_HEIGHT = 200_000, 1800


@dataclass(frozen=True, slots=True)
class Browser:
    """The browser in front of one service."""

    driver: Chrome
    url: str  # of the service, without a slash at its end
    pictures: Path | None = None  # the folder that pictures go to, where they are wanted

    def open(self, path: str) -> None:
        """Go to an address of the service, and forget what the console said before."""
        self.driver.get_log("browser")  # type: ignore[no-untyped-call]
        self.driver.get(f"{self.url}{path}")

    @property
    def path(self) -> str:
        """Where the browser is."""
        return self.driver.current_url.removeprefix(self.url)

    @property
    def heading(self) -> str:
        """The first heading."""
        return self.find("h1").text

    def find(self, selector: str) -> WebElement:
        """The first element of a CSS selector."""
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def fill(self, **fields: str) -> None:
        """Type into inputs by their names, each emptied before."""
        for name, text in fields.items():
            element = self.find(f"[name={name}]")
            element.clear()
            element.send_keys(text)

    def send(self, selector: str) -> None:
        """Click on what sends a form or leads elsewhere, and wait for the next page."""
        with self._next_page():
            self.find(selector).click()

    def press(self, *keys: str) -> None:
        """Press keys, wherever the focus is."""
        ActionChains(self.driver).send_keys(*keys).perform()

    def stops(self) -> list[str]:
        """Where Tab stops, from the top of the page to its end, as a person is told."""
        self.driver.execute_script("document.activeElement.blur(); scrollTo(0, 0)")
        found: list[str] = []
        for _ in range(MOST_STOPS):
            self.press(Keys.TAB)
            focused = self.driver.execute_script(STOPS, "focused")
            if focused is None or (found and focused == found[0] and len(found) > 1):
                break
            if found[-1:] != [focused]:  # a field for a date has several stops
                found.append(focused)
        return found

    def wanted_stops(self) -> list[str]:
        """Where Tab ought to stop: at everything that can be used, in the order of the page."""
        listed: list[str] = self.driver.execute_script(STOPS)
        return [one for at, one in enumerate(listed) if listed[at - 1 : at] != [one]]

    def go_by_keyboard(self, told: str) -> None:
        """Tab to what is told by this text, press Enter there, and wait for the next page."""
        for _ in range(MOST_STOPS):
            self.press(Keys.TAB)
            if told in (self.driver.execute_script(STOPS, "focused") or ""):
                with self._next_page():
                    self.press(Keys.ENTER)
                return
        raise AssertionError(f"Tab never came to '{told}', only to {self.wanted_stops()}")

    @contextmanager
    def _next_page(self) -> Iterator[None]:
        present = self.find("html")
        yield
        self.wait_until_gone(present)

    def wait_until_gone(self, element: WebElement) -> None:
        """Wait until another page, or another part of it, stands in the place of this element."""
        # while one document takes the place of another, asking for either may fail in any way
        wait = WebDriverWait(self.driver, WAIT_S, ignored_exceptions=[WebDriverException])
        wait.until(staleness_of(element))
        wait.until(lambda driver: driver.execute_script("return document.readyState") == "complete")

    def complaints(self) -> list[str]:
        """What the console holds since the page was opened: errors, and what the CSP refused."""
        entries: Sequence[dict[str, Any]] = self.driver.get_log("browser")  # type: ignore[no-untyped-call]
        return [str(one["message"]) for one in entries if one["level"] in ("SEVERE", "WARNING")]

    def faint(self) -> list[str]:
        """Text that is hard to read: its contrast is under that of WCAG AA."""
        found: list[str] = self.driver.execute_script(CONTRAST)
        return found

    def printed(self) -> PdfReader:
        """The page on paper."""
        answer = self.driver.execute_cdp_cmd("Page.printToPDF", {"preferCSSPageSize": True})
        return PdfReader(io.BytesIO(base64.b64decode(answer["data"])))

    def picture(self, name: str) -> None:
        """Keep a picture of the page for the documents, where a folder for that is named."""
        if self.pictures is None:
            return
        self.driver.execute_script("scrollTo(0, 0)")  # what stays in sight is at its place there
        high = self.driver.execute_script("return document.documentElement.scrollHeight")
        clip = {"x": 0, "y": 0, "width": WIDTH, "height": min(high, MOST_PICTURE_HEIGHT)}
        wanted = {"captureBeyondViewport": True, "clip": {**clip, "scale": 1}}
        answer = self.driver.execute_cdp_cmd("Page.captureScreenshot", wanted)
        file = self.pictures / f"{name}.png"
        with Image.open(io.BytesIO(base64.b64decode(answer["data"]))) as whole:
            whole.convert("RGB").quantize(64).save(file, optimize=True)
        size = file.stat().st_size
        assert size <= MOST_PICTURE_BYTES, f"{file.name} has {size} bytes: show less of the page"
