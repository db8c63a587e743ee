"""Clients that authenticate with their own key: oauth4webapi, and documents as ChatGPT publishes them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from peers.authserver import AuthServer
from peers.cimd import ClientSite
from peers.demo import READ, Demo
from peers.node import run_script
from peers.oauth import OAuthClient, claims
from peers.user import HttpUser

REDIRECT = "https://chat.example.com/connector/callback"
METHOD = "private_key_jwt"
ALGORITHMS = ("ES256", "ES384", "RS256", "PS256", "Ed25519")

local_documents = pytest.mark.config(cimd={"require_https": False, "allow_private_addresses": True})
shapes = pytest.mark.parametrize(
    "listed",
    [{}, {"token_endpoint_auth_methods_supported": ["none", METHOD]}],
    ids=["method_alone", "with_the_list"],
)


class Signer:
    """A key pair made by the peer itself."""

    def __init__(self, alg: str, kid: str = "1") -> None:
        self.alg, self.kid = alg, kid
        pair = run_script("assertion", {"act": "generate", "alg": alg})
        self.private = pair["private"]
        self.jwks = {"keys": [{**pair["public"], "kid": kid, "use": "sig"}]}

    def run(self, act: str, server: AuthServer, client_id: str, **more: Any) -> dict[str, Any]:
        config = {"act": act, "issuer": server.issuer, "clientId": client_id, "alg": self.alg, "kid": self.kid}
        return run_script("assertion", {**config, "key": self.private, **more})


@pytest.mark.parametrize("alg", ALGORITHMS)
def test_machine_client_of_oauth4webapi_uses_its_key_at_every_endpoint(
    authserver: AuthServer, demo: Demo, tmp_path: Path, alg: str
) -> None:
    signer = Signer(alg)
    file = tmp_path / "public.jwks.json"
    file.write_text(json.dumps(signer.jwks))
    options = ("--scope", READ, "--auth-method", METHOD, "--jwks-file", str(file))
    made = authserver.admin("client", "create", "--name", "machine", *options)
    assert "client_secret" not in made
    done = signer.run("machine", authserver, made["client_id"], resource=demo.resource)
    assert claims(done["tokens"]["access_token"])["client_id"] == made["client_id"]
    assert (done["before"], done["after"]) == (True, False)
    refused = Signer(alg).run("machine", authserver, made["client_id"], resource=demo.resource)
    assert refused == {"error": "invalid_client", "status": 401}


def test_method_of_a_client_is_changed_from_the_command_line(
    authserver: AuthServer, demo: Demo, tmp_path: Path
) -> None:
    signer = Signer("ES256")
    file = tmp_path / "public.jwks.json"
    file.write_text(json.dumps(signer.jwks))
    made = authserver.admin("client", "create", "--name", "machine", "--scope", READ)
    client_id = made["client_id"]
    update = ("client", "update", client_id, "--auth-method")
    changed = authserver.admin(*update, METHOD, "--jwks-file", str(file), "--auth-signing-alg", "ES256")
    assert changed["token_endpoint_auth_method"] == METHOD
    assert signer.run("machine", authserver, client_id, resource=demo.resource)["before"] is True
    changed = authserver.admin(*update, "client_secret_post")
    assert changed["client_secret"] != made["client_secret"]
    assert signer.run("machine", authserver, client_id, resource=demo.resource)["error"] == "invalid_client"


@local_documents
@shapes
def test_document_as_chatgpt_publishes_it_works_with_a_key_behind_its_jwks_uri(
    authserver: AuthServer, demo: Demo, user: HttpUser, listed: dict[str, Any]
) -> None:
    signer = Signer("RS256")
    with ClientSite(REDIRECT) as site, ClientSite(REDIRECT) as keys:
        keys.document = signer.jwks
        site.document |= {
            "token_endpoint_auth_method": METHOD,
            "token_endpoint_auth_signing_alg": "RS256",
            "jwks_uri": keys.client_id,
            **listed,
        }
        client = OAuthClient(authserver.issuer, client_id=site.client_id, redirect_uri=REDIRECT)
        response = user.authorize(client.authorization_url(resource=demo.resource, scope=READ))
        about = {"state": client.state, "verifier": client.verifier, "redirectUri": REDIRECT}
        done = signer.run("code", authserver, site.client_id, response=response, **about)
        assert claims(done["tokens"]["access_token"])["client_id"] == site.client_id
        assert (done["before"], done["after"]) == (True, False)
        assert (site.fetches, keys.fetches) == (1, 1)

        # Without its key: only where the document offers that.
        response = user.authorize(client.authorization_url(resource=demo.resource, scope=READ))
        bare = client.redeem(response["code"], resource=demo.resource)
        assert bare.status_code == (200 if listed else 401), bare.text
