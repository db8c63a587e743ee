"""That the search for secrets in logs, which every other test ends with, finds them."""

import httpx
import pytest
from peers.authserver import AuthServer
from peers.leaks import LEAKS, Leaks

RANDOM = "Zk3fQ9xT4bN6mR1cYkQ7wW2vZ9xT4bN6mR1cYaB0cDe"
JWT = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ1c2VyIn0.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    "line",
    [
        '{"msg":"token issued","jti":"correct horse battery staple"}',
        f'{{"msg":"request","path":"/callback?code={RANDOM}"}}',
        f'{{"msg":"odd","detail":"{JWT}"}}',
        f"panicked at {RANDOM}",
    ],
)
def test_secret_in_a_log_is_found(line: str) -> None:
    leaks = Leaks()
    leaks.remember("correct horse battery staple")
    assert list(leaks.find(line))


def test_what_is_public_may_be_logged() -> None:
    uuid = "019abcde-f012-7abc-8def-0123456789ab"
    line = f'{{"msg":"key rotated","kid":"{RANDOM}","jti":"{uuid}","trace_id":"{"a1" * 16}","path":"/oauth/token"}}'
    assert not list(Leaks().find(line))


def test_requests_and_answers_are_remembered() -> None:
    leaks = Leaks()
    request = httpx.Request(
        "POST",
        "http://as.test/oauth/token",
        headers={"cookie": "session=a-cookie-of-some-length", "dpop": JWT},
        data={"code": "a-code-of-some-length", "client_secret": "a secret & its escapes", "scope": "not-secret-at-all"},
    )
    leaks.see_request(request)
    answer = {"access_token": "an-access-token", "token_type": "Bearer", "inner": [{"client_secret": "inner-secret"}]}
    location = {"location": "http://localhost/callback?code=another-code-here&state=state-of-the-client"}
    leaks.see_response(httpx.Response(200, json=answer, headers=location, request=request))
    assert leaks.secrets == {
        "a-cookie-of-some-length",
        JWT,
        "a-code-of-some-length",
        "a secret & its escapes",
        "an-access-token",
        "inner-secret",
        "another-code-here",
    }


def test_servers_log_everything_and_are_searched(authserver: AuthServer) -> None:
    httpx.get(f"{authserver.url}/livez").raise_for_status()
    authserver.stop()
    log = authserver.log.read_text()
    assert '"level":"DEBUG"' in log, "the search is worth what is logged"
    LEAKS.check(authserver.log)
    with authserver.log.open("a") as file:
        file.write(f"{RANDOM}\n")
    with pytest.raises(AssertionError, match="1 secrets in"):
        LEAKS.check(authserver.log)
