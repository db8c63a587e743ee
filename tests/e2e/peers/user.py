"""A user without a browser: follows redirects and fills in the forms of the pages, over plain HTTP."""

from __future__ import annotations

from html.parser import HTMLParser
from urllib.parse import parse_qsl, urljoin, urlsplit

import httpx


class Form(HTMLParser):
    """The form of a page that holds `name=…` inputs: where it posts, and its hidden fields; and the
    link of an error page that leads on to the client."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.forms: list[tuple[str, dict[str, str]]] = []
        self.way_on: str | None = None
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        attribute = dict(attributes)
        if tag == "form":
            self.forms.append((attribute.get("action") or "", {}))
        elif tag == "a" and attribute.get("id") == "go-on":
            self.way_on = attribute.get("href")
        elif tag in ("input", "button") and self.forms and attribute.get("name"):
            fields = self.forms[-1][1]
            fields[attribute["name"]] = attribute.get("value") or ""

    def containing(self, field: str) -> tuple[str, dict[str, str]] | None:
        return next((form for form in self.forms if field in form[1]), None)


def response_parameters(url: str) -> dict[str, str]:
    """The authorization response in a redirect URI."""
    return dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))


class HttpUser:
    def __init__(self, email: str, password: str) -> None:
        self.credentials = {"email": email, "password": password}
        self.http = httpx.Client(timeout=15)
        self.pages: list[str] = []

    def authorize(self, url: str, decision: str = "allow") -> dict[str, str]:
        """Signs in and decides as often as asked; returns the authorization response."""
        return response_parameters(self.walk(url, decision))

    def walk(self, url: str, decision: str = "allow") -> str:
        """Like `authorize`, but returns the whole redirect URI."""
        answer = self._follow(url, decision)
        if way_on := Form(answer.text).way_on:
            return way_on
        assert answer.is_redirect, f"{answer.url} is neither login nor consent:\n{answer.text}"
        return urljoin(str(answer.url), answer.headers["Location"])

    def answer(self, consent_url: str, decision: str = "allow") -> str:
        """Signs in and decides what an exchange was refused for; returns the page that comes last."""
        answer = self._follow(consent_url, decision)
        assert answer.status_code == 200, f"{answer.url}: {answer.status_code}\n{answer.text}"
        return answer.text

    def visit(self, url: str, decision: str = "allow") -> str:
        """Like `walk`, and delivers the answer to the listener of a native application, as a browser does."""
        target = self.walk(url, decision)
        self.http.get(target).raise_for_status()
        return target

    def _follow(self, url: str, decision: str) -> httpx.Response:
        """The first answer that leads away from the server, or asks nothing more."""
        server = urlsplit(url).netloc
        answer = self.http.get(url)
        for _ in range(12):
            if answer.is_redirect:
                target = urljoin(str(answer.url), answer.headers["Location"])
                if urlsplit(target).netloc != server:
                    return answer
                answer = self.http.get(target)
                continue
            forms = Form(answer.text)
            if found := forms.containing("password"):
                assert self.pages[-1:] != ["login"], f"sign-in refused:\n{answer.text}"
                self.pages.append("login")
                action, fields = found
                fields |= self.credentials
            elif found := forms.containing("decision"):
                self.pages.append("consent")
                action, fields = found
                fields["decision"] = decision
            else:
                return answer
            answer = self.http.post(urljoin(str(answer.url), action), data=fields)
        raise AssertionError(f"no end of redirects: {answer.url}")
