"""Tokens that clients get for themselves: `authplane-sdk` and `oauth4webapi` as clients and resource servers."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from authplane import (
    DPoPBindingMismatchError,
    InboundDPoPOptions,
    IntrospectionRevocation,
    TokenRevokedError,
)
from authplane.errors import AuthError
from peers.authserver import AuthServer
from peers.demo import READ, WRITE, Demo, add_resource
from peers.dpop import ProofKey
from peers.machine import MachineClient
from peers.node import run_script
from peers.oauth import OAuthClient, claims
from peers.process import wait_until
from peers.sdk import Request, provider, sdk

FILES, LIST = "http://localhost:7777/files", "files/list"

pytestmark = pytest.mark.anyio

nonce_required = pytest.mark.config(dpop={"require_nonce": True})


@pytest.fixture
def machine(authserver: AuthServer, demo: Demo) -> MachineClient:
    """Its ceiling holds one scope that is in no catalog."""
    add_resource(authserver, "files", FILES, LIST)
    return MachineClient.create(authserver, f"{READ} {LIST} nowhere")


@pytest.fixture
def inspector(
    authserver: AuthServer, runtime_client: dict[str, str], machine: MachineClient, demo: Demo
) -> MachineClient:
    """The runtime client of the demo resource, once the server knows it as such."""
    client = MachineClient(authserver, *runtime_client.values())
    token = machine.token(resource=demo.resource).json()["access_token"]
    wait_until(lambda: client.introspect(token)["active"], 1.5, "runtime client known")
    return client


def scopes(token: str) -> set[str]:
    return set(claims(token)["scope"].split())


# authplane-sdk


async def test_sdk_gets_verifies_introspects_and_revokes_a_token(
    authserver: AuthServer, machine: MachineClient, inspector: MachineClient, demo: Demo
) -> None:
    client, server = await sdk(machine), await sdk(inspector)
    issued = authserver.metric("authplane_client_credentials_issued_total")
    granted = await client.client_credentials(scopes=[READ], resources=[demo.resource])
    assert authserver.metric("authplane_client_credentials_issued_total") == issued + 1
    assert (granted.token_type, granted.scope, granted.refresh_token) == ("Bearer", READ, "")
    assert granted.expires_in == 3600

    guarded = server.resource(demo.resource, [READ], revocation_checker=IntrospectionRevocation(), fail_closed=True)
    verified = await guarded.verify(granted.access_token)
    assert verified.sub == verified.client_id == machine.client_id
    assert (verified.issuer, verified.audience, verified.scopes) == (authserver.issuer, (demo.resource,), (READ,))
    assert verified.expires_at - verified.issued_at == 3600

    known = await server.introspect(granted.access_token)
    assert known.active
    assert known.sub == known.client_id == machine.client_id
    assert (known.scope, known.token_type, known.aud) == (READ, "Bearer", [demo.resource])
    raw = inspector.introspect(granted.access_token)
    assert raw.keys() == {"active", "scope", "client_id", "token_type", "exp", "iat", "sub", "aud", "iss", "jti"}
    assert (await client.introspect(granted.access_token)).active, "the client may ask about its own token"
    stranger = MachineClient.create(authserver)
    assert stranger.introspect(granted.access_token) == {"active": False}
    stranger.revoke(granted.access_token)
    assert (await server.introspect(granted.access_token)).active, "a client can only revoke its own"

    await client.revoke(granted.access_token)
    assert inspector.introspect(granted.access_token) == {"active": False}
    with pytest.raises(TokenRevokedError):
        await guarded.verify(granted.access_token)


@pytest.mark.parametrize(
    "nonces", [pytest.param(1, id="no nonce"), pytest.param(2, id="nonce retry", marks=nonce_required)]
)
async def test_sdk_gets_and_verifies_a_token_bound_to_its_key(
    authserver: AuthServer, machine: MachineClient, inspector: MachineClient, demo: Demo, nonces: int
) -> None:
    key = ProofKey()
    keyed = provider(key)
    refused = authserver.metric("authplane_dpop_proofs_rejected_total", reason="nonce")
    client, server = await sdk(machine, dpop=keyed), await sdk(inspector)
    granted = await client.client_credentials(scopes=[READ], resources=[demo.resource])
    assert granted.token_type == "DPoP"
    assert authserver.metric("authplane_dpop_proofs_rejected_total", reason="nonce") == refused + nonces - 1
    again = await client.client_credentials(resources=[FILES])
    assert again.token_type == "DPoP"
    assert authserver.metric("authplane_dpop_proofs_rejected_total", reason="nonce") == refused + nonces - 1, (
        "the next proof carries the nonce that came with the last answer"
    )

    guarded = server.resource(demo.resource, [READ], inbound_dpop=InboundDPoPOptions(required=True))
    token = granted.access_token
    proof = client.dpop_headers("POST", demo.resource, access_token=token)["DPoP"]
    verified = await guarded.verify(token, dpop_request=Request("POST", demo.resource, proof))
    assert verified.sub == machine.client_id
    assert verified.dpop_proof and verified.dpop_proof.key_thumbprint == key.jkt
    thief = provider(ProofKey()).build_proof("POST", demo.resource, access_token=token)
    with pytest.raises(DPoPBindingMismatchError):
        await guarded.verify(token, dpop_request=Request("POST", demo.resource, thief))
    bearer = machine.token(resource=demo.resource).json()["access_token"]
    with pytest.raises(DPoPBindingMismatchError):
        await guarded.verify(bearer)

    known = inspector.introspect(token)
    assert (known["active"], known["token_type"], known["cnf"]) == (True, "DPoP", {"jkt": key.jkt})
    assert known["sub"] == known["client_id"] == machine.client_id
    await client.revoke(token)
    assert inspector.introspect(token) == {"active": False}


async def test_sdk_names_resources_and_scopes(authserver: AuthServer, machine: MachineClient, demo: Demo) -> None:
    client = await sdk(machine)

    async def granted(resources: list[str], *asked: str) -> tuple[Any, set[str]]:
        answer = await client.client_credentials(scopes=list(asked), resources=resources)
        assert set(answer.scope.split()) == scopes(answer.access_token)
        return claims(answer.access_token)["aud"], scopes(answer.access_token)

    async def refused(error: str, resources: list[str], *asked: str) -> None:
        with pytest.raises(AuthError) as caught:
            await granted(resources, *asked)
        assert (caught.value.code, caught.value.status_code) == (error, 400)

    both = [demo.resource, FILES]
    assert await granted([demo.resource]) == ([demo.resource], {READ}), "the ceiling within the catalog"
    assert await granted([FILES]) == ([FILES], {LIST})
    assert await granted(both) == (both, {READ, LIST})
    assert await granted(both, LIST) == (both, {LIST})
    assert await granted(["demo", demo.resource]) == ([demo.resource], {READ}), "a slug is a name of its resource"
    assert await granted([], LIST) == ([FILES], {LIST}), "the one resource that has the scope"
    assert await granted([]) == ([authserver.issuer], {READ, LIST, "nowhere"}), "no one resource has them all"

    await refused("invalid_scope", [demo.resource], WRITE)
    await refused("invalid_scope", [demo.resource], READ, WRITE)
    await refused("invalid_scope", [demo.resource], LIST)
    await refused("invalid_scope", both, "nowhere")
    await refused("invalid_scope", [], "beyond")
    await refused("invalid_target", ["http://localhost:1/unknown"])
    await refused("invalid_target", [demo.resource, "http://localhost:1/unknown"])


# who may


def denied(answer: httpx.Response, status: int, error: str) -> None:
    assert (answer.status_code, answer.json()["error"]) == (status, error), answer.text
    assert answer.headers["Content-Type"].startswith("application/json")
    assert answer.headers["Cache-Control"] == "no-store"


async def test_only_clients_of_the_operator_with_a_secret_and_the_grant(
    authserver: AuthServer, machine: MachineClient, demo: Demo
) -> None:
    name = "authplane_client_credentials_denied_total"
    self_registered = authserver.metric(name, reason="self_registered")
    for method in ("none", "client_secret_basic"):
        client = OAuthClient(authserver.issuer)
        made = client.register(token_endpoint_auth_method=method)
        if method != "none":
            client.http.auth = (client.client_id, made["client_secret"])
        denied(
            client.token_request(grant_type="client_credentials", resource=demo.resource), 400, "unauthorized_client"
        )
    asking = {"grant_types": ["authorization_code", "client_credentials"], "redirect_uris": [client.redirect_uri]}
    made = httpx.post(
        f"{authserver.issuer}/oauth/register", json={**asking, "token_endpoint_auth_method": "client_secret_basic"}
    )
    assert (made.status_code, made.json()["grant_types"]) == (201, ["authorization_code"]), "the foreign one is dropped"
    client = OAuthClient(authserver.issuer, client_id=made.json()["client_id"])
    client.http.auth = (client.client_id, made.json()["client_secret"])
    denied(client.token_request(grant_type="client_credentials", resource=demo.resource), 400, "unauthorized_client")
    assert authserver.metric(name, reason="self_registered") == self_registered + 3

    web = ("--redirect-uri", client.redirect_uri)
    made = authserver.admin("client", "create", "--name", "public", "--auth-method", "none", *web)
    public = OAuthClient(authserver.issuer, client_id=made["client_id"])
    denied(public.token_request(grant_type="client_credentials"), 400, "unauthorized_client")
    without = MachineClient.create(authserver, READ, "client_secret_basic", *web)
    denied(without.token(resource=demo.resource), 400, "unauthorized_client")

    assert machine.token(resource=demo.resource).status_code == 200
    authserver.cli("admin", "client", "suspend", machine.client_id)
    wait_until(lambda: machine.token().status_code == 401, 1.5, "suspension noticed")
    denied(machine.token(), 401, "invalid_client")


async def test_secret_may_be_sent_either_way_but_once(authserver: AuthServer, demo: Demo) -> None:
    basic = MachineClient.create(authserver, READ)
    post = MachineClient.create(authserver, READ, "client_secret_post")
    for client, other in ((basic, "client_secret_post"), (post, "client_secret_basic")):
        assert client.token(resource=demo.resource).status_code == 200
        crossed = MachineClient(authserver, client.client_id, client.client_secret, other)
        assert crossed.token(resource=demo.resource).status_code == 200
        for method in (client.method, other):
            refused = MachineClient(authserver, client.client_id, client.client_secret[::-1], method).token()
            denied(refused, 401, "invalid_client")
            assert refused.headers["WWW-Authenticate"] == 'Basic realm="authserver"'
    denied(basic.token(client_id=basic.client_id, client_secret=basic.client_secret), 400, "invalid_request")


@pytest.mark.config(client_credentials={"enabled": False})
async def test_switched_off_the_grant_is_unknown(authserver: AuthServer, machine: MachineClient) -> None:
    denied(machine.token(), 400, "unsupported_grant_type")
    metadata = httpx.get(f"{authserver.url}/.well-known/oauth-authorization-server").json()
    assert "client_credentials" not in metadata["grant_types_supported"]


@pytest.mark.config(client_credentials={"token_expiry": "5m"})
async def test_lifetime_is_as_configured(machine: MachineClient, demo: Demo) -> None:
    answer = machine.token(resource=demo.resource)
    token = claims(answer.json()["access_token"])
    assert answer.json()["expires_in"] == token["exp"] - token["iat"] == 300


# oauth4webapi


def oauth4webapi(client: MachineClient, inspector: MachineClient, **asked: Any) -> dict[str, Any]:
    config = {
        "issuer": client.server.issuer,
        "clientId": client.client_id,
        "clientSecret": client.client_secret,
        "method": client.method,
        "resources": [],
        "inspector": {"clientId": inspector.client_id, "clientSecret": inspector.client_secret},
        **asked,
    }
    return run_script("machine", config)


async def test_oauth4webapi_gets_and_introspects_tokens(
    authserver: AuthServer, machine: MachineClient, inspector: MachineClient, demo: Demo
) -> None:
    post = MachineClient.create(authserver, f"{READ} {LIST}", "client_secret_post")
    for client in (machine, post):
        both = oauth4webapi(client, inspector, resources=[demo.resource, FILES])
        assert both["token"]["token_type"] == "bearer", "oauth4webapi writes token types in lower case"
        known = both["introspection"]
        assert known["active"] and known["sub"] == known["client_id"] == client.client_id
        assert (known["aud"], set(known["scope"].split())) == ([demo.resource, FILES], {READ, LIST})
    beyond = oauth4webapi(machine, inspector, resources=[demo.resource], scope=WRITE)
    assert (beyond["error"], beyond["status"]) == ("invalid_scope", 400)


@pytest.mark.parametrize(
    "requests", [pytest.param(1, id="no nonce"), pytest.param(2, id="nonce retry", marks=nonce_required)]
)
async def test_oauth4webapi_binds_tokens_to_its_key(
    machine: MachineClient, inspector: MachineClient, demo: Demo, requests: int
) -> None:
    for alg in ("ES256", "PS256", "RS256"):
        answer = oauth4webapi(machine, inspector, resources=[demo.resource], scope=READ, dpop=alg)
        assert answer["requests"] == requests
        assert answer["token"]["token_type"] == "dpop"
        assert answer["introspection"]["active"]
        assert answer["introspection"]["token_type"] == "DPoP"
        assert answer["introspection"]["cnf"] == {"jkt": answer["jkt"]}
