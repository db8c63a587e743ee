"""Proofs of possession (RFC 9449 §4.2) built by hand, so that a test can make any one part of them wrong."""

from __future__ import annotations

import base64
import hashlib
import json
import time
import uuid
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

Members = dict[str, Any]

SHA = SHA256()


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def number(value: int, length: int | None = None) -> str:
    return base64url(value.to_bytes(length or (value.bit_length() + 7) // 8, "big"))


def laid_over(members: Members, changes: Members) -> Members:
    """`members` with `changes`; None leaves a member out."""
    return {name: value for name, value in (members | changes).items() if value is not None}


class ProofKey:
    """A client's key pair."""

    def __init__(self, alg: str = "ES256", rsa_bits: int = 2048) -> None:
        self.alg = alg
        self.private: Any
        if alg == "ES256":
            self.private = ec.generate_private_key(ec.SECP256R1())
            point = self.private.public_key().public_numbers()
            self.jwk = {"kty": "EC", "crv": "P-256", "x": number(point.x, 32), "y": number(point.y, 32)}
        elif alg == "EdDSA":
            self.private = ed25519.Ed25519PrivateKey.generate()
            self.jwk = {
                "kty": "OKP",
                "crv": "Ed25519",
                "x": base64url(self.private.public_key().public_bytes_raw()),
            }
        else:
            self.private = rsa.generate_private_key(65537, rsa_bits)
            numbers = self.private.public_key().public_numbers()
            self.jwk = {"kty": "RSA", "n": number(numbers.n), "e": number(numbers.e)}

    @property
    def jkt(self) -> str:
        """The thumbprint of the key (RFC 7638)."""
        canonical = json.dumps(self.jwk, sort_keys=True, separators=(",", ":"))
        return base64url(hashlib.sha256(canonical.encode()).digest())

    @property
    def private_jwk(self) -> Members:
        return {**self.jwk, "d": number(self.private.private_numbers().private_value, 32)}

    def sign(self, data: bytes) -> bytes:
        if self.alg == "ES256":
            r, s = decode_dss_signature(self.private.sign(data, ec.ECDSA(SHA)))
            return r.to_bytes(32, "big") + s.to_bytes(32, "big")
        if self.alg == "EdDSA":
            return self.private.sign(data)
        if self.alg == "PS256":
            return self.private.sign(data, padding.PSS(padding.MGF1(SHA), SHA.digest_size), SHA)
        return self.private.sign(data, padding.PKCS1v15(), SHA)

    def proof(self, url: str, header: Members | None = None, signature: bytes | None = None, **claims: Any) -> str:
        """A good proof for a POST to `url`, but for what `header`, `signature` and `claims` change."""
        header = laid_over({"typ": "dpop+jwt", "alg": self.alg, "jwk": self.jwk}, header or {})
        made = {"jti": str(uuid.uuid4()), "htm": "POST", "htu": url, "iat": int(time.time())}
        parts = [json.dumps(part).encode() for part in (header, laid_over(made, claims))]
        signed = ".".join(map(base64url, parts))
        if signature is None:
            signature = self.sign(signed.encode())
        return f"{signed}.{base64url(signature)}"
