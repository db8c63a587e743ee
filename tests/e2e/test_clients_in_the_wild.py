"""Requests as older, newer and stranger MCP clients send them, parameter by parameter."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

import httpx
import pytest
from peers.authserver import AuthServer
from peers.cimd import ClientSite
from peers.demo import READ, WRITE, Demo, add_resource
from peers.examples import ExampleServer
from peers.oauth import OAuthClient, claims
from peers.user import HttpUser, response_parameters

FILES = "http://localhost:7777/files"


def granted(answer: httpx.Response) -> dict:
    """The claims of the access token in a token response."""
    assert answer.status_code == 200, answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.json()["token_type"].lower() == "bearer"
    return claims(answer.json()["access_token"])


def refused(answer: httpx.Response, error: str) -> None:
    assert answer.status_code == 400, answer.text
    assert answer.headers["Content-Type"].startswith("application/json")
    assert answer.json()["error"] == error


# scope


@pytest.mark.config(oauth={"require_scope": False})
def test_omitted_scope_asks_for_the_whole_catalog(client: OAuthClient, demo: Demo, user: HttpUser) -> None:
    client.register()
    response = user.authorize(client.authorization_url(resource=demo.resource))
    token = granted(client.redeem(response["code"], resource=demo.resource))
    assert set(token["scope"].split()) == {READ, WRITE}


@pytest.mark.config(oauth={"require_scope": True})
def test_omitted_scope_is_refused_where_scope_is_required(
    authserver: AuthServer, client: OAuthClient, demo: Demo, user: HttpUser
) -> None:
    client.register()
    response = user.authorize(client.authorization_url(resource=demo.resource))
    assert response["error"] == "invalid_scope"
    assert response["state"] == client.state
    assert response["iss"] == authserver.issuer
    assert user.pages == [], "refused before the user is asked to sign in"


def test_offline_access_is_accepted_beside_catalog_scopes(client: OAuthClient, demo: Demo, user: HttpUser) -> None:
    client.register()
    asked = client.authorization_url(resource=demo.resource, scope=f"{READ} offline_access", prompt="consent")
    answer = client.redeem(user.authorize(asked)["code"], resource=demo.resource)
    assert READ in granted(answer)["scope"].split()
    assert answer.json()["refresh_token"]


# resource


def test_omitted_resource_is_the_one_whose_catalog_has_the_scopes(
    authserver: AuthServer, client: OAuthClient, demo: Demo, user: HttpUser
) -> None:
    add_resource(authserver, "files", FILES, "files/read")
    client.register()
    response = user.authorize(client.authorization_url(scope=READ))
    answer = client.redeem(response["code"])
    assert granted(answer)["aud"] == [demo.resource]
    assert granted(client.refresh(answer.json()["refresh_token"]))["aud"] == [demo.resource]


def test_omitted_resource_is_the_issuer_when_several_would_do(
    authserver: AuthServer, client: OAuthClient, demo: Demo, user: HttpUser
) -> None:
    add_resource(authserver, "files", FILES, READ)
    client.register()
    response = user.authorize(client.authorization_url(scope=READ))
    assert granted(client.redeem(response["code"]))["aud"] == [authserver.issuer]


def test_two_resources_share_a_code_and_each_token_is_for_one(
    authserver: AuthServer, client: OAuthClient, demo: Demo, user: HttpUser
) -> None:
    add_resource(authserver, "files", FILES, "files/read")
    client.register()
    asked = client.authorization_url(resource=[demo.resource, FILES], scope=f"{READ} files/read")
    response = user.authorize(asked)

    elsewhere = client.redeem(response["code"], resource="http://localhost:1/unknown")
    refused(elsewhere, "invalid_target")

    answer = client.redeem(response["code"], resource=demo.resource)
    first = granted(answer)
    assert (first["aud"], first["scope"]) == ([demo.resource], READ)
    second = granted(client.refresh(answer.json()["refresh_token"], resource=FILES))
    assert (second["aud"], second["scope"]) == ([FILES], "files/read")


def test_the_same_resource_twice_is_one_resource(client: OAuthClient, demo: Demo, user: HttpUser) -> None:
    client.register()
    twice = [demo.resource, demo.resource]
    response = user.authorize(client.authorization_url(resource=twice, scope=READ))
    assert granted(client.redeem(response["code"], resource=twice))["aud"] == [demo.resource]


def test_unknown_resource_is_an_invalid_target(client: OAuthClient, demo: Demo, user: HttpUser) -> None:
    client.register()
    response = user.authorize(client.authorization_url(resource="http://localhost:1/unknown", scope=READ))
    assert response["error"] == "invalid_target"


def test_client_of_2025_03_26_never_names_a_resource(
    demo: Demo, mcp_server: Callable[..., ExampleServer], user: HttpUser
) -> None:
    """It takes the MCP server's own origin for the authorization server, and reads the metadata there."""
    server = urlsplit(mcp_server("typescript").resource)
    found = httpx.get(f"{server.scheme}://{server.netloc}/.well-known/oauth-authorization-server")
    metadata = found.raise_for_status().json()
    client = OAuthClient(metadata["issuer"])
    assert metadata["registration_endpoint"] == f"{client.url}/oauth/register"
    client.register()
    response = user.authorize(client.authorization_url(scope=f"{READ} {WRITE}"))
    answer = client.redeem(response["code"])
    assert granted(answer)["aud"] == [demo.resource]

    headers = {
        "Authorization": f"Bearer {answer.json()['access_token']}",
        "Accept": "application/json, text/event-stream",
    }
    hello = {"protocolVersion": "2025-03-26", "capabilities": {}, "clientInfo": {"name": "old", "version": "1"}}
    call = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello}
    assert httpx.post(demo.resource, json=call).status_code == 401
    assert httpx.post(demo.resource, json=call, headers=headers).status_code == 200


# redirect_uri


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost"])
def test_native_client_may_use_another_loopback_port(
    authserver: AuthServer, demo: Demo, user: HttpUser, host: str
) -> None:
    client = OAuthClient(authserver.issuer, redirect_uri=f"http://{host}:33418/callback")
    client.register()
    client.redirect_uri = f"http://{host}:50505/callback"
    landed = user.walk(client.authorization_url(resource=demo.resource, scope=READ))
    assert landed.startswith(f"{client.redirect_uri}?")
    granted(client.redeem(response_parameters(landed)["code"], resource=demo.resource))


def test_any_other_difference_in_the_redirect_uri_is_an_error_page(client: OAuthClient, demo: Demo) -> None:
    assert client.register()["redirect_uris"] == ["http://127.0.0.1:33418/callback"]
    for changed in [
        "http://127.0.0.1:33418/callback/",
        "http://127.0.0.1:33418/other",
        "http://127.0.0.1:33418/callback?next=1",
        "http://localhost:33418/callback",
        "https://127.0.0.1:33418/callback",
        "http://127.0.0.1:33418@evil.example/callback",
        "https://evil.example/callback",
    ]:
        url = client.authorization_url(resource=demo.resource, scope=READ, redirect_uri=changed)
        answer = httpx.get(url)
        assert (changed, answer.status_code) == (changed, 400)
        assert "Location" not in answer.headers
        assert answer.headers["Content-Type"].startswith("text/html")


@pytest.mark.parametrize("registered_as", [{"application_type": "native"}, {}])
@pytest.mark.parametrize(
    "redirect_uri", ["com.example.notes:/callback", "cursor://anysphere.cursor-mcp/oauth/callback"]
)
def test_native_client_may_use_a_private_scheme(
    authserver: AuthServer, demo: Demo, user: HttpUser, redirect_uri: str, registered_as: dict[str, str]
) -> None:
    client = OAuthClient(authserver.issuer, redirect_uri=redirect_uri)
    assert client.register(**registered_as)["redirect_uris"] == [redirect_uri]
    landed = user.walk(client.authorization_url(resource=demo.resource, scope=READ))
    assert landed.startswith(f"{redirect_uri}?")
    granted(client.redeem(response_parameters(landed)["code"], resource=demo.resource))


# client authentication


def test_confidential_client_may_repeat_its_id_beside_basic_authentication(
    client: OAuthClient, demo: Demo, user: HttpUser
) -> None:
    """As the Python SDK does; it is one authentication method, not two."""
    registration = client.register(token_endpoint_auth_method="client_secret_basic")
    response = user.authorize(client.authorization_url(resource=demo.resource, scope=READ))
    refused_without = client.redeem(response["code"], resource=demo.resource)
    assert refused_without.status_code == 401
    assert refused_without.json()["error"] == "invalid_client"
    client.http.auth = (registration["client_id"], registration["client_secret"])
    granted(client.redeem(response["code"], resource=demo.resource))


@pytest.mark.config(cimd={"require_https": False, "allow_private_addresses": True})
def test_metadata_document_is_read_over_plain_http_where_the_operator_allows_it(
    authserver: AuthServer, demo: Demo, user: HttpUser
) -> None:
    with ClientSite("http://127.0.0.1:33418/callback") as site:
        client = OAuthClient(authserver.issuer, client_id=site.client_id)
        response = user.authorize(client.authorization_url(resource=demo.resource, scope=READ))
        token = granted(client.redeem(response["code"], resource=demo.resource))
    assert token["client_id"] == site.client_id
    assert site.fetches == 1


def test_metadata_document_on_a_private_address_is_never_fetched(authserver: AuthServer, demo: Demo) -> None:
    with ClientSite("http://127.0.0.1:33418/callback") as site:
        for client_id in (site.client_id, site.client_id.replace("http:", "https:")):
            client = OAuthClient(authserver.issuer, client_id=client_id)
            answer = httpx.get(client.authorization_url(resource=demo.resource, scope=READ))
            assert answer.status_code == 400
    assert site.fetches == 0
