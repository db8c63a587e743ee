"""An OAuth client spelled out: each parameter is sent exactly as the test says."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from typing import Any
from urllib.parse import urlencode

import httpx

Parameters = dict[str, Any]


def encode(parameters: Parameters) -> str:
    """Form encoding; a list repeats its parameter, None leaves it out."""
    return urlencode({name: value for name, value in parameters.items() if value is not None}, doseq=True)


def claims(token: str) -> dict[str, Any]:
    """The claims of a JWT. For looking at, not for trusting: the signature is not checked."""
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


class OAuthClient:
    """A public client of the server at `url` (an instance's own address, or the issuer)."""

    def __init__(self, url: str, client_id: str = "", redirect_uri: str = "http://127.0.0.1:33418/callback") -> None:
        self.url = url
        self.http = httpx.Client(base_url=url, timeout=15)
        self.client_id = client_id
        self.redirect_uri = redirect_uri
        self.verifier = secrets.token_urlsafe(48)
        self.state = secrets.token_urlsafe(16)

    def register(self, **metadata: Any) -> dict[str, Any]:
        """RFC 7591, with what MCP clients send unless told otherwise."""
        body = {
            "client_name": "Raw client",
            "redirect_uris": [self.redirect_uri],
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            "token_endpoint_auth_method": "none",
            **metadata,
        }
        answer = self.http.post("/oauth/register", json=body)
        assert answer.status_code == 201, answer.text
        registration = answer.json()
        self.client_id = registration["client_id"]
        return registration

    def authorization_url(self, **changes: Any) -> str:
        digest = hashlib.sha256(self.verifier.encode()).digest()
        parameters = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "state": self.state,
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
            **changes,
        }
        return f"{self.url}/oauth/authorize?{encode(parameters)}"

    def token_request(self, proof: str | None = None, **parameters: Any) -> httpx.Response:
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        if proof:
            headers["DPoP"] = proof
        body = encode({"client_id": self.client_id, **parameters})
        return self.http.post("/oauth/token", content=body, headers=headers)

    def redeem(self, code: str, **changes: Any) -> httpx.Response:
        return self.token_request(
            **{
                "grant_type": "authorization_code",
                "code": code,
                "redirect_uri": self.redirect_uri,
                "code_verifier": self.verifier,
                **changes,
            }
        )

    def refresh(self, refresh_token: str, **changes: Any) -> httpx.Response:
        return self.token_request(grant_type="refresh_token", refresh_token=refresh_token, **changes)
