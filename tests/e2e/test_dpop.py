"""Proofs of possession at the token endpoint: every reason to refuse one, and what binding is worth.

Each refused request differs from an accepted one in one thing.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import httpx
import pytest
from peers.authserver import AuthServer
from peers.demo import READ, Demo
from peers.dpop import ProofKey, base64url
from peers.machine import MachineClient
from peers.oauth import OAuthClient, claims
from peers.process import wait_until
from peers.user import HttpUser

REASONS = (
    "malformed", "typ", "alg", "jwk", "signature", "htm", "htu", "iat", "replay", "nonce", "multiple", "binding",
)  # fmt: skip
REJECTED = "authplane_dpop_proofs_rejected_total"
VALIDATED = "authplane_dpop_proofs_validated_total"
ROUNDS = 60

nonce_required = pytest.mark.config(dpop={"require_nonce": True})


@pytest.fixture
def key() -> ProofKey:
    return ProofKey()


@pytest.fixture
def machine(authserver: AuthServer) -> MachineClient:
    return MachineClient.create(authserver)


@pytest.fixture
def url(machine: MachineClient) -> str:
    return machine.token_endpoint


@pytest.fixture
def agent(client: OAuthClient, demo: Demo) -> OAuthClient:
    """A public client, registered."""
    client.register()
    return client


def bound(answer: httpx.Response, key: ProofKey) -> dict:
    """The token response, which is for a token bound to `key`."""
    assert answer.status_code == 200, answer.text
    assert answer.json()["token_type"] == "DPoP"
    assert claims(answer.json()["access_token"])["cnf"] == {"jkt": key.jkt}
    return answer.json()


def bearer(answer: httpx.Response) -> dict:
    """The token response, which is for a token bound to nothing."""
    assert answer.status_code == 200, answer.text
    assert answer.json()["token_type"] == "Bearer"
    assert "cnf" not in claims(answer.json()["access_token"])
    return answer.json()


Refuse = Callable[[str, Callable[[], httpx.Response]], None]


@pytest.fixture
def refused(authserver: AuthServer) -> Iterator[Refuse]:
    """`refused(reason, send)`: what `send` sends is refused and counted for `reason`, once, and for nothing else."""

    def counts() -> dict[str, float]:
        return {reason: authserver.metric(REJECTED, reason=reason) for reason in REASONS}

    def check(reason: str, send: Callable[[], httpx.Response]) -> None:
        before = counts()
        answer = send()
        code = "use_dpop_nonce" if reason == "nonce" else "invalid_dpop_proof"
        assert (answer.status_code, answer.json().get("error")) == (400, code), (reason, answer.text)
        assert answer.headers["Content-Type"].startswith("application/json")
        assert answer.headers["Cache-Control"] == "no-store"
        assert ("DPoP-Nonce" in answer.headers) == ("DPoP" in answer.request.headers)
        assert counts() == before | {reason: before[reason] + 1}

    return check


# what a proof must be


@pytest.mark.parametrize("alg", ["ES256", "RS256", "PS256", "EdDSA"])
def test_proof_of_every_published_algorithm_binds_the_token(
    authserver: AuthServer, machine: MachineClient, url: str, alg: str
) -> None:
    metadata = httpx.get(f"{authserver.url}/.well-known/oauth-authorization-server").json()
    assert alg in metadata["dpop_signing_alg_values_supported"]
    key = ProofKey(alg)
    before = authserver.metric(VALIDATED)
    answer = machine.token(key.proof(url))
    bound(answer, key)
    assert answer.headers["DPoP-Nonce"]
    assert authserver.metric(VALIDATED) == before + 1


def test_request_without_a_proof_gets_a_bearer_token_and_no_nonce(machine: MachineClient) -> None:
    answer = machine.token()
    bearer(answer)
    assert "DPoP-Nonce" not in answer.headers


@pytest.mark.config(dpop={"enabled": False})
def test_switched_off_the_header_means_nothing(authserver: AuthServer, machine: MachineClient) -> None:
    answer = machine.token("not a proof")
    bearer(answer)
    assert "DPoP-Nonce" not in answer.headers
    metadata = httpx.get(f"{authserver.url}/.well-known/oauth-authorization-server").json()
    assert "dpop_signing_alg_values_supported" not in metadata


def test_malformed(machine: MachineClient, key: ProofKey, url: str, refused: Refuse) -> None:
    header, payload, signature = key.proof(url).split(".")
    members = base64.urlsafe_b64decode(payload + "==").decode()
    doubled = base64url(members.replace("{", '{"htm": "POST", ', 1).encode())
    twice = f"{header}.{doubled}"
    broken = [
        "proof",
        f"{header}.{payload}",
        f"{header}.{payload}.{signature}.{signature}",
        f"{header}.{payload}.{signature}=",
        f"{header}.{base64url(b'[]')}.{signature}",
        f"{twice}.{base64url(key.sign(twice.encode()))}",
        *(key.proof(url, **{claim: None}) for claim in ("jti", "htm", "htu", "iat")),
        key.proof(url, jti=""),
        key.proof(url, jti="j" * 257),
        key.proof(url, iat=str(int(time.time()))),
        key.proof(url, nonce=1),
        key.proof(url, header={"crit": ["x"], "x": 1}),
        key.proof(url, jti="0", extra="x" * 8192),
    ]
    for proof in broken:
        refused("malformed", lambda proof=proof: machine.token(proof))
    bound(machine.token(f"{header}.{payload}.{signature}"), key)


def test_typ(machine: MachineClient, key: ProofKey, url: str, refused: Refuse) -> None:
    for typ in ("JWT", "at+jwt", "DPoP+JWT", None):
        refused("typ", lambda typ=typ: machine.token(key.proof(url, header={"typ": typ})))
    bound(machine.token(key.proof(url, header={"typ": "dpop+jwt"})), key)


def test_alg(machine: MachineClient, key: ProofKey, url: str, refused: Refuse) -> None:
    def keyed(alg: str) -> str:
        """A MAC under what everybody can read in the proof: its public key."""
        unsigned = key.proof(url, header={"alg": alg}, signature=b"").rpartition(".")[0]
        secret = json.dumps(key.jwk).encode()
        return f"{unsigned}.{base64url(hmac.digest(secret, unsigned.encode(), hashlib.sha256))}"

    refused("alg", lambda: machine.token(key.proof(url, header={"alg": "none"}, signature=b"")))
    refused("alg", lambda: machine.token(key.proof(url, header={"alg": None})))
    refused("alg", lambda: machine.token(keyed("HS256")))
    for alg in ("none", "HS256", "ES384", "RS512", "es256"):
        refused("alg", lambda alg=alg: machine.token(key.proof(url, header={"alg": alg})))
    bound(machine.token(key.proof(url)), key)


def test_jwk(machine: MachineClient, key: ProofKey, url: str, refused: Refuse) -> None:
    symmetric = {"kty": "oct", "k": base64url(b"k" * 32)}
    no_point = {**key.jwk, "y": key.jwk["x"]}
    for jwk in (None, "", [], {}, key.private_jwk, symmetric, no_point, ProofKey("EdDSA").jwk, ProofKey("RS256").jwk):
        refused("jwk", lambda jwk=jwk: machine.token(key.proof(url, header={"jwk": jwk})))
    weak = ProofKey("RS256", rsa_bits=1024)
    refused("jwk", lambda: machine.token(weak.proof(url)))
    bound(machine.token(key.proof(url)), key)


def test_signature(machine: MachineClient, key: ProofKey, url: str, refused: Refuse) -> None:
    good = key.proof(url)
    header, _, signature = good.split(".")
    other_claims = key.proof(url).split(".")[1]
    refused("signature", lambda: machine.token(f"{header}.{other_claims}.{signature}"))
    refused("signature", lambda: machine.token(key.proof(url, header={"jwk": ProofKey().jwk})))
    for forged in (b"", bytes(64), b"\x01" * 64):
        refused("signature", lambda forged=forged: machine.token(key.proof(url, signature=forged)))
    bound(machine.token(good), key)


def test_htm(machine: MachineClient, key: ProofKey, url: str, refused: Refuse) -> None:
    for method in ("GET", "PUT", "post", "POST "):
        refused("htm", lambda method=method: machine.token(key.proof(url, htm=method)))
    bound(machine.token(key.proof(url)), key)


def test_htu(authserver: AuthServer, machine: MachineClient, key: ProofKey, url: str, refused: Refuse) -> None:
    port = int(authserver.issuer.rpartition(":")[2])
    elsewhere = [
        url.replace("/oauth/token", "/oauth/introspect"),
        url.replace("/oauth/token", "/OAuth/Token"),
        f"{url}/",
        f"{authserver.issuer}",
        url.replace(f":{port}", f":{port + 1}"),
        url.replace(f":{port}", ""),
        url.replace("http:", "https:"),
        url.replace("localhost", "127.0.0.1"),
        url.replace("localhost", "localhost.example"),
        url.replace("//", "//user@"),
        "/oauth/token",
        "",
    ]
    for other in elsewhere:
        refused("htu", lambda other=other: machine.token(key.proof(other)))
    same = [
        url,
        url.replace("http://localhost", "HTTP://LocalHost"),
        f"{url}?grant_type=client_credentials",
        f"{url}#here",
        url.replace("/oauth/token", "/oauth/%74oken"),
        url.replace("/oauth/token", "/./oauth/x/../token"),
    ]
    for spelling in same:
        bound(machine.token(key.proof(spelling)), key)


def issuer(url: str, *values: str) -> object:
    """A parameter of a test whose server has this issuer."""
    return pytest.param(*values, marks=pytest.mark.config(server={"issuer": url}))


@pytest.mark.parametrize(
    ("path", "spelling"),
    [
        issuer("https://auth.example.com", "/oauth/token", "https://auth.example.com:443/oauth/token"),
        issuer("https://auth.example.com/a", "/a/oauth/token", "https://AUTH.example.com:/a/oauth/token"),
    ],
)
def test_htu_is_of_the_issuer_and_its_default_port_may_be_written(
    authserver: AuthServer, machine: MachineClient, key: ProofKey, refused: Refuse, path: str, spelling: str
) -> None:
    def token(url: str) -> httpx.Response:
        return machine.post(path, [key.proof(url)], grant_type="client_credentials")

    bound(token(spelling), key)
    refused("htu", lambda: token(f"{authserver.url}{path}"))


def test_iat(machine: MachineClient, key: ProofKey, url: str, refused: Refuse) -> None:
    now = int(time.time())
    for iat in (now - 61, now - 3600, 0, -1, now + 45, now + 3600, 1e300):
        refused("iat", lambda iat=iat: machine.token(key.proof(url, iat=iat)))
    for iat in (now - 40, now, now + 0.5, now + 20):
        bound(machine.token(key.proof(url, iat=iat)), key)


@pytest.mark.config(dpop={"proof_lifetime": "2s"})
def test_iat_is_good_for_as_long_as_configured(
    machine: MachineClient, key: ProofKey, url: str, refused: Refuse
) -> None:
    refused("iat", lambda: machine.token(key.proof(url, iat=int(time.time()) - 3)))
    bound(machine.token(key.proof(url)), key)


def test_multiple(machine: MachineClient, key: ProofKey, url: str, refused: Refuse) -> None:
    first, second = key.proof(url), key.proof(url)
    refused("multiple", lambda: machine.token(first, second))
    refused("multiple", lambda: machine.token(first, first))
    refused("multiple", lambda: machine.token(f"{first}, {second}"))
    for proof in (first, second):
        bound(machine.token(proof), key)


# replay


def test_replay(authserver: AuthServer, machine: MachineClient, key: ProofKey, url: str, refused: Refuse) -> None:
    proof = key.proof(url, jti="once")
    bound(machine.token(proof), key)
    refused("replay", lambda: machine.token(proof))
    refused("replay", lambda: machine.token(key.proof(url, jti="once", iat=int(time.time()) - 5)))
    refused("replay", lambda: machine.token(key.proof(f"{url}?other=1", jti="once")))
    other = MachineClient.create(authserver)
    refused("replay", lambda: other.token(proof))
    bound(machine.token(key.proof(url, jti="twice")), key)
    stranger = ProofKey()
    bound(machine.token(stranger.proof(url, jti="once")), stranger)


def test_proof_of_a_refused_request_is_not_used_up(machine: MachineClient, key: ProofKey, url: str) -> None:
    proof = key.proof(url)
    assert machine.token(proof, scope="beyond").json()["error"] == "invalid_scope"
    bound(machine.token(proof), key)


def test_replay_is_noticed_after_a_restart(
    authserver: AuthServer, machine: MachineClient, key: ProofKey, url: str, refused: Refuse
) -> None:
    proof = key.proof(url)
    bound(machine.token(proof), key)
    authserver.stop()
    authserver.start()
    refused("replay", lambda: machine.token(proof))


@pytest.mark.instances(2)
@pytest.mark.config(rate_limit={"enabled": False})
def test_replay_at_two_instances_at_once_wins_once(instances: list[AuthServer], key: ProofKey) -> None:
    """On PostgreSQL, and on one SQLite file that two processes share."""
    one = MachineClient.create(instances[0])
    pair = [one, one.at(instances[1])]
    before = sum(server.metric(REJECTED, reason="replay") for server in instances)
    together = Barrier(2)

    def send(client: MachineClient, proof: str) -> httpx.Response:
        together.wait(10)
        return client.token(proof)

    winners = []
    with ThreadPoolExecutor(2) as pool:
        for _ in range(ROUNDS):
            proof = key.proof(one.token_endpoint)
            answers = list(pool.map(send, pair, [proof, proof]))
            won = [number for number, answer in enumerate(answers) if answer.status_code == 200]
            assert len(won) == 1, [answer.text for answer in answers]
            bound(answers[won[0]], key)
            lost = answers[1 - won[0]]
            assert (lost.status_code, lost.json()["error"]) == (400, "invalid_dpop_proof")
            winners += won
    after = sum(server.metric(REJECTED, reason="replay") for server in instances)
    assert after - before == ROUNDS
    print(f"instance 1 won {winners.count(0)} of {ROUNDS} rounds")


def test_replayed_proof_spends_neither_code_nor_refresh_token(
    agent: OAuthClient, demo: Demo, user: HttpUser, machine: MachineClient, key: ProofKey, url: str, refused: Refuse
) -> None:
    proof = key.proof(url)
    bound(machine.token(proof), key)
    code = user.authorize(agent.authorization_url(resource=demo.resource, scope=READ))["code"]
    refused("replay", lambda: agent.redeem(code, proof=proof))
    refused("typ", lambda: agent.redeem(code, proof=key.proof(url, header={"typ": "JWT"})))
    first = bound(agent.redeem(code, proof=key.proof(url)), key)

    token = first["refresh_token"]
    refused("replay", lambda: agent.refresh(token, proof=proof))
    refused("typ", lambda: agent.refresh(token, proof=key.proof(url, header={"typ": "JWT"})))
    bound(agent.refresh(token, proof=key.proof(url)), key)


# nonces


@nonce_required
def test_nonce_is_asked_for_and_then_good(machine: MachineClient, key: ProofKey, url: str, refused: Refuse) -> None:
    refused("nonce", lambda: machine.token(key.proof(url)))
    challenge = machine.token(key.proof(url))
    nonce = challenge.headers["DPoP-Nonce"]
    answer = machine.token(key.proof(url, nonce=nonce))
    bound(answer, key)
    bound(machine.token(key.proof(url, nonce=nonce)), key)
    bound(machine.token(key.proof(url, nonce=answer.headers["DPoP-Nonce"])), key)
    changed = ("B" if nonce[0] == "A" else "A") + nonce[1:]
    for other in ("", "nonce", nonce[:-1], changed, nonce[::-1]):
        refused("nonce", lambda other=other: machine.token(key.proof(url, nonce=other)))


@nonce_required
def test_who_sends_no_proof_needs_no_nonce(machine: MachineClient) -> None:
    answer = machine.token()
    bearer(answer)
    assert "DPoP-Nonce" not in answer.headers


@pytest.mark.config(dpop={"nonce_ttl": "1s"})
def test_stale_nonce_is_refused_even_where_none_is_required(
    machine: MachineClient, key: ProofKey, url: str, refused: Refuse
) -> None:
    nonce = machine.token(key.proof(url)).headers["DPoP-Nonce"]
    time.sleep(1.1)
    refused("nonce", lambda: machine.token(key.proof(url, nonce=nonce)))
    fresh = machine.token(key.proof(url, nonce=nonce)).headers["DPoP-Nonce"]
    bound(machine.token(key.proof(url, nonce=fresh)), key)


@nonce_required
@pytest.mark.instances(2)
def test_nonce_of_one_instance_is_good_at_the_other(instances: list[AuthServer], key: ProofKey) -> None:
    one = MachineClient.create(instances[0])
    nonce = one.token(key.proof(one.token_endpoint)).headers["DPoP-Nonce"]
    bound(one.at(instances[1]).token(key.proof(one.token_endpoint, nonce=nonce)), key)


@nonce_required
def test_want_of_a_nonce_does_not_spend_the_code(
    authserver: AuthServer, agent: OAuthClient, demo: Demo, user: HttpUser, key: ProofKey, refused: Refuse
) -> None:
    url = f"{authserver.issuer}/oauth/token"
    code = user.authorize(agent.authorization_url(resource=demo.resource, scope=READ))["code"]
    refused("nonce", lambda: agent.redeem(code, proof=key.proof(url)))
    nonce = agent.redeem(code, proof=key.proof(url)).headers["DPoP-Nonce"]
    token = bound(agent.redeem(code, proof=key.proof(url, nonce=nonce)), key)["refresh_token"]
    refused("nonce", lambda: agent.refresh(token, proof=key.proof(url)))
    bound(agent.refresh(token, proof=key.proof(url, nonce=nonce)), key)


# binding


def test_refresh_token_of_a_public_client_is_worth_nothing_without_its_key(
    authserver: AuthServer, agent: OAuthClient, demo: Demo, user: HttpUser, key: ProofKey, refused: Refuse
) -> None:
    url = f"{authserver.issuer}/oauth/token"
    code = user.authorize(agent.authorization_url(resource=demo.resource, scope=READ))["code"]
    stolen = bound(agent.redeem(code, proof=key.proof(url)), key)["refresh_token"]

    thief = ProofKey()
    refused("binding", lambda: agent.refresh(stolen))
    refused("binding", lambda: agent.refresh(stolen, proof=thief.proof(url)))
    refused("jwk", lambda: agent.refresh(stolen, proof=thief.proof(url, header={"jwk": None})))
    refused("signature", lambda: agent.refresh(stolen, proof=thief.proof(url, header={"jwk": key.jwk})))

    rotated = bound(agent.refresh(stolen, proof=key.proof(url)), key)["refresh_token"]
    refused("binding", lambda: agent.refresh(rotated))
    refused("binding", lambda: agent.refresh(rotated, proof=thief.proof(url)))
    bound(agent.refresh(rotated, proof=key.proof(url)), key)


def test_retry_of_a_bound_refresh_needs_the_key_and_a_proof_of_its_own(
    authserver: AuthServer, agent: OAuthClient, demo: Demo, user: HttpUser, key: ProofKey, refused: Refuse
) -> None:
    url, thief = f"{authserver.issuer}/oauth/token", ProofKey()
    code = user.authorize(agent.authorization_url(resource=demo.resource, scope=READ))["code"]
    spent = bound(agent.redeem(code, proof=key.proof(url)), key)["refresh_token"]
    proof = key.proof(url)
    rotated = bound(agent.refresh(spent, proof=proof), key)["refresh_token"]
    refused("replay", lambda: agent.refresh(spent, proof=proof))
    refused("binding", lambda: agent.refresh(spent))
    refused("binding", lambda: agent.refresh(spent, proof=thief.proof(url)))
    assert bound(agent.refresh(spent, proof=key.proof(url)), key)["refresh_token"] == rotated
    assert authserver.metric("authserver_refresh_token_retries_total") == 1
    refused("binding", lambda: agent.refresh(rotated))
    bound(agent.refresh(rotated, proof=key.proof(url)), key)


def test_public_client_may_begin_to_prove_a_key_and_stop_again(
    authserver: AuthServer, agent: OAuthClient, demo: Demo, user: HttpUser, key: ProofKey
) -> None:
    """What was issued without a proof is not bound, and a later proof binds the access token alone."""
    url = f"{authserver.issuer}/oauth/token"
    code = user.authorize(agent.authorization_url(resource=demo.resource, scope=READ))["code"]
    first = bearer(agent.redeem(code))
    second = bound(agent.refresh(first["refresh_token"], proof=key.proof(url)), key)
    bearer(agent.refresh(second["refresh_token"]))


def test_refresh_token_of_a_confidential_client_is_not_bound(
    authserver: AuthServer, client: OAuthClient, demo: Demo, user: HttpUser, key: ProofKey
) -> None:
    """Its secret guards it (RFC 9449 §5), so it may change keys."""
    url = f"{authserver.issuer}/oauth/token"
    registration = client.register(token_endpoint_auth_method="client_secret_basic")
    client.http.auth = (registration["client_id"], registration["client_secret"])
    code = user.authorize(client.authorization_url(resource=demo.resource, scope=READ))["code"]
    first = bound(client.redeem(code, proof=key.proof(url)), key)
    successor = ProofKey()
    second = bound(client.refresh(first["refresh_token"], proof=successor.proof(url)), successor)
    bearer(client.refresh(second["refresh_token"]))


def test_token_of_a_user_says_at_introspection_what_it_is_bound_to(
    authserver: AuthServer,
    agent: OAuthClient,
    demo: Demo,
    user: HttpUser,
    key: ProofKey,
    runtime_client: dict[str, str],
) -> None:
    url = f"{authserver.issuer}/oauth/token"
    server = MachineClient(authserver, *runtime_client.values())
    code = user.authorize(agent.authorization_url(resource=demo.resource, scope=READ))["code"]
    first = bound(agent.redeem(code, proof=key.proof(url)), key)
    wait_until(lambda: server.introspect(first["access_token"])["active"], 1.5, "runtime client known")
    second = bound(agent.refresh(first["refresh_token"], proof=key.proof(url)), key)
    for token in (first["access_token"], second["access_token"]):
        known = server.introspect(token)
        assert (known["active"], known["token_type"], known["cnf"]) == (True, "DPoP", {"jkt": key.jkt})
        assert (known["sub"], known["username"]) == (demo.user_id, demo.email)
