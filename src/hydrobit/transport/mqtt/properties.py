"""The properties of MQTT 5 (section 2.2.2.2): which there are, where each may stand, and how it is read and written."""

from collections.abc import Callable
from enum import IntEnum
from typing import Any, NamedTuple

import msgspec

from hydrobit.transport.mqtt import fields
from hydrobit.transport.mqtt.fields import Malformed, Reader, malformed, protocol_error
from hydrobit.transport.mqtt.reasons import Reason


class Kind(IntEnum):
    """The packets by their numbers (section 2.1.2), and the will within a CONNECT, which has properties of its own."""

    will = 0
    connect = 1
    conn_ack = 2
    publish = 3
    pub_ack = 4
    pub_rec = 5
    pub_rel = 6
    pub_comp = 7
    subscribe = 8
    sub_ack = 9
    unsubscribe = 10
    unsub_ack = 11
    ping_req = 12
    ping_resp = 13
    disconnect = 14
    auth = 15


class Properties(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """Those that are None were not sent; their order on the wire says nothing, save among user properties."""

    payload_format_indicator: int | None = None
    message_expiry_interval: int | None = None
    content_type: str | None = None
    response_topic: str | None = None
    correlation_data: bytes | None = None
    subscription_identifiers: tuple[int, ...] = ()
    """More than one only in a PUBLISH that fits several subscriptions."""
    session_expiry_interval: int | None = None
    assigned_client_identifier: str | None = None
    server_keep_alive: int | None = None
    authentication_method: str | None = None
    authentication_data: bytes | None = None
    request_problem_information: bool | None = None
    will_delay_interval: int | None = None
    request_response_information: bool | None = None
    response_information: str | None = None
    server_reference: str | None = None
    reason_string: str | None = None
    receive_maximum: int | None = None
    topic_alias_maximum: int | None = None
    topic_alias: int | None = None
    maximum_qos: int | None = None
    retain_available: bool | None = None
    user_properties: tuple[tuple[str, str], ...] = ()
    maximum_packet_size: int | None = None
    wildcard_subscription_available: bool | None = None
    subscription_identifiers_available: bool | None = None
    shared_subscription_available: bool | None = None


NO_PROPERTIES = Properties()


# --- types of values ---


def _read_zero_or_one(reader: Reader) -> int:
    value = reader.byte()
    if value > 1:
        raise protocol_error("A property that is 0 or 1 has another value.")
    return value


def _read_flag(reader: Reader) -> bool:
    return _read_zero_or_one(reader) == 1


def _read_response_topic(reader: Reader) -> str:
    topic = reader.text()
    if not topic:
        raise protocol_error("A response topic is not empty.")
    fields.check_topic(topic)
    return topic


def _read_two_bytes_not_0(reader: Reader) -> int:
    value = reader.two_bytes()
    if value == 0:
        raise protocol_error("The receive maximum is not 0.")
    return value


def _read_four_bytes_not_0(reader: Reader) -> int:
    value = reader.four_bytes()
    if value == 0:
        raise protocol_error("The maximum packet size is not 0.")
    return value


def _read_topic_alias(reader: Reader) -> int:
    value = reader.two_bytes()
    if value == 0:
        raise Malformed(Reason.topic_alias_invalid, "A topic alias is not 0.")
    return value


def _read_subscription_identifier(reader: Reader) -> int:
    value = reader.variable()
    if value == 0:
        raise protocol_error("A subscription identifier is not 0.")
    return value


def _read_pair(reader: Reader) -> tuple[str, str]:
    return reader.text(), reader.text()


def _write_byte(value: int) -> bytes:
    return value.to_bytes(1, "big")


def _write_four_bytes(value: int) -> bytes:
    return value.to_bytes(4, "big")


def _write_pair(value: tuple[str, str]) -> bytes:
    name, text = value
    return fields.text(name) + fields.text(text)


class _Type(NamedTuple):
    read: Callable[[Reader], Any]
    write: Callable[[Any], bytes]


_INDICATOR = _Type(_read_zero_or_one, _write_byte)
_FLAG = _Type(_read_flag, _write_byte)
_TWO_BYTES = _Type(Reader.two_bytes, fields.two_bytes)
_FOUR_BYTES = _Type(Reader.four_bytes, _write_four_bytes)
_TEXT = _Type(Reader.text, fields.text)
_BINARY = _Type(Reader.binary, fields.binary)
_RESPONSE_TOPIC = _Type(_read_response_topic, fields.text)
_RECEIVE_MAXIMUM = _Type(_read_two_bytes_not_0, fields.two_bytes)
_PACKET_SIZE = _Type(_read_four_bytes_not_0, _write_four_bytes)
_TOPIC_ALIAS = _Type(_read_topic_alias, fields.two_bytes)
_SUBSCRIPTION_IDENTIFIER = _Type(_read_subscription_identifier, fields.variable)
_PAIR = _Type(_read_pair, _write_pair)


# --- the table ---


class _Property(NamedTuple):
    identifier: int
    name: str
    type: _Type
    kinds: frozenset[Kind]


def _property(identifier: int, name: str, type_: _Type, *kinds: Kind) -> _Property:
    return _Property(identifier, name, type_, frozenset(kinds))


_MESSAGE = (Kind.publish, Kind.will)
_ANSWERS = (Kind.conn_ack, Kind.pub_ack, Kind.pub_rec, Kind.pub_rel, Kind.pub_comp, Kind.sub_ack, Kind.unsub_ack)
_HANDSHAKE = (Kind.connect, Kind.conn_ack, Kind.auth)
_LIMITS = (Kind.connect, Kind.conn_ack)
_ALL = frozenset(Kind) - {Kind.ping_req, Kind.ping_resp}

_TABLE = (
    _property(0x01, "payload_format_indicator", _INDICATOR, *_MESSAGE),
    _property(0x02, "message_expiry_interval", _FOUR_BYTES, *_MESSAGE),
    _property(0x03, "content_type", _TEXT, *_MESSAGE),
    _property(0x08, "response_topic", _RESPONSE_TOPIC, *_MESSAGE),
    _property(0x09, "correlation_data", _BINARY, *_MESSAGE),
    _property(0x0B, "subscription_identifiers", _SUBSCRIPTION_IDENTIFIER, Kind.publish, Kind.subscribe),
    _property(0x11, "session_expiry_interval", _FOUR_BYTES, *_LIMITS, Kind.disconnect),
    _property(0x12, "assigned_client_identifier", _TEXT, Kind.conn_ack),
    _property(0x13, "server_keep_alive", _TWO_BYTES, Kind.conn_ack),
    _property(0x15, "authentication_method", _TEXT, *_HANDSHAKE),
    _property(0x16, "authentication_data", _BINARY, *_HANDSHAKE),
    _property(0x17, "request_problem_information", _FLAG, Kind.connect),
    _property(0x18, "will_delay_interval", _FOUR_BYTES, Kind.will),
    _property(0x19, "request_response_information", _FLAG, Kind.connect),
    _property(0x1A, "response_information", _TEXT, Kind.conn_ack),
    _property(0x1C, "server_reference", _TEXT, Kind.conn_ack, Kind.disconnect),
    _property(0x1F, "reason_string", _TEXT, *_ANSWERS, Kind.disconnect, Kind.auth),
    _property(0x21, "receive_maximum", _RECEIVE_MAXIMUM, *_LIMITS),
    _property(0x22, "topic_alias_maximum", _TWO_BYTES, *_LIMITS),
    _property(0x23, "topic_alias", _TOPIC_ALIAS, Kind.publish),
    _property(0x24, "maximum_qos", _INDICATOR, Kind.conn_ack),
    _property(0x25, "retain_available", _FLAG, Kind.conn_ack),
    _property(0x26, "user_properties", _PAIR, *_ALL),
    _property(0x27, "maximum_packet_size", _PACKET_SIZE, *_LIMITS),
    _property(0x28, "wildcard_subscription_available", _FLAG, Kind.conn_ack),
    _property(0x29, "subscription_identifiers_available", _FLAG, Kind.conn_ack),
    _property(0x2A, "shared_subscription_available", _FLAG, Kind.conn_ack),
)
_REPEATED = {"user_properties", "subscription_identifiers"}
# By the number of the packet, since these are asked for with every message.
_READ = tuple(
    {row.identifier: (row.name, row.type.read, row.name in _REPEATED) for row in _TABLE if kind in row.kinds}
    for kind in Kind
)
_WRITE = tuple(
    {row.name: (bytes((row.identifier,)), row.type.write, row.name in _REPEATED) for row in _TABLE if kind in row.kinds}
    for kind in Kind
)


def read_properties(reader: Reader, kind: Kind) -> Properties:
    """The properties that stand here in a packet of that kind."""
    length = reader.variable()
    if length == 0:
        return NO_PROPERTIES
    packet_end, end = reader.end, reader.at + length
    if end > packet_end:
        raise malformed("The properties end behind their packet.")
    reader.end = end
    known, found = _READ[kind], dict[str, Any]()
    while reader.at < end:
        row = known.get(reader.byte())
        if row is None:
            raise malformed(f"A {kind.name} does not have a property with this identifier.")
        name, read, is_repeated = row
        value = read(reader)
        if is_repeated:
            found.setdefault(name, []).append(value)
        elif name in found:
            raise protocol_error(f"The property {name} stands there twice.")
        else:
            found[name] = value
    reader.end = packet_end
    for name in _REPEATED:
        if name in found:
            found[name] = tuple(found[name])
    return Properties(**found)


def write_properties(properties: Properties, kind: Kind) -> bytes:
    """The properties after their length. Raises ValueError where one does not belong to a packet of that kind."""
    if properties is NO_PROPERTIES:
        return b"\0"
    known, parts = _WRITE[kind], list[bytes]()
    for name, value in msgspec.to_builtins(properties, builtin_types=(bytes,)).items():
        row = known.get(name)
        if row is None:
            raise ValueError(f"a {kind.name} does not have the property {name}")
        identifier, write, is_repeated = row
        for one in value if is_repeated else (value,):
            parts += (identifier, write(one))
    written = b"".join(parts)
    return fields.variable(len(written)) + written
