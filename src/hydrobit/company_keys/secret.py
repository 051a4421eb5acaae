"""The form of a company key and its keyed hash. Nothing here keeps or shows a token.

A token is 256 random bits, so it cannot be guessed from its hash and needs no slow one: HMAC-SHA-256 over the whole
key, under a salt of its own (docs/decisions/0008-company-keys.md).
"""

import hmac
import re
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass, field

KEY_ID_BYTES, TOKEN_BYTES, SALT_BYTES = 8, 32, 16

_KEY = re.compile(r"(key_[0-9a-f]{16})\.[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key as it is made: `text` is shown once, the rest is stored."""

    key_id: str
    text: str = field(repr=False)
    salt: bytes = field(repr=False)
    digest: bytes = field(repr=False)


def make(random: Callable[[int], bytes]) -> NewKey:
    """A key that nobody had before."""
    key_id = f"key_{random(KEY_ID_BYTES).hex()}"
    token = urlsafe_b64encode(random(TOKEN_BYTES)).rstrip(b"=").decode()
    text, salt = f"{key_id}.{token}", random(SALT_BYTES)
    return NewKey(key_id, text, salt, _digest(salt, text))


def looks_like_a_key(credential: str) -> bool:
    """One dot makes a key, two make a JWT."""
    return credential.count(".") == 1


def key_id_of(text: str) -> str | None:
    """The id that a presented key names; None when it has not the form of a key."""
    match = _KEY.fullmatch(text)
    return match[1] if match else None


def fits(text: str, salt: bytes, digest: bytes) -> bool:
    """Whether this is the key that was stored; takes as long for a near miss as for a far one."""
    return hmac.compare_digest(_digest(salt, text), digest)


def _digest(salt: bytes, text: str) -> bytes:
    return hmac.digest(salt, text.encode(), "sha256")
