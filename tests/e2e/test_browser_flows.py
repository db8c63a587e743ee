"""What only a real browser shows: several tabs at once, and callbacks that lead on elsewhere."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from peers.browser import Browser
from peers.demo import READ, Demo
from peers.loopback import Loopback
from peers.oauth import OAuthClient
from peers.user import response_parameters
from selenium.webdriver.support.wait import WebDriverWait


def patience(browser: Browser) -> WebDriverWait:
    return WebDriverWait(browser.driver, 10, poll_frequency=0.05)


def arrive(browser: Browser, url: str) -> None:
    patience(browser).until(lambda driver: driver.current_url.startswith(url), f"not at {url}: {browser.text()}")


@pytest.fixture
def tabs(browser: Browser, client: OAuthClient, demo: Demo, loopback: Loopback) -> list[str]:
    """Three tabs on the login page, for three servers that one program connects to."""
    client.redirect_uri = loopback.redirect_uri
    client.register()
    handles = []
    for state in ("one", "two", "three"):
        browser.driver.switch_to.new_window("tab")
        browser.driver.get(client.authorization_url(resource=demo.resource, scope=READ, state=state))
        assert browser.first("#sign-in")
        handles.append(browser.driver.current_window_handle)
    return handles


def decide(browser: Browser, tab: str, decision: str, loopback: Loopback) -> dict[str, str]:
    browser.driver.switch_to.window(tab)
    browser.press(f"#{decision}")
    arrive(browser, loopback.redirect_uri)
    return response_parameters(browser.driver.current_url)


def test_a_sign_in_in_each_tab_serves_all(browser: Browser, tabs: list[str], demo: Demo, loopback: Loopback) -> None:
    for tab in tabs:
        browser.driver.switch_to.window(tab)
        browser.sign_in(demo.email, demo.password)
        assert browser.first("#allow"), browser.text()
    for tab, state in zip(tabs, ("one", "two", "three"), strict=True):
        answer = decide(browser, tab, "deny" if state == "two" else "allow", loopback)
        assert answer["state"] == state
        assert ("code" in answer) == (state != "two"), answer


def test_one_sign_in_is_enough_for_tabs_that_are_loaded_again(
    browser: Browser, tabs: list[str], demo: Demo, loopback: Loopback
) -> None:
    browser.sign_in(demo.email, demo.password)
    for tab in tabs[:2]:
        browser.driver.switch_to.window(tab)
        browser.driver.refresh()
        assert browser.first("#allow"), browser.text()
    for tab, state in zip(tabs, ("one", "two", "three"), strict=True):
        assert decide(browser, tab, "allow", loopback)["state"] == state


def test_signing_out_in_one_tab_asks_the_other_to_sign_in_and_goes_on(
    browser: Browser, tabs: list[str], demo: Demo, loopback: Loopback
) -> None:
    first, second, _ = tabs
    for tab in (first, second):
        browser.driver.switch_to.window(tab)
        browser.sign_in(demo.email, demo.password)
    browser.press("#sign-out")
    browser.driver.switch_to.window(first)
    browser.press("#allow")
    assert browser.first("#sign-in"), browser.text()
    browser.sign_in(demo.email, demo.password)
    assert decide(browser, first, "allow", loopback)["state"] == "one"


@pytest.mark.parametrize("javascript", [True, False], ids=["script", "no-script"])
@pytest.mark.parametrize("decision", ["allow", "deny"])
def test_callback_may_lead_on_to_another_origin(
    new_browser: Callable[..., Browser], client: OAuthClient, demo: Demo, decision: str, javascript: bool
) -> None:
    browser = new_browser(javascript=javascript)
    with Loopback() as vendor, Loopback(vendor.redirect_uri.replace("callback", "done")) as app:
        client.redirect_uri = app.redirect_uri
        client.register()
        browser.driver.get(client.authorization_url(resource=demo.resource, scope=READ))
        browser.sign_in(demo.email, demo.password)
        browser.press(f"#{decision}")
        arrive(browser, vendor.redirect_uri.replace("callback", "done"))
        assert len(app.callbacks) == 1
        assert ("code=" in app.callbacks[0]) == (decision == "allow")
        # What was agreed to is not asked again: the login form itself leads away.
        if decision == "allow":
            browser.driver.execute_cdp_cmd("Network.clearBrowserCookies", {})
            browser.driver.get(client.authorization_url(resource=demo.resource, scope=READ))
            browser.sign_in(demo.email, demo.password)
            arrive(browser, vendor.redirect_uri.replace("callback", "done"))
            assert len(app.callbacks) == 2
    assert browser.console() == []


@pytest.mark.parametrize("decision", ["allow", "deny"])
@pytest.mark.parametrize("direct", [True, False], ids=["to-the-app", "by-a-callback"])
def test_answer_may_end_in_an_app(
    new_browser: Callable[..., Browser], client: OAuthClient, demo: Demo, decision: str, direct: bool
) -> None:
    browser = new_browser(network=True)
    app_link = "claude://oauth/done"
    with Loopback(app_link) as callback:
        client.redirect_uri = app_link if direct else callback.redirect_uri
        client.register()
        browser.driver.get(client.authorization_url(resource=demo.resource, scope=READ))
        browser.sign_in(demo.email, demo.password)
        browser.first(f"#{decision}").click()
        visited: list[str] = []

        def tried(_: object) -> bool:
            visited.extend(browser.requested())
            return any(url.startswith(app_link) for url in visited)

        # Nothing on this machine opens links of that kind; Chromium sets out to.
        patience(browser).until(tried, f"the app was not called: {visited}")
        assert len(callback.callbacks) == (0 if direct else 1)
        assert browser.console() == []
