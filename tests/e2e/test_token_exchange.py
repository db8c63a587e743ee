"""Token exchange (RFC 8693): an app has a token of the user's, an agent exchanges it for the archive.

The agents are `authplane-sdk`, `oauth4webapi` and plain requests; the archive verifies and introspects.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import httpx
import pytest
from authplane import (
    AuthplaneClient,
    DPoPBindingMismatchError,
    InboundDPoPOptions,
    IntrospectionRevocation,
    TokenRevokedError,
)
from authplane.errors import (
    AccessDeniedError,
    AuthError,
    ConsentRequiredError,
    InvalidClaimsError,
    InvalidRequestError,
    InvalidScopeError,
    InvalidTargetError,
)
from authplane.oauth import TokenExchangeOptions, TokenResponse
from peers.authserver import AuthServer
from peers.browser import Browser
from peers.demo import READ, WRITE, Demo, add_resource
from peers.dpop import ProofKey
from peers.machine import ACCESS_TOKEN, MachineClient
from peers.node import run_script
from peers.oauth import OAuthClient, claims
from peers.pages import inspect
from peers.process import wait_until
from peers.sdk import Request, provider, sdk
from peers.user import HttpUser

ARCHIVE, LIST = "http://localhost:7777/archive", "archive/list"
CLOSED = "http://localhost:7777/closed"
URL_ID = "https://agents.example/planner?x=1"
EXCHANGED = "authplane_token_exchange_total"
DENIED = "authplane_token_exchange_denied_total"
REJECTED = "authplane_dpop_proofs_rejected_total"
ROUNDS = 25

pytestmark = pytest.mark.anyio

nonce_required = pytest.mark.config(dpop={"require_nonce": True})
with_and_without_nonces = pytest.mark.parametrize(
    "nonces", [pytest.param(0, id="no nonce"), pytest.param(1, id="nonce retry", marks=nonce_required)]
)


@pytest.fixture
def archive(instances: list[AuthServer], demo: Demo) -> MachineClient:
    """The archive's own client, known as such to every instance."""
    add_resource(instances[0], "archive", ARCHIVE, READ, WRITE, LIST)
    return runtime_client(instances, MachineClient.create(instances[0], READ))


@pytest.fixture
def agent(instances: list[AuthServer], archive: MachineClient) -> MachineClient:
    """May exchange the tokens of others for the archive."""
    return runtime_client(instances, MachineClient.exchanger(instances[0], "--agent", scope=READ))


def runtime_client(instances: list[AuthServer], client: MachineClient) -> MachineClient:
    """`client` as one of the archive's, once every instance knows."""
    instances[0].cli("admin", "resource", "runtime-client", "add", "archive", client.client_id)
    other = MachineClient.create(instances[0], READ)
    for server in instances:

        def known(server: AuthServer = server) -> bool:
            answer = other.at(server).token(resource=ARCHIVE)
            return answer.status_code == 200 and client.at(server).introspect(answer.json()["access_token"])["active"]

        wait_until(known, 1.5, f"runtime client known at {server.url}")
    return client


@pytest.fixture
def app(client: OAuthClient, demo: Demo) -> OAuthClient:
    """The app that the user signs in to: public, registered by itself."""
    client.register(client_name="Notebook")
    return client


def user_token(
    app: OAuthClient, user: HttpUser, demo: Demo, scope: str = READ, key: ProofKey | None = None
) -> str:
    """The user's token for the app, bound to `key` where there is one."""
    code = user.authorize(app.authorization_url(resource=demo.resource, scope=scope))["code"]

    def redeem(nonce: str | None = None) -> httpx.Response:
        return app.redeem(code, proof=key.proof(f"{app.url}/oauth/token", nonce=nonce) if key else None)

    answer = redeem()
    if answer.json().get("error") == "use_dpop_nonce":
        answer = redeem(answer.headers["DPoP-Nonce"])
    assert answer.status_code == 200, answer.text
    return answer.json()["access_token"]


@pytest.fixture
def token(app: OAuthClient, user: HttpUser, demo: Demo, agent: MachineClient) -> str:
    """A bearer token of the user's for the app, who has agreed that the app may read in the archive."""
    token = user_token(app, user, demo)
    refused = agent.exchange(token, resource=ARCHIVE)
    assert refused.json()["error"] == "consent_required", refused.text
    assert "You allowed it" in user.answer(refused.json()["consent_url"])
    return token


async def exchange(client: AuthplaneClient, subject: str, *scopes: str, **options: Any) -> TokenResponse:
    options = {"resources": (ARCHIVE,), **options}
    return await client.exchange(TokenExchangeOptions(subject, scope=" ".join(scopes), **options))


# authplane-sdk


async def test_sdk_exchanges_a_users_token_and_the_target_verifies_it(
    authserver: AuthServer, agent: MachineClient, archive: MachineClient, token: str, demo: Demo
) -> None:
    client, server = await sdk(agent), await sdk(archive)
    before = authserver.metric(EXCHANGED, kind="delegation")
    granted = await exchange(client, token, READ)
    assert authserver.metric(EXCHANGED, kind="delegation") == before + 1
    assert (granted.token_type, granted.issued_token_type) == ("Bearer", ACCESS_TOKEN)
    assert (granted.scope, granted.refresh_token) == (READ, "")
    subject, exchanged = claims(token), claims(granted.access_token)
    assert 0 < granted.expires_in <= 900
    assert exchanged["exp"] <= subject["exp"], "it does not outlive the token it was exchanged from"
    assert exchanged["jti"] != subject["jti"]

    guarded = server.resource(ARCHIVE, [READ], revocation_checker=IntrospectionRevocation(), fail_closed=True)
    verified = await guarded.verify(granted.access_token)
    actor = {"sub": agent.client_id, "actor_type": "agent"}
    assert (verified.sub, verified.client_id) == (demo.user_id, agent.client_id)
    assert (verified.issuer, verified.audience, verified.scopes) == (authserver.issuer, (ARCHIVE,), (READ,))
    assert (verified.act, verified.agent_id) == (actor, agent.client_id)
    assert verified.agent_chain == (agent.client_id,)
    with pytest.raises(InvalidClaimsError):
        await guarded.verify(token)
    with pytest.raises(InvalidClaimsError):
        await server.resource(demo.resource, [READ]).verify(granted.access_token)

    known = await server.introspect(granted.access_token)
    assert (known.active, known.sub, known.client_id) == (True, demo.user_id, agent.client_id)
    assert (known.aud, known.scope, known.token_type) == ([ARCHIVE], READ, "Bearer")
    assert (known.agent_id, known.agent_chain) == (agent.client_id, (agent.client_id,))
    raw = archive.introspect(granted.access_token)
    assert (raw["act"], raw["username"]) == (actor, demo.email)

    for named in ({"audiences": ("archive",)}, {"audiences": (ARCHIVE,)}, {"resources": ("archive",)}):
        again = await exchange(client, token, **{"resources": (), **named})
        assert (claims(again.access_token)["aud"], again.scope) == ([ARCHIVE], READ)

    await client.revoke(granted.access_token)
    assert archive.introspect(granted.access_token) == {"active": False}
    with pytest.raises(TokenRevokedError):
        await guarded.verify(granted.access_token)


async def test_sdk_exchanges_with_an_actor_token(
    authserver: AuthServer, agent: MachineClient, archive: MachineClient, token: str
) -> None:
    """The client acts, and behind it whoever its actor token is of."""
    actor = MachineClient.exchanger(authserver, "--agent", scope=READ)
    own = (await (await sdk(actor)).client_credentials([READ], [ARCHIVE])).access_token
    client, server = await sdk(agent), await sdk(archive)
    granted = await exchange(client, token, READ, actor_token=own)
    verified = await server.resource(ARCHIVE, [READ]).verify(granted.access_token)
    inner = {"sub": actor.client_id, "actor_type": "agent"}
    act = {"sub": agent.client_id, "actor_type": "agent", "act": inner}
    assert (verified.sub, verified.client_id) == (claims(token)["sub"], agent.client_id)
    assert (verified.act, verified.agent_id) == (act, agent.client_id)
    assert verified.agent_chain == (actor.client_id, agent.client_id)
    assert archive.introspect(granted.access_token)["act"] == act

    actor.revoke(own)
    with pytest.raises(InvalidRequestError):
        await exchange(client, token, READ, actor_token=own)
    with pytest.raises(InvalidRequestError):
        await exchange(client, token, READ, actor_token="actor")


async def test_sdk_is_told_why_an_exchange_is_refused(
    authserver: AuthServer, agent: MachineClient, token: str, app: OAuthClient, user: HttpUser, demo: Demo
) -> None:
    client, stranger = await sdk(agent), await sdk(MachineClient.exchanger(authserver, scope=READ))

    async def refused(error: type[AuthError], reason: str, *scopes: str, **options: Any) -> None:
        before = authserver.metric(DENIED, reason=reason)
        with pytest.raises(error) as caught:
            await exchange(options.pop("client", client), options.pop("subject", token), *scopes, **options)
        assert caught.value.status_code == 400
        assert authserver.metric(DENIED, reason=reason) == before + 1

    await refused(AccessDeniedError, "exchange_foreign_token", READ, client=stranger)
    await refused(InvalidRequestError, "exchange_target_missing", READ, resources=())
    await refused(InvalidScopeError, "invalid_scope", "beyond")
    await refused(InvalidScopeError, "invalid_scope", WRITE)
    await refused(InvalidTargetError, "invalid_target", READ, resources=(f"{ARCHIVE}/",))
    await refused(InvalidTargetError, "invalid_target", READ, resources=(ARCHIVE, demo.resource))
    await refused(InvalidRequestError, "subject_token_invalid", READ, subject=f"{token}x")
    other = user_token(app, user, demo)
    app.http.post("/oauth/revoke", data={"token": other, "client_id": app.client_id}).raise_for_status()
    await refused(InvalidRequestError, "subject_token_invalid", READ, subject=other)
    assert (await exchange(client, token, READ)).scope == READ


@pytest.mark.config(
    resources=[
        {
            "slug": "closed",
            "uri": CLOSED,
            "scopes": [{"name": READ}],
            "policy": {"exchange": {"allowed_client_ids": ["somebody-else"]}},
        }
    ]
)
async def test_sdk_is_denied_what_is_open_to_others_alone(authserver: AuthServer, agent: MachineClient) -> None:
    """Even for its own token, which it may exchange for anything else."""
    client = await sdk(agent)
    own = (await client.client_credentials([READ], [ARCHIVE])).access_token
    before = authserver.metric(DENIED, reason="exchange_client_not_allowed")
    with pytest.raises(AccessDeniedError):
        await exchange(client, own, READ, resources=(CLOSED,))
    assert authserver.metric(DENIED, reason="exchange_client_not_allowed") == before + 1
    granted = await exchange(client, own, READ)
    assert "act" not in claims(granted.access_token), "nobody acts for another"


# consent


@pytest.mark.parametrize("javascript", [pytest.param(True, id="scripts"), pytest.param(False, id="no scripts")])
async def test_user_follows_the_consent_url_and_the_exchange_succeeds(
    authserver: AuthServer,
    app: OAuthClient,
    agent: MachineClient,
    user: HttpUser,
    demo: Demo,
    new_browser: Callable[..., Browser],
    javascript: bool,
) -> None:
    subject = user_token(app, user, demo, f"{READ} {WRITE}")
    client, browser = await sdk(agent), new_browser(javascript=javascript)
    browser.screenshots = javascript

    async def consent_url(cause: str, *scopes: str) -> str:
        before = authserver.metric(DENIED, reason=cause)
        with pytest.raises(ConsentRequiredError) as caught:
            await exchange(client, subject, *scopes)
        refused = caught.value
        assert (refused.code, refused.status_code, refused.cause_detail) == ("consent_required", 400, cause)
        assert refused.consent_url.startswith(f"{authserver.issuer}/consent/request?")
        assert authserver.metric(DENIED, reason=cause) == before + 1
        return refused.consent_url

    denied = user.answer(await consent_url("consent_missing", READ), "deny")
    assert "You did not allow it" in denied
    url = await consent_url("consent_missing", READ)
    assert "You allowed it" in browser.answer(url)
    assert browser.pages == ["login", "consent"]
    for shown in ("Notebook", "The archive server", ARCHIVE, READ, demo.email):
        assert shown in browser.texts["consent"]
    assert WRITE not in browser.texts["consent"]
    if javascript:
        inspect(browser)
        browser.driver.get(url)
        inspect(browser)
    assert (await exchange(client, subject, READ)).scope == READ

    browser.screenshots = False
    browser.pages.clear()
    assert "You allowed it" in browser.answer(await consent_url("scope_insufficient", READ, WRITE))
    assert browser.pages == ["consent"]
    assert "Already allowed" in browser.texts["consent"]
    granted = await exchange(client, subject)
    assert set(granted.scope.split()) == {READ, WRITE}


# proofs of possession


@with_and_without_nonces
async def test_bound_token_is_exchanged_by_the_holder_of_its_key_alone(
    authserver: AuthServer,
    app: OAuthClient,
    agent: MachineClient,
    archive: MachineClient,
    token: str,
    user: HttpUser,
    demo: Demo,
    nonces: int,
) -> None:
    key = ProofKey()
    subject = user_token(app, user, demo, key=key)
    assert claims(subject)["cnf"] == {"jkt": key.jkt}

    def rejected() -> tuple[float, float]:
        return tuple(authserver.metric(REJECTED, reason=reason) for reason in ("binding", "nonce"))

    binding, nonce = rejected()
    unproven = agent.exchange(subject, resource=ARCHIVE)
    assert (unproven.status_code, unproven.json()["error"]) == (400, "invalid_dpop_proof")
    assert rejected() == (binding + 1, nonce)
    with pytest.raises(AuthError) as caught:
        await exchange(await sdk(agent, dpop=provider(ProofKey())), subject, READ)
    assert (caught.value.code, caught.value.status_code) == ("invalid_dpop_proof", 400)
    assert rejected() == (binding + 2, nonce + nonces)

    client = await sdk(agent, dpop=provider(key))
    granted = await exchange(client, subject, READ)
    assert rejected() == (binding + 2, nonce + 2 * nonces)
    assert granted.token_type == "DPoP"
    assert claims(granted.access_token)["cnf"] == {"jkt": key.jkt}
    known = archive.introspect(granted.access_token)
    assert (known["active"], known["token_type"], known["cnf"]) == (True, "DPoP", {"jkt": key.jkt})
    assert (known["sub"], known["act"]["sub"]) == (demo.user_id, agent.client_id)

    server = await sdk(archive)
    guarded = server.resource(ARCHIVE, [READ], inbound_dpop=InboundDPoPOptions(required=True))
    proof = client.dpop_headers("POST", ARCHIVE, access_token=granted.access_token)["DPoP"]
    verified = await guarded.verify(granted.access_token, dpop_request=Request("POST", ARCHIVE, proof))
    assert verified.dpop_proof and verified.dpop_proof.key_thumbprint == key.jkt
    thief = provider(ProofKey()).build_proof("POST", ARCHIVE, access_token=granted.access_token)
    with pytest.raises(DPoPBindingMismatchError):
        await guarded.verify(granted.access_token, dpop_request=Request("POST", ARCHIVE, thief))

    bearer = await exchange(client, token, READ)
    assert bearer.token_type == "DPoP", "a proof binds what was bound to nothing"
    assert claims(bearer.access_token)["cnf"] == {"jkt": key.jkt}


@pytest.mark.instances(2)
@pytest.mark.config(rate_limit={"enabled": False})
async def test_replayed_proof_of_an_exchange_wins_once(
    instances: list[AuthServer], agent: MachineClient, token: str
) -> None:
    """Sent to two instances at the same time, and then once more."""
    key, pair, together = ProofKey(), [agent.at(server) for server in instances], Barrier(2)

    def replays() -> float:
        return sum(server.metric(REJECTED, reason="replay") for server in instances)

    def send(client: MachineClient, proof: str) -> httpx.Response:
        together.wait(10)
        return client.exchange(token, proof, resource=ARCHIVE)

    before = replays()
    with ThreadPoolExecutor(2) as pool:
        for _ in range(ROUNDS):
            proof = key.proof(agent.token_endpoint)
            answers = sorted(pool.map(send, pair, [proof, proof]), key=lambda answer: answer.status_code)
            assert [answer.status_code for answer in answers] == [200, 400], [answer.text for answer in answers]
            assert claims(answers[0].json()["access_token"])["cnf"] == {"jkt": key.jkt}
            assert answers[1].json()["error"] == "invalid_dpop_proof"
    assert replays() == before + ROUNDS
    late = agent.exchange(token, proof, resource=ARCHIVE)
    assert (late.status_code, late.json()["error"]) == (400, "invalid_dpop_proof")


# oauth4webapi


def oauth4webapi(client: MachineClient, subject: str, **asked: Any) -> dict[str, Any]:
    parameters = {"subject_token": subject, "subject_token_type": ACCESS_TOKEN, "resource": ARCHIVE}
    config = {"issuer": client.server.issuer, "clientId": client.client_id, "clientSecret": client.client_secret}
    return run_script("exchange", {**config, "parameters": parameters, **asked})


@with_and_without_nonces
async def test_oauth4webapi_exchanges_a_token(
    app: OAuthClient, agent: MachineClient, archive: MachineClient, user: HttpUser, demo: Demo, nonces: int
) -> None:
    subject = user_token(app, user, demo)
    refused = oauth4webapi(agent, subject)
    assert (refused["error"], refused["status"], refused["cause"]["cause"]) == (
        "consent_required",
        400,
        "consent_missing",
    )
    user.answer(refused["cause"]["consent_url"])
    bearer = oauth4webapi(agent, subject)
    assert (bearer["token"]["token_type"], bearer["token"]["issued_token_type"]) == ("bearer", ACCESS_TOKEN)
    assert archive.introspect(bearer["token"]["access_token"])["act"]["sub"] == agent.client_id
    bound = oauth4webapi(agent, subject, dpop="ES256")
    assert bound["requests"] == 1 + nonces
    assert bound["token"]["token_type"] == "dpop"
    assert archive.introspect(bound["token"]["access_token"])["cnf"] == {"jkt": bound["jkt"]}


# names of clients


async def test_client_with_a_url_for_a_name_authenticates_by_basic(
    authserver: AuthServer, agent: MachineClient, archive: MachineClient, token: str
) -> None:
    """Client credentials with Basic authentication and a URL as client id: both halves are form-encoded
    (RFC 6749 §2.3.1), so that the colon of the URL does not end the name."""
    named = MachineClient.exchanger(authserver, "--client-id", URL_ID, "--agent", scope=READ)
    assert named.client_id == URL_ID
    client = await sdk(named)
    granted = await client.client_credentials([READ], [ARCHIVE])
    assert archive.introspect(granted.access_token)["sub"] == URL_ID
    assert (await client.introspect(granted.access_token)).client_id == URL_ID
    body = {"grant_type": "client_credentials", "resource": ARCHIVE}
    endpoint = f"{authserver.issuer}/oauth/token"
    raw = httpx.post(endpoint, data=body, auth=(URL_ID, named.client_secret))
    assert (raw.status_code, raw.json()["error"]) == (401, "invalid_client"), "the URL as it is is no name"

    add_resource(authserver, "desk", f"{ARCHIVE}/desk", READ)
    authserver.cli("admin", "resource", "runtime-client", "add", "desk", URL_ID)
    own = oauth4webapi(named, granted.access_token, parameters={
        "subject_token": granted.access_token,
        "subject_token_type": ACCESS_TOKEN,
        "resource": f"{ARCHIVE}/desk",
    })  # fmt: skip
    assert claims(own["token"]["access_token"])["client_id"] == URL_ID
    lent = await exchange(await sdk(agent), granted.access_token, READ)
    assert claims(lent.access_token)["sub"] == URL_ID
