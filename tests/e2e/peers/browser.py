"""Debian's Chromium, driven as a person would: only what the pages show is used."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import urlsplit

from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException, WebDriverException
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

from .user import response_parameters

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--no-proxy-server",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WIDTHS = (360, 1280)
SCHEMES = ("light", "dark")


def is_gone(element: WebElement) -> bool:
    """Whether the page of an element has been left. In the middle of a navigation ChromeDriver may
    say so in words of the inspector's instead of its own."""
    try:
        element.is_enabled()
    except StaleElementReferenceException:
        return True
    except WebDriverException as error:
        if "does not belong to the document" in str(error):
            return True
        raise
    return False


class Browser:
    def __init__(
        self, profile: Path, output: Path, email: str, password: str, javascript: bool = True, network: bool = False
    ) -> None:
        options = Options()
        options.binary_location = "/usr/bin/chromium"
        for flag in [*FLAGS, f"--user-data-dir={profile}"]:
            options.add_argument(flag)
        logged = {"browser": "ALL"} | ({"performance": "ALL"} if network else {})
        options.set_capability("goog:loggingPrefs", logged)
        if not javascript:
            blocked = {"profile.managed_default_content_settings.javascript": 2}
            options.add_experimental_option("prefs", blocked)
        self.driver = webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver"))
        self.driver.set_page_load_timeout(20)
        self.output = output
        self.email, self.password = email, password
        self.pages: list[str] = []
        self.texts: dict[str, str] = {}
        self.screenshots = False

    def quit(self) -> None:
        self.driver.quit()

    def authorize(self, url: str, decision: str = "allow") -> dict[str, str]:
        """Signs in and decides as often as asked; returns the authorization response."""
        self._follow(url, decision)
        landed = self.driver.current_url
        assert urlsplit(landed).netloc != urlsplit(url).netloc, f"{landed} is no answer:\n{self.text()}"
        return response_parameters(landed)

    def answer(self, consent_url: str, decision: str = "allow") -> str:
        """Signs in and decides what an exchange was refused for; returns the text of the last page."""
        self._follow(consent_url, decision)
        if self.screenshots:
            self.photograph("answered")
        return self.text()

    def _follow(self, url: str, decision: str) -> None:
        """Goes on until another server is reached, or a page that asks nothing more."""
        server = urlsplit(url).netloc
        self.driver.get(url)
        for _ in range(6):
            if urlsplit(self.driver.current_url).netloc != server:
                return
            if self.first("#sign-in"):
                self._arrived("login")
                self.sign_in(self.email, self.password)
            elif self.first(f"#{decision}"):
                self._arrived("consent")
                self.press(f"#{decision}")
            else:
                return
        raise AssertionError(f"still at {self.driver.current_url}:\n{self.text()}")

    def sign_in(self, email: str, password: str) -> None:
        for name, value in (("email", email), ("password", password)):
            field = self.first(f"input[name={name}]")
            field.clear()
            field.send_keys(value)
        self.press("#sign-in")

    def press(self, button: str) -> None:
        """Clicks, and waits for the next page: a click returns before its navigation has begun."""
        page = self.first("html")
        self.first(button).click()
        self.wait_for_page_after(page)

    def wait_for_page_after(self, page: WebElement) -> None:
        patience = WebDriverWait(self.driver, 15, poll_frequency=0.05)
        patience.until(lambda _: is_gone(page))
        patience.until(lambda driver: driver.execute_script("return document.readyState") == "complete")

    def first(self, selector: str) -> WebElement | None:
        return next(iter(self.driver.find_elements(By.CSS_SELECTOR, selector)), None)

    def text(self) -> str:
        return self.first("body").text

    def console(self) -> list[str]:
        """What the page complained about since the last call: blocked resources, script errors."""
        return [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] == "SEVERE"]

    def requested(self) -> list[str]:
        """Documents that it set out to load since the last call, those of apps too; needs `network`."""
        entries = (json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance"))
        return [
            entry["params"]["documentURL"] for entry in entries if entry["method"] == "Network.requestWillBeSent"
        ]

    def resize(self, width: int, height: int = 800) -> None:
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def prefer(self, scheme: str) -> None:
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    def photograph(self, name: str) -> None:
        """Keeps a picture of the page for each width and colour scheme."""
        self.output.mkdir(parents=True, exist_ok=True)
        for width in WIDTHS:
            for scheme in SCHEMES:
                self.resize(width)
                self.prefer(scheme)
                self.driver.save_screenshot(str(self.output / f"{name}-{width}-{scheme}.png"))
        self.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})

    def _arrived(self, page: str) -> None:
        assert self.pages[-1:] != [page], f"{page} again: {self.text()}"
        self.pages.append(page)
        self.texts[page] = self.text()
        if self.screenshots:
            self.photograph(page)
