"""An OIDC issuer on loopback for the tests: it signs whatever it is told to and serves its keys over real HTTP."""

import base64
import json
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

NOW = 1_760_000_000_000
SECOND = 1_000
ISSUER = "https://login.example.com/"
AUDIENCE = "https://api.example.com"
USER = "auth0|64f1c0ffee"

RSA_KEY = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
"""Made once, because making one is slow."""

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def jwk_of(key: PrivateKey, **members: Any) -> dict[str, Any]:
    """The public half as a JSON Web Key."""
    match key:
        case rsa.RSAPrivateKey():
            jwk = RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
        case ec.EllipticCurvePrivateKey():
            jwk = ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
        case ed25519.Ed25519PrivateKey():
            jwk = OKPAlgorithm.to_jwk(key.public_key(), as_dict=True)
    return {**jwk, "use": "sig", **members}


def claims(**changes: Any) -> dict[str, Any]:
    """Good claims at NOW with changes; a change to None leaves the claim out."""
    good = {"iss": ISSUER, "aud": AUDIENCE, "sub": USER, "iat": NOW // SECOND, "exp": NOW // SECOND + 3_600}
    return {name: value for name, value in (good | changes).items() if value is not None}


def token_of(
    key: PrivateKey, kid: str, algorithm: str = "ES256", headers: Mapping[str, Any] | None = None, **changes: Any
) -> str:
    """A token that PyJWT would make, of good claims with changes."""
    return jwt.encode(claims(**changes), key, algorithm=algorithm, headers={"kid": kid, **(headers or {})})


def token_of_texts(
    header: bytes | Mapping[str, Any], payload: bytes | Mapping[str, Any], key: PrivateKey | None
) -> str:
    """A token of any bytes, signed with the key's own algorithm, for what no library would agree to write."""
    parts = [part if isinstance(part, bytes) else json.dumps(part).encode() for part in (header, payload)]
    signed = ".".join(base64url(part) for part in parts)
    return f"{signed}.{base64url(signature_of(key, signed.encode()))}"


def signature_of(key: PrivateKey | None, signed: bytes) -> bytes:
    match key:
        case None:
            return b""
        case rsa.RSAPrivateKey():
            return jwt.get_algorithm_by_name("RS256").sign(signed, key)
        case ec.EllipticCurvePrivateKey():
            return jwt.get_algorithm_by_name("ES256").sign(signed, key)
        case ed25519.Ed25519PrivateKey():
            return jwt.get_algorithm_by_name("EdDSA").sign(signed, key)


def base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


class KeyServer:
    """Serves one JSON Web Key Set on loopback; every part of its answer can be changed between two requests."""

    def __init__(self) -> None:
        self.requests = 0
        self.status = 200
        self.headers: dict[str, str] = {}
        self.body = b""
        self.asked = threading.Event()
        self.open = threading.Event()
        self.open.set()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.open.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/jwks.json"

    def publish(self, *jwks: object) -> None:
        self.body = json.dumps({"keys": jwks}).encode()

    def hold(self) -> None:
        """Let requests come in and wait unanswered until `open` is set."""
        self.asked.clear()
        self.open.clear()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.requests += 1
                outer.asked.set()
                outer.open.wait()
                self.send_response(outer.status)
                for name, value in outer.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(outer.body)))
                self.end_headers()
                try:
                    self.wfile.write(outer.body)
                except ConnectionError:
                    return  # The client hung up in the middle, as it should on a body that is too long.

            def log_message(self, format: str, *args: object) -> None:
                return

        return Handler
