"""`authplane-sdk`, set up for the tests' clients and keys."""

from __future__ import annotations

from typing import Any

from authplane import ASCredentials, AuthplaneClient, DPoPKeyMaterial, DPoPProvider
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from .dpop import ProofKey
from .machine import MachineClient


async def sdk(client: MachineClient, **options: Any) -> AuthplaneClient:
    """The SDK as `client`; it authenticates by Basic."""
    auth = ASCredentials(client.client_id, client.client_secret)
    return await AuthplaneClient.create(client.server.issuer, auth=auth, dev_mode=True, **options)


def provider(key: ProofKey) -> DPoPProvider:
    pem = key.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return DPoPProvider(DPoPKeyMaterial.from_pem(pem, algorithm=key.alg))


class Request:
    """A request to a resource server, as the SDK's verifier wants to know it."""

    def __init__(self, method: str, url: str, proof: str | None) -> None:
        self.method, self.url, self.proof = method, url, proof
