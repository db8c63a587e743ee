"""The login and consent pages as people meet them: on a phone, by keyboard, in the dark."""

from __future__ import annotations

import httpx
import pytest
from peers.browser import Browser
from peers.demo import READ, WRITE, Demo
from peers.loopback import Loopback
from peers.oauth import OAuthClient
from peers.pages import inspect
from peers.user import response_parameters
from selenium.webdriver.common.keys import Keys


@pytest.fixture
def authorization_url(client: OAuthClient, demo: Demo) -> str:
    client.register(client_name="<b>Notes & more</b>")
    return client.authorization_url(resource=demo.resource, scope=f"{READ} {WRITE}")


def test_pages_suit_phone_keyboard_and_colour_scheme(browser: Browser, authorization_url: str, demo: Demo) -> None:
    browser.driver.get(authorization_url)
    inspect(browser)
    browser.photograph("login")
    login = browser.first("html")
    browser.first("input[name=email]").send_keys(demo.email)
    browser.first("input[name=password]").send_keys(demo.password, Keys.ENTER)
    browser.wait_for_page_after(login)

    assert "<b>Notes & more</b>" in browser.text(), "the client's name is shown as text"
    inspect(browser)
    browser.photograph("consent")
    allow, deny = browser.first("#allow"), browser.first("#deny")
    assert (allow.get_attribute("name"), allow.get_attribute("value")) == ("decision", "allow")
    assert (deny.get_attribute("name"), deny.get_attribute("value")) == ("decision", "deny")
    assert allow.size["height"] == deny.size["height"]


def test_wrong_password_and_unknown_user_look_the_same(browser: Browser, authorization_url: str, demo: Demo) -> None:
    shown = []
    for email in (demo.email, "nobody@example.com"):
        browser.driver.get(authorization_url)
        browser.sign_in(email, "not the password")
        alert = browser.first("[role=alert]")
        assert alert and alert.text, "the refusal is announced"
        assert browser.first("input[name=email]").get_attribute("value") in ("", email)
        shown.append(alert.text)
    assert shown[0] == shown[1]
    browser.photograph("login-refused")


def test_error_page_is_for_people(browser: Browser, client: OAuthClient, demo: Demo) -> None:
    client.register()
    browser.driver.get(client.authorization_url(redirect_uri="https://evil.example/callback", scope=READ))
    assert browser.first("#sign-in") is None
    assert len(browser.text()) > 40
    browser.photograph("error")


def test_a_stranger_is_asked_before_an_error_takes_them_to_an_app(
    browser: Browser, client: OAuthClient, demo: Demo, loopback: Loopback
) -> None:
    client.redirect_uri = loopback.redirect_uri
    client.register(client_name="<b>Notes & more</b>")
    browser.driver.get(client.authorization_url(resource=demo.resource, scope=READ, response_type="token"))
    inspect(browser, status=400)
    text = browser.text()
    assert "<b>Notes & more</b>" in text and "unsupported_response_type" in text and "127.0.0.1" in text
    assert loopback.callbacks == []
    browser.photograph("stopped")
    browser.press("#go-on")
    answer = response_parameters(browser.driver.current_url)
    assert answer["error"] == "unsupported_response_type"
    assert answer["state"] == client.state
    assert len(loopback.callbacks) == 1


def test_pages_carry_a_strict_policy(authorization_url: str) -> None:
    page = httpx.get(authorization_url, follow_redirects=True)
    assert page.status_code == 200
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe-inline" not in policy
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert "no-store" in page.headers["Cache-Control"]
