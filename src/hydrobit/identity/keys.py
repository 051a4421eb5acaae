"""Public keys that tokens are checked with. A key is always asymmetric and carries the algorithms it may be used with.

Binding the algorithms to the key, and not to what a token says of itself, is what stops key confusion (RFC 8725,
section 3.1): no text of ours is ever taken for an HMAC secret.
"""

from dataclasses import dataclass
from typing import Protocol

import jwt
import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

RSA_BITS_MIN, RSA_BITS_MAX = 2_048, 8_192
KEY_SET_LENGTH_MAX = 100

_RSA = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"})
_BY_CURVE = {
    ("EC", "P-256"): frozenset({"ES256"}),
    ("EC", "P-384"): frozenset({"ES384"}),
    ("EC", "P-521"): frozenset({"ES512"}),
    ("OKP", "Ed25519"): frozenset({"EdDSA"}),
}


@dataclass(frozen=True, slots=True)
class VerifyingKey:
    """A public key and the algorithms that fit it."""

    public: RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey
    algorithms: frozenset[str]

    def verifies(self, algorithm: str, signed: bytes, signature: bytes) -> bool:
        """Whether `signature` is this key's over `signed`; False also for an algorithm that does not fit the key."""
        return algorithm in self.algorithms and jwt.get_algorithm_by_name(algorithm).verify(
            signed, self.public, signature
        )


@dataclass(frozen=True, slots=True)
class Trusted:
    """A key, and the instant (ms) until which what it proved may be believed without asking for the key again."""

    key: VerifyingKey
    until: int
    kid_in_store: str = ""
    """Its id where the store says whether it was withdrawn, to be asked for at each look-up; empty: nobody asks."""


class KeySource(Protocol):
    """The keys of one issuer."""

    @property
    def withdrawals(self) -> int:
        """Grows whenever a key that was handed out counts no longer."""

    async def find(self, kid: str, now: int) -> Trusted | None:
        """The key of that id, None when the issuer has none. Raises Refused when the keys cannot be had at all."""


class _Jwk(msgspec.Struct, frozen=True, omit_defaults=True):
    """The members of a JSON Web Key (RFC 7517, RFC 7518, RFC 8037) that decide about its use."""

    kty: str
    kid: str
    use: str = "sig"
    key_ops: tuple[str, ...] = ("verify",)
    alg: str | None = None
    crv: str = ""
    n: str = ""
    e: str = ""
    x: str = ""
    y: str = ""
    d: object = None


class _JwkSet(msgspec.Struct):
    keys: list[msgspec.Raw]


_read_set = msgspec.json.Decoder(_JwkSet).decode
_read_key = msgspec.json.Decoder(_Jwk).decode


def read_key_set(text: bytes, allowed: frozenset[str]) -> dict[str, VerifyingKey]:
    """The usable keys of a JSON Web Key Set by their ids; of two with one id the first counts.

    Passed over are keys for encryption, symmetric and private ones, unknown kinds, RSA below 2048 bits and keys that
    fit none of the `allowed` algorithms. Raises ValueError when it is no key set or none of its keys is usable.
    """
    try:
        members = _read_set(text).keys
    except (ValueError, RecursionError) as e:
        raise ValueError("the answer is no JSON Web Key Set") from e
    keys: dict[str, VerifyingKey] = {}
    for member in members[:KEY_SET_LENGTH_MAX]:
        kid, key = _usable(bytes(member), allowed)
        if key is not None:
            keys.setdefault(kid, key)
    if not keys:
        raise ValueError("the key set holds no key that tokens could be checked with")
    return keys


def _usable(text: bytes, allowed: frozenset[str]) -> tuple[str, VerifyingKey | None]:
    try:
        jwk = _read_key(text)
        algorithms = _fitting(jwk) & allowed
        if not algorithms or jwk.use != "sig" or "verify" not in jwk.key_ops or jwk.d is not None:
            return jwk.kid, None
        public = jwt.PyJWK(msgspec.to_builtins(jwk), min(algorithms)).key
    except (jwt.PyJWTError, ValueError, OverflowError, RecursionError, UnsupportedAlgorithm):
        return "", None
    if isinstance(public, RSAPublicKey) and not RSA_BITS_MIN <= public.key_size <= RSA_BITS_MAX:
        return jwk.kid, None
    return jwk.kid, VerifyingKey(public, algorithms)


def _fitting(jwk: _Jwk) -> frozenset[str]:
    """The algorithms that fit the kind of key, narrowed to the one that the key names for itself."""
    fitting = _RSA if jwk.kty == "RSA" else _BY_CURVE.get((jwk.kty, jwk.crv), frozenset())
    return fitting if jwk.alg is None else fitting & {jwk.alg}
