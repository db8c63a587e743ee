"""A client that acts for itself: made by the operator, authenticated by a secret."""

from __future__ import annotations

from typing import Any

import httpx

from .authserver import AuthServer
from .oauth import encode

Headers = list[tuple[str, str]]

TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"


class MachineClient:
    """`server` is where it was created and where it sends its requests."""

    def __init__(
        self, server: AuthServer, client_id: str, client_secret: str, method: str = "client_secret_basic"
    ) -> None:
        self.server = server
        self.client_id = client_id
        self.client_secret = client_secret
        self.method = method
        self.http = httpx.Client(base_url=server.url, timeout=15)

    @classmethod
    def create(
        cls, server: AuthServer, scope: str = "", method: str = "client_secret_basic", *options: str
    ) -> MachineClient:
        made = server.admin(
            "client", "create", "--name", "machine", "--scope", scope, "--auth-method", method, *options
        )
        return cls(server, made["client_id"], made["client_secret"], method)

    @classmethod
    def exchanger(cls, server: AuthServer, *options: str, scope: str = "") -> MachineClient:
        """One that may exchange tokens, and get them for itself."""
        grants = ("--grant-type", "client_credentials", "--grant-type", TOKEN_EXCHANGE)
        return cls.create(server, scope, "client_secret_basic", *grants, *options)

    def at(self, server: AuthServer) -> MachineClient:
        """The same client, talking to another instance."""
        return MachineClient(server, self.client_id, self.client_secret, self.method)

    @property
    def token_endpoint(self) -> str:
        """As the metadata spells it, which is what proofs are made for."""
        return f"{self.server.issuer}/oauth/token"

    def post(self, path: str, proofs: list[str] | None = None, **parameters: Any) -> httpx.Response:
        headers: Headers = [("Content-Type", "application/x-www-form-urlencoded"), ("Accept", "application/json")]
        headers += [("DPoP", proof) for proof in proofs or []]
        if self.method == "client_secret_post":
            parameters |= {"client_id": self.client_id, "client_secret": self.client_secret}
            return self.http.post(path, content=encode(parameters), headers=headers)
        auth = (self.client_id, self.client_secret)
        return self.http.post(path, content=encode(parameters), headers=headers, auth=auth)

    def token(self, *proofs: str, **parameters: Any) -> httpx.Response:
        """A client_credentials request with these proofs in a `DPoP` header each."""
        return self.post("/oauth/token", list(proofs), grant_type="client_credentials", **parameters)

    def exchange(self, subject_token: str, *proofs: str, **parameters: Any) -> httpx.Response:
        """A token exchange request (RFC 8693 §2.1) with these proofs in a `DPoP` header each."""
        parameters = {"subject_token": subject_token, "subject_token_type": ACCESS_TOKEN, **parameters}
        return self.post("/oauth/token", list(proofs), grant_type=TOKEN_EXCHANGE, **parameters)

    def introspect(self, token: str) -> dict[str, Any]:
        answer = self.post("/oauth/introspect", token=token)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def revoke(self, token: str) -> None:
        answer = self.post("/oauth/revoke", token=token)
        assert answer.status_code == 200, answer.text
