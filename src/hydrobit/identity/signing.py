"""The own issuer: one ES256 key in a file that only its owner can read, made at the first start."""

import os
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Self

import jwt
import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from jwt.algorithms import ECAlgorithm

from hydrobit.errors import SettingError
from hydrobit.operation import Device
from hydrobit.storage.files import is_open_to_others, write_once

ALGORITHM = "ES256"
USER_TOKEN_TYPE = "at+jwt"
"""The `typ` of a user's token, as RFC 9068 names access tokens. Tokens of another use get another type and another
audience, and each verifier takes its own type alone, so that one can never be taken for the other."""
IOT_TOKEN_TYPE = "iot+jwt"
"""The `typ` of a device's token. Its `sub` is the user whom it acts for; one that acts for nobody has none."""

_KEY_FILE_BYTES_MAX = 16_384


@dataclass(frozen=True, slots=True)
class SigningKey:
    """The private key of the own issuer; `kid` is its RFC 7638 thumbprint, so the same key always has the same id."""

    kid: str
    _private: EllipticCurvePrivateKey = field(repr=False)

    @classmethod
    def load_or_create(cls, path: Path) -> Self:
        """The key in the PEM file at `path`, made there first if there is none.

        May run twice and in several processes at once: all of them get the same key. The file gets mode 0600, its
        folder, if it has to be made, 0700. Raises SettingError for a file that others than its owner can reach (root's
        may be read by our group), one that holds no P-256 private key, and a folder that cannot be used.
        """
        try:
            if not path.exists():
                path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                write_once(path, _new_pem())
            private = _load(path)
        except OSError as e:
            raise SettingError(f"the signing key {path} cannot be read or made: {e.strerror or e}") from e
        return cls(thumbprint(_public_jwk(private)), private)

    def sign(self, subject: str, now: int, lifetime_s: int, issuer: str, audience: str) -> str:
        """A token of `subject`, good from `now` (ms) for `lifetime_s` seconds; its instants are whole seconds."""
        return self._sign(USER_TOKEN_TYPE, {"sub": subject}, now, lifetime_s, issuer, audience)

    def sign_for_device(
        self,
        user_id: str | None,
        company_id: str,
        device: Device,
        now: int,
        lifetime_s: int,
        issuer: str,
        audience: str,
    ) -> str:
        """A token of a device, which acts for the user, or for nobody and then sends readings alone."""
        claims = {"companyId": company_id, "projectId": device.project_id, "deviceId": device.device_id}
        acts_for = {} if user_id is None else {"sub": user_id}
        return self._sign(IOT_TOKEN_TYPE, acts_for | claims, now, lifetime_s, issuer, audience)

    def _sign(self, kind: str, said: dict[str, str], now: int, lifetime_s: int, issuer: str, audience: str) -> str:
        issued_at = now // 1000
        claims = {"iss": issuer, "aud": audience, **said, "iat": issued_at, "exp": issued_at + lifetime_s}
        return jwt.encode(claims, self._private, algorithm=ALGORITHM, headers={"kid": self.kid, "typ": kind})

    def public_jwk(self) -> dict[str, str]:
        """The public half as a JSON Web Key, as `/.well-known/jwks.json` shows it."""
        return {**_public_jwk(self._private), "kid": self.kid, "use": "sig", "alg": ALGORITHM}


def thumbprint(jwk: Mapping[str, str]) -> str:
    """RFC 7638 thumbprint of an elliptic curve key: SHA-256 over its required members in order, as base64url."""
    required = {name: jwk[name] for name in ("crv", "kty", "x", "y")}
    digest = sha256(msgspec.json.encode(required, order="deterministic")).digest()
    return urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")


def _public_jwk(private: EllipticCurvePrivateKey) -> dict[str, str]:
    return ECAlgorithm.to_jwk(private.public_key(), as_dict=True)


def _new_pem() -> bytes:
    return generate_private_key(SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _load(path: Path) -> EllipticCurvePrivateKey:
    with path.open("rb") as file:
        # The open file is asked, not the path, so that nobody can swap the file in between.
        status = os.fstat(file.fileno())
        if is_open_to_others(status):
            raise SettingError(
                f"the signing key {path} can be reached by others than its owner (mode {status.st_mode & 0o777:04o}): "
                "chmod 600 it if nobody has read it, else remove it, and a new one is made"
            )
        pem = file.read(_KEY_FILE_BYTES_MAX)
    try:
        private = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as e:
        raise SettingError(f"the signing key {path} is no unencrypted private key in PEM") from e
    if not isinstance(private, EllipticCurvePrivateKey) or not isinstance(private.curve, SECP256R1):
        raise SettingError(f"the signing key {path} must be an elliptic curve key on P-256")
    return private
