"""Canonical bytes and digests: what the hash chain is made of.

A row is written as a MessagePack array in its shortest form, which any language can reproduce from the values alone.
"""

from collections.abc import Sequence
from hashlib import sha256

import msgspec

DIGEST_BYTES = 32
PERSONAL_DIGEST_BYTES = 16
SALT_BYTES = 16

_encode = msgspec.msgpack.Encoder().encode


def chain(previous: bytes, form: bytes, values: Sequence[object]) -> bytes:
    """The next link: SHA-256 over the previous link, the format's byte and the row's canonical bytes."""
    return sha256(previous + form + _encode(values)).digest()


def salted_digest(salt: bytes, text: str) -> bytes:
    """What stands in the chain for a text that may be erased: the first 16 bytes of SHA-256 over salt and text."""
    return sha256(salt + text.encode()).digest()[:PERSONAL_DIGEST_BYTES]


def digest(text: str) -> bytes:
    """SHA-256 of a text."""
    return sha256(text.encode()).digest()


def json_text(value: object) -> str:
    """Canonical JSON: keys in order, no spaces."""
    return msgspec.json.encode(value, order="deterministic").decode()
