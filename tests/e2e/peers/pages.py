"""What holds for every page: labels, one heading, no sideways scrolling, two colour schemes, quiet."""

from __future__ import annotations

from selenium.webdriver.common.by import By

from .browser import Browser

UNLABELLED = """
return [...document.querySelectorAll('input:not([type=hidden]), button, select, textarea')]
  .filter(field => !(field.labels?.length || field.textContent.trim() || field.getAttribute('aria-label')))
  .map(field => field.outerHTML)
"""
FOREIGN = """
return performance.getEntriesByType('resource').map(entry => entry.name)
  .filter(name => new URL(name).origin !== location.origin)
"""
OVERFLOW = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"

WIDE = """
return [...document.querySelectorAll('body *')]
  .filter(own => own.getBoundingClientRect().right > document.documentElement.clientWidth)
  .map(own => own.outerHTML.slice(0, 120))
"""


def inspect(browser: Browser, status: int = 200) -> None:
    """Chromium's console says so itself when a page has the status of an error."""
    driver = browser.driver
    assert driver.execute_script(UNLABELLED) == []
    assert driver.execute_script(FOREIGN) == []
    assert driver.find_element(By.TAG_NAME, "html").get_attribute("lang")
    assert len(driver.find_elements(By.TAG_NAME, "h1")) == 1
    assert driver.title
    for width in (320, 360, 1280):
        browser.resize(width)
        wide = driver.execute_script(OVERFLOW) > 0 and driver.execute_script(WIDE)
        assert not wide, f"scrolls sideways at {width} px: {wide}"
    backgrounds = set()
    for scheme in ("light", "dark"):
        browser.prefer(scheme)
        body = "return getComputedStyle(document.body).backgroundColor"
        root = "return getComputedStyle(document.documentElement).backgroundColor"
        backgrounds.add((driver.execute_script(body), driver.execute_script(root)))
    assert len(backgrounds) == 2, "dark looks like light"
    assert [line for line in browser.console() if f"a status of {status} " not in line] == []
