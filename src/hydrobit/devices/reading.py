"""From the shapes of devices to checked values."""

import re
from collections.abc import Sequence

import msgspec
from msgspec import Raw

from hydrobit.devices.store import Reading
from hydrobit.errors import Code, Refused
from hydrobit.kit.amounts import exact_text
from hydrobit.kit.instants import HOUR_MS
from hydrobit.operation import Caller
from hydrobit.settings import Settings
from hydrobit.wire import fields
from hydrobit.wire.body import Body
from hydrobit.wire.devices import DEVICE_ID_PATTERN, DeviceInput, IotTokenInput
from hydrobit.wire.readings import NAMES_MAX, NUMBER_LENGTH_MAX, VALUE_NAME_PATTERN, ReadingInput, ReadingInstant

_VALUE_NAME = re.compile(VALUE_NAME_PATTERN.removesuffix("$") + r"\Z", re.ASCII)
_element = Body(ReadingInput)
_instant = msgspec.json.Decoder(ReadingInstant)
_members = msgspec.json.Decoder(dict[str, Raw])
_DEVICE_ID = re.compile(DEVICE_ID_PATTERN.removesuffix("$") + r"\Z", re.ASCII)


class DeviceWish(msgspec.Struct, frozen=True):
    """A device to be added."""

    device_id: str
    project_id: str
    name: str


class TokenWish(msgspec.Struct, frozen=True):
    """A token to be issued; without a user it may only send readings."""

    device_id: str
    user_id: str | None
    lifetime_s: int


def device_wish(body: DeviceInput) -> DeviceWish:
    """Raises Refused naming the field."""
    return DeviceWish(
        device_id(body.deviceId), fields.text(body.projectId, "projectId"), fields.text(body.name, "name")
    )


def device_id(text: str) -> str:
    """An id that may stand in a topic. Raises Refused."""
    cleaned = fields.text(text, "deviceId")
    if _DEVICE_ID.match(cleaned) is None:
        raise fields.invalid("deviceId", "must have 1 to 64 of the characters A-Z a-z 0-9 . _ -")
    return cleaned


def token_wish(body: IotTokenInput, caller: Caller, settings: Settings) -> TokenWish:
    """For whom a token of a company key acts, its request says; a user's acts for the user. Raises Refused."""
    lifetime_s = settings.iot_token_s
    if not fields.left_out(body.lifetimeSeconds):
        lifetime_s = fields.whole(body.lifetimeSeconds, "lifetimeSeconds", 1, settings.iot_token_s_max)
    return TokenWish(fields.text(body.deviceId, "deviceId"), _acted_for(body, caller), lifetime_s)


def _acted_for(body: IotTokenInput, caller: Caller) -> str | None:
    if caller.role is not None:
        return caller.user_id
    return None if body.auth0Id is None else fields.user_id(body.auth0Id, "auth0Id")


class SentReading(msgspec.Struct, frozen=True):
    """One element of a list: a reading, or why it is none. `recorded_at` is what it said of its time."""

    reading: Reading | None
    refused: Refused | None
    recorded_at: str | None
    ignored: tuple[str, ...] = ()


def readings(elements: Sequence[Raw], now: int, settings: Settings) -> list[SentReading]:
    """Each element by itself. Raises Refused for too many of them."""
    if len(elements) > settings.readings_length_max:
        raise Refused(
            Code.too_many_records,
            f"readings has {len(elements)} elements, at most {settings.readings_length_max} are taken.",
        )
    return [_sent(element, now, settings.clock_ahead_hours_max) for element in elements]


def _sent(element: Raw, now: int, ahead_hours_max: int) -> SentReading:
    try:
        body, ignored = _element.decode(bytes(element))
        at = fields.instant(body.recordedAtUtc, "recordedAtUtc")
        if at > now + ahead_hours_max * HOUR_MS:
            raise fields.clock_ahead("recordedAtUtc", ahead_hours_max, now)
        return SentReading(Reading(at, now, _content(body.values)), None, body.recordedAtUtc, ignored)
    except Refused as refused:
        return SentReading(None, refused, _instant_of(element))


def _content(values: Raw) -> str:
    """The values as they are kept: names in order, each number exact and in its one spelling."""
    if fields.left_out(values):
        raise fields.missing("values")
    if not bytes(values).startswith(b"{"):
        raise Refused(Code.wrong_type, "values must be an object.", field="values")
    members = _members.decode(values)
    if not 1 <= len(members) <= NAMES_MAX:
        raise fields.invalid("values", f"must have 1 to {NAMES_MAX} members, has {len(members)}")
    # A name of these characters needs no escape.
    return "{" + ",".join(f'"{name}":{_number(name, members[name])}' for name in sorted(members)) + "}"


def _number(name: str, sent: Raw) -> str:
    field = f"values.{name[:100]}"
    if _VALUE_NAME.match(name) is None:
        raise fields.invalid(field, "must be named by 1 to 64 of the characters A-Z a-z 0-9 . _ -")
    fields.require_number(bytes(sent), field)
    try:
        return exact_text(bytes(sent), NUMBER_LENGTH_MAX)
    except ValueError as e:
        raise fields.invalid(field, e) from e


def _instant_of(element: Raw) -> str | None:
    """The time of an element that cannot be read otherwise."""
    try:
        return _instant.decode(element).recordedAtUtc
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
