"""The token that each message through a broker carries: the broker's clients are not known to us.

It stands in a user property (MQTT 5), or as a member of the JSON object that is the payload (3.1.1). From the payload
it is always taken out: whatever is kept or told of a message must not hold it.
"""

import re

import msgspec

from hydrobit.errors import Refused
from hydrobit.identity.compact import read_compact
from hydrobit.identity.signing import IOT_TOKEN_TYPE
from hydrobit.transport.mqtt.link import Arrived

TOKEN = "x-iot-token"
_MEMBER, _ESCAPE = TOKEN.encode(), b"\\u"
_members = msgspec.json.Decoder(dict[str, msgspec.Raw])
_text = msgspec.json.Decoder(str)
_SIGNED = re.compile(rb"eyJ[\w-]*(?:\.[\w-]*){0,2}")
"""What looks like a signed token, also a part of one."""


def take_token(message: Arrived) -> tuple[str, bytes]:
    """The token, empty where there is none, and the payload without it."""
    token = next((value for name, value in message.facts if name.lower() == TOKEN), "")
    payload = message.payload
    if _MEMBER not in payload and _ESCAPE not in payload:
        return token, payload
    try:
        members = _members.decode(payload)
        found = members.pop(TOKEN, None)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return token, _SIGNED.sub(b"", payload)
    if found is None:
        return token, payload
    return token or _read(found), msgspec.json.encode(members)


def _read(member: msgspec.Raw) -> str:
    try:
        return _text.decode(member)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""


def sender_said(token: str) -> str | None:
    """Whose messages are to keep their order, as an unproved token says it; None for what is no token of a device.

    Those of users do not count on this road: whoever listens at the broker could read them.
    """
    try:
        compact = read_compact(token)
    except Refused:
        return None
    if compact.header.typ.lower().removeprefix("application/") != IOT_TOKEN_TYPE:
        return None
    return f"{compact.claims.get('companyId')}/{compact.claims.get('deviceId')}"
