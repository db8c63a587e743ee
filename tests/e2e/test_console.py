"""The operator's console in Chromium: every page, for everybody, with names that mean harm."""

from __future__ import annotations

import json
from collections.abc import Callable
from urllib.parse import quote

import httpx
import pytest
from peers.authserver import ADMIN_KEY, REPOSITORY, AuthServer
from peers.browser import SCHEMES, WIDTHS, Browser
from peers.demo import READ, WRITE, Demo, add_resource
from peers.machine import MachineClient
from peers.pages import inspect
from peers.process import wait_until
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

AXE = (REPOSITORY / "tests/e2e/node/node_modules/axe-core/axe.min.js").read_text()
HARM = "<script>document.title='owned'</script><img src=x onerror=alert(1)>\"'"


class Console:
    def __init__(self, browser: Browser, server: AuthServer) -> None:
        self.browser, self.server = browser, server

    def open(self, path: str) -> None:
        self.browser.driver.get(f"{self.server.admin_url}/admin/ui/{path}")

    def sign_in(self) -> None:
        self.open("")
        self.browser.first("#key").send_keys(ADMIN_KEY)
        self.browser.press("button[type=submit]")

    def press(self, label: str) -> None:
        """A link or button by what it says."""
        buttons = self.browser.driver.find_elements(By.CSS_SELECTOR, "main a, main button")
        button = next(own for own in buttons if own.text.strip() == label)
        page = self.browser.first("html")
        button.click()
        self.browser.wait_for_page_after(page)

    def fill(self, **fields: str) -> None:
        for name, value in fields.items():
            field = self.browser.first(f"main [name={name}]")
            field.clear()
            field.send_keys(value)

    @property
    def path(self) -> str:
        return self.browser.driver.current_url.removeprefix(f"{self.server.admin_url}/admin/ui/")

    def note(self) -> str:
        return self.browser.first(".note").text


@pytest.fixture
def console(browser: Browser, authserver: AuthServer) -> Console:
    return Console(browser, authserver)


def violations(browser: Browser) -> list[str]:
    """What axe-core calls serious or critical, in both widths and colour schemes."""
    driver, found = browser.driver, []
    driver.execute_script(AXE)
    for width in WIDTHS:
        for scheme in SCHEMES:
            browser.resize(width)
            browser.prefer(scheme)
            result = driver.execute_async_script("axe.run().then(arguments[arguments.length - 1])")
            for violation in result["violations"]:
                if violation["impact"] in ("serious", "critical"):
                    nodes = [node["html"] for node in violation["nodes"]][:3]
                    found.append(f"{violation['id']} at {width} {scheme}: {nodes}")
    return found


def furnish(server: AuthServer, demo: Demo) -> dict[str, str]:
    """One of everything, all of it named by somebody who means harm."""
    add_resource(server, "behind", "https://behind.example/mcp", "repo", "org")
    link = ("--source", demo.slug, "--target", "behind", "--scope-map", f"{READ}:repo+org")
    server.admin("fronting", "create", *link)
    catalog = ("--scopes", f"see||{HARM}")
    server.admin("resource", "create", "--slug", "harm", "--display-name", HARM, *catalog)
    harm = server.admin(
        "client", "create", "--name", HARM, "--agent", "--agent-description", HARM, "--client-id", "https://a.example/x?y#z"
    )
    server.admin("user", "create", "--email", f"{quote(HARM, safe='')}@example.com", "--name", HARM, "--password", "long enough")
    machine = MachineClient.create(server, READ)
    token = machine.post(
        "/oauth/token", grant_type="client_credentials", resource=demo.resource, scope=READ
    ).raise_for_status().json()["access_token"]
    machine.post("/oauth/token", grant_type="client_credentials", resource="https://nowhere.example/")
    issued = server.admin("issuance", "list", "--client", machine.client_id)["issuances"][0]["jti"]
    return {"client": harm["client_id"], "machine": machine.client_id, "token": token, "jti": issued}


def test_every_page_is_for_everybody(console: Console, browser: Browser, demo: Demo) -> None:
    known = furnish(console.server, demo)
    console.open("clients?q=a")
    inspect(browser)
    assert violations(browser) == []
    browser.photograph("sign-in")
    door = browser.first("html")
    browser.first("#key").send_keys("wrong", Keys.ENTER)
    browser.wait_for_page_after(door)
    assert "not the admin API key" in browser.text()
    assert violations(browser) == []
    browser.first("#key").send_keys(ADMIN_KEY)
    browser.press("button[type=submit]")
    assert console.path == "clients?q=a", "one comes back to where one was"
    assert browser.console() != [], "the refusal above is an error in the browser's eyes"

    client, machine = quote(known["client"], safe=""), known["machine"]
    pages = {
        "overview": "",
        "clients": "clients",
        "client": f"clients/{client}",
        "client-new": "new/client",
        "client-edit": f"clients/{client}/edit",
        "client-delete": f"clients/{machine}/delete",
        "users": "users",
        "user": f"users/{demo.user_id}",
        "user-new": "new/user",
        "user-edit": f"users/{demo.user_id}/edit",
        "user-delete": f"users/{demo.user_id}/delete",
        "resources": "resources",
        "resource": "resources/harm",
        "resource-new": "new/resource",
        "resource-edit": "resources/harm/edit",
        "resource-delete": "resources/behind/delete",
        "fronting": "fronting",
        "fronting-new": "new/link",
        "fronting-edit": f"fronting/{demo.slug}/behind",
        "grants": f"grants?user={demo.email}",
        "issuances": f"issuances?client={machine}",
        "issuance": f"issuances/{known['jti']}",
        "tokens": "tokens",
        "keys": "keys",
        "keys-rotate": "keys/rotate",
        "audit": "audit",
        "system": "system",
        "nowhere": "nowhere",
    }
    problems = []
    for name, path in pages.items():
        console.open(path)
        if name != "nowhere":
            inspect(browser)
        problems += [f"{name}: {problem}" for problem in violations(browser)]
        browser.photograph(name)
        assert browser.driver.title != "owned", name
        assert browser.driver.find_elements(By.CSS_SELECTOR, "main img, main script") == [], name
        assert (name == "nowhere") == ("no such page" in browser.text()), name
    assert problems == []


def test_without_scripts_everything_can_be_done(
    new_browser: Callable[..., Browser], authserver: AuthServer, demo: Demo
) -> None:
    browser = new_browser(javascript=False)
    console = Console(browser, authserver)

    def send(shown: str) -> str:
        """Sends the form of the page, and waits for what the next one shows."""
        browser.first("main button[type=submit]").click()
        wait_until(lambda: browser.first(shown) is not None, 15, shown)
        return browser.first(shown).text

    console.open("")
    browser.first("#key").send_keys(ADMIN_KEY)
    send("nav")
    console.open("new/client")
    console.fill(client_name="By hand", redirect_uris="https://app.example/callback")
    secret = send("#secret")
    client_id = browser.first("#client-id").text
    assert len(secret) > 30
    console.open(f"clients/{client_id}")
    assert secret not in browser.driver.page_source, "it is shown once"
    console.open(f"clients/{client_id}/suspend")
    assert "Suspended" in send(".note")
    assert authserver.admin("client", "get", client_id)["status"] == "suspended"


def test_the_main_jobs_by_keyboard_and_mouse(console: Console, browser: Browser, demo: Demo) -> None:
    server = console.server
    console.sign_in()
    console.open("new/resource")
    console.fill(slug="wiki", uri="https://wiki.example/mcp", display_name="Wiki", scopes="read | Read pages\nwrite")
    console.press("Create")
    assert console.path == "resources/wiki?done=created"
    console.open("new/link")
    console.fill(scope_map=f"{READ} = read")
    for name, slug in (("source", demo.slug), ("target", "wiki")):
        browser.first(f"select[name={name}] option:nth-child({1 + ['demo', 'wiki'].index(slug)})").click()
    console.press("Only try")
    assert "could be declared" in browser.text()
    assert server.admin("fronting", "list") == []
    console.press("Create")
    assert [link["target_slug"] for link in server.admin("fronting", "list")] == ["wiki"]
    console.open("new/user")
    console.fill(email="not an address", name="Grace", password="long enough")
    console.press("Create")
    assert browser.first("[role=alert]").text.startswith("email")
    assert browser.first("#email").get_attribute("value") == "not an address", "what was typed is kept"
    console.fill(email="grace@example.com", password="long enough")
    console.press("Create")
    console.press("Disable…")
    console.press("Disable the user")
    assert server.admin("user", "get", "grace@example.com")["status"] == "disabled"
    console.press("Delete…")
    console.press("Cancel")
    assert console.path.startswith("users/")

    console.open("clients")
    browser.first("body").send_keys("/")
    assert browser.driver.switch_to.active_element.get_attribute("id") == "q"
    console.open("keys/rotate")
    console.press("Rotate the key")
    assert len(server.admin("key", "list")["keys"]) == 2


def test_a_token_is_taken_apart(console: Console, browser: Browser, demo: Demo) -> None:
    known = furnish(console.server, demo)
    console.sign_in()

    def verdict(token: str) -> str:
        console.open("tokens")
        console.fill(token=token)
        console.press("Inspect")
        return browser.first("#verdict").text

    said = verdict(known["token"])
    assert said.startswith("Active") and demo.resource in said and known["jti"] in said
    assert inspect(browser) is None and violations(browser) == []
    browser.photograph("inspected")
    head, claims, signature = known["token"].split(".")
    assert "signature" in verdict(f"{head}.{claims}.{'A' if signature[0] != 'A' else 'B'}{signature[1:]}")
    assert verdict("eyJub3RoaW5nIjoxfQ..").startswith("Not a token of this server")
    console.open(f"issuances/{known['jti']}/revoke")
    console.press("Revoke the token")
    wait_until(lambda: verdict(known["token"]).startswith("Revoked"), 5, "the token revoked")


def test_the_audit_trail_is_followed_live_and_exported(console: Console, browser: Browser, demo: Demo) -> None:
    server = console.server
    console.sign_in()
    console.open("audit?action=client.created_admin")
    browser.first("#live").click()
    wait_until(lambda: "Live" in browser.first("#live-state").text, 10, "the stream open")
    server.admin("client", "create", "--name", "seen live")
    seen = lambda: browser.driver.find_elements(By.CSS_SELECTOR, "#events tbody tr")  # noqa: E731
    if not seen():
        # The first event makes the page load itself anew, with a table to put the next in.
        wait_until(lambda: bool(seen()), 15, "the event shown")
    else:
        wait_until(lambda: "created_admin" in seen()[0].text, 15, "the event shown")
    cookies = {own["name"]: own["value"] for own in browser.driver.get_cookies()}
    for label, check in (("NDJSON", json.loads), ("CSV", str)):
        href = browser.driver.find_element(By.LINK_TEXT, label).get_attribute("href")
        exported = httpx.get(href, cookies=cookies).raise_for_status()
        assert "attachment" in exported.headers["content-disposition"]
        lines = exported.text.splitlines()
        assert lines and check(lines[0])
        assert any("client.created_admin" in line for line in lines)


def test_charts_draw_what_happens_and_the_overview_is_light(console: Console, browser: Browser, demo: Demo) -> None:
    machine = MachineClient.create(console.server, READ)
    console.sign_in()
    # The charts are replaced every five seconds: one look has to be enough.
    drawn = "return document.querySelector('#charts .line-good polyline') !== null"
    wait_until(lambda: browser.driver.execute_script(drawn), 60, "a line drawn")
    shown = "return document.querySelector('#charts .chart figcaption strong').textContent"

    def rate() -> float:
        machine.post("/oauth/token", grant_type="client_credentials", resource=demo.resource, scope=READ)
        text = browser.driver.execute_script(shown)
        return 0.0 if text == "–" else float(text.split()[0])

    wait_until(lambda: rate() > 0, 60, "the rate of issuance")
    browser.photograph("overview-busy")
    console.open("")
    entries = browser.driver.execute_script(
        "return [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]"
        ".map(entry => entry.transferSize)"
    )
    assert 0 < sum(entries) < 100 * 1024
    assert WRITE not in browser.text()
