"""A client that identifies itself by a metadata document: its site, over TLS or in the clear."""

from __future__ import annotations

import datetime
import ipaddress
import json
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID


class Authority:
    """A certificate authority of the test run, and one server certificate for 127.0.0.1."""

    def __init__(self, folder: Path) -> None:
        self.certificate = folder / "ca.pem"
        self.server = folder / "server.pem"
        ca_key, ca = self._issue("AuthPlane test CA")
        key, leaf = self._issue("127.0.0.1", issuer=(ca_key, ca))
        self.certificate.write_bytes(ca.public_bytes(serialization.Encoding.PEM))
        self.server.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            + leaf.public_bytes(serialization.Encoding.PEM)
        )

    @staticmethod
    def _issue(
        name: str, issuer: tuple[ec.EllipticCurvePrivateKey, x509.Certificate] | None = None
    ) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        signer, parent = issuer if issuer else (key, None)
        now = datetime.datetime.now(datetime.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(parent.subject if parent else subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=parent is None, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        )
        if parent:
            address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
            authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
            server_auth = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
            builder = builder.add_extension(x509.SubjectAlternativeName([address]), critical=False)
            builder = builder.add_extension(authority, critical=False).add_extension(server_auth, critical=False)
        return key, builder.sign(signer, hashes.SHA256())


class ClientSite:
    """Serves one client ID metadata document at `client_id`, and counts how often it is fetched."""

    def __init__(self, redirect_uri: str, authority: Authority | None = None) -> None:
        site = self
        self.fetches = 0

        class Document(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.fetches += 1
                body = json.dumps(site.document).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Document)
        scheme = "http"
        if authority:
            scheme = "https"
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(authority.server)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.client_id = f"{scheme}://127.0.0.1:{self.server.server_address[1]}/client.json"
        self.document: dict[str, Any] = {
            "client_id": self.client_id,
            "client_name": "Document client",
            "redirect_uris": [redirect_uri],
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            "token_endpoint_auth_method": "none",
        }

    def __enter__(self) -> ClientSite:
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()
