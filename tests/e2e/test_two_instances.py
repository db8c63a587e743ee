"""Two instances with one issuer and one database: every step may land on either."""

from __future__ import annotations

import httpx
import pytest
from peers.authserver import AuthServer
from peers.demo import READ, Demo
from peers.oauth import OAuthClient, claims
from peers.process import wait_until
from peers.user import HttpUser

pytestmark = [pytest.mark.instances(2), pytest.mark.parametrize("storage", ["postgres"], indirect=True)]


@pytest.fixture
def pair(instances: list[AuthServer]) -> tuple[OAuthClient, OAuthClient]:
    """One registered client, talking to the first instance and to the second."""
    first, second = (OAuthClient(server.url) for server in instances)
    first.register()
    second.client_id, second.verifier = first.client_id, first.verifier
    return first, second


def test_code_of_one_instance_is_redeemed_at_the_other_and_only_once(
    instances: list[AuthServer], pair: tuple[OAuthClient, OAuthClient], demo: Demo, user: HttpUser
) -> None:
    first, second = pair
    response = user.authorize(first.authorization_url(resource=demo.resource, scope=READ))
    assert response["iss"] == instances[0].issuer
    answer = second.redeem(response["code"], resource=demo.resource)
    assert answer.status_code == 200, answer.text
    token = claims(answer.json()["access_token"])
    assert (token["iss"], token["aud"]) == (instances[0].issuer, [demo.resource])

    replayed = first.redeem(response["code"], resource=demo.resource)
    assert (replayed.status_code, replayed.json()["error"]) == (400, "invalid_grant")
    after = second.refresh(answer.json()["refresh_token"])
    assert after.json()["error"] == "invalid_grant", "the replay has ended the family"


def test_refresh_token_spent_at_one_instance_is_spent_at_the_other(
    pair: tuple[OAuthClient, OAuthClient], demo: Demo, user: HttpUser
) -> None:
    first, second = pair
    response = user.authorize(first.authorization_url(resource=demo.resource, scope=READ))
    spent = first.redeem(response["code"], resource=demo.resource).json()["refresh_token"]
    rotated = second.refresh(spent)
    assert rotated.status_code == 200, rotated.text
    lost = first.refresh(spent)
    assert lost.status_code == 200, lost.text
    assert lost.json()["refresh_token"] == rotated.json()["refresh_token"], "the answer that got lost, again"
    last = second.refresh(lost.json()["refresh_token"])
    assert last.status_code == 200, last.text
    assert first.refresh(spent).json()["error"] == "invalid_grant", "its successor has been used"
    assert second.refresh(last.json()["refresh_token"]).json()["error"] == "invalid_grant"


def test_both_instances_publish_the_same_keys_and_metadata(instances: list[AuthServer]) -> None:
    for path in ("/.well-known/jwks.json", "/.well-known/oauth-authorization-server"):
        first, second = (httpx.get(server.url + path).raise_for_status().json() for server in instances)
        assert first == second
    assert first["issuer"] == instances[0].issuer


def test_session_of_one_instance_is_good_at_the_other(
    pair: tuple[OAuthClient, OAuthClient], demo: Demo, user: HttpUser
) -> None:
    """Both are on one host here, as behind one name: cookies do not tell ports apart."""
    first, second = pair
    assert "code" in user.authorize(first.authorization_url(resource=demo.resource, scope=READ))
    asked = second.authorization_url(resource=demo.resource, scope=READ)
    assert "code" in user.authorize(asked)
    assert user.pages == ["login", "consent"]


def test_suspended_client_is_refused_by_both_within_a_second(
    instances: list[AuthServer], pair: tuple[OAuthClient, OAuthClient], demo: Demo, user: HttpUser
) -> None:
    first, second = pair
    response = user.authorize(first.authorization_url(resource=demo.resource, scope=READ))
    refresh_token = first.redeem(response["code"], resource=demo.resource).json()["refresh_token"]
    refreshed = second.refresh(refresh_token)
    assert refreshed.status_code == 200, refreshed.text
    instances[0].cli("admin", "client", "suspend", first.client_id)

    def suspended(client: OAuthClient) -> bool:
        return client.refresh("none").json()["error"] == "invalid_client"

    wait_until(lambda: all(map(suspended, pair)), 1, "suspension noticed by both")


def test_disabled_user_is_refused_by_both_within_a_second(
    instances: list[AuthServer], pair: tuple[OAuthClient, OAuthClient], demo: Demo, user: HttpUser
) -> None:
    first, second = pair
    asked = {"resource": demo.resource, "scope": READ}
    for client in pair:
        assert "code" in user.authorize(client.authorization_url(**asked))
    instances[0].cli("admin", "user", "disable", demo.user_id)

    def signed_out(client: OAuthClient) -> bool:
        answer = user.http.get(client.authorization_url(**asked))
        return "code=" not in answer.headers.get("Location", "")

    wait_until(lambda: all(map(signed_out, pair)), 1, "session ended at both")
