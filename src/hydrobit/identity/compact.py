"""What a token says, read without believing a word of it: the compact form of a signed JWT (RFC 7515, RFC 7519).

It is read once; the same values decide which key is asked for and are believed after the signature proved good, so
two readers can never disagree about them.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from typing import Any

import msgspec

from hydrobit.errors import Code, Refused

TOKEN_LENGTH_MAX = 8_192
SUBJECT_LENGTH_MAX = 255
"""The longest id of a user: what names the caller in a token."""


class Header(msgspec.Struct, frozen=True):
    """The members of a token's header that are looked at.

    `jwk`, `jku`, `x5c` and `x5u`, by which a token brings its own key, are not even decoded.
    """

    alg: str
    kid: str
    typ: str = ""
    crit: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    b64: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


@dataclass(frozen=True, slots=True)
class Compact:
    """A token taken apart; `signed` are the bytes that `signature` is over."""

    header: Header
    claims: dict[str, Any]
    signed: bytes
    signature: bytes


_read_header = msgspec.json.Decoder(Header).decode
_read_claims = msgspec.json.Decoder(dict[str, Any]).decode


def read_compact(token: str) -> Compact:
    """Take a token apart. Raises Refused(token_invalid) for anything but a signed JWT that names its key (`kid`)."""
    if len(token) > TOKEN_LENGTH_MAX:
        raise Refused(Code.token_invalid, f"The token is longer than {TOKEN_LENGTH_MAX} characters.")
    parts = token.split(".")
    if len(parts) != 3:
        raise Refused(Code.token_invalid, "The token must be a signed JWT: three parts of base64url with dots between.")
    try:
        header = _read_header(_bytes(parts[0]))
        claims = _read_claims(_bytes(parts[1]))
        signature = _bytes(parts[2])
    except (ValueError, RecursionError):
        # The cause is left out on purpose: some causes carry a piece of the token with them, into whatever logs them.
        raise Refused(
            Code.token_invalid,
            "The token must be a signed JWT whose header has alg and kid and whose payload is an object.",
        ) from None
    if header.crit is not msgspec.UNSET or header.b64 is not msgspec.UNSET:
        raise Refused(
            Code.token_invalid, "The token's header demands an extension (crit or b64), and none is supported."
        )
    return Compact(header, claims, token[: token.rindex(".")].encode("ascii"), signature)


def _bytes(part: str) -> bytes:
    """Base64url without padding, in its one spelling; the standard decoder lets other characters and bits pass."""
    decoded = urlsafe_b64decode(part + "==")
    if urlsafe_b64encode(decoded).rstrip(b"=").decode("ascii") != part:
        raise ValueError("not base64url")
    return decoded
