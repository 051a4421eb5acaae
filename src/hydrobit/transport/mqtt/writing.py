"""Packets to bytes, in the form that takes the fewest.

What does not fit raises ValueError, and so does what 3.1.1 cannot say: an acknowledgement there always means success.
Whether a packet makes sense is for those who build it.
"""

import struct
from collections.abc import Callable
from typing import Any

from hydrobit.transport.mqtt import fields
from hydrobit.transport.mqtt.packets import (
    V3_1_1,
    V5,
    Ack,
    Auth,
    ConnAck,
    Connect,
    Disconnect,
    Packet,
    PingReq,
    PingResp,
    PubAck,
    PubComp,
    Publish,
    PubRec,
    PubRel,
    SubAck,
    Subscribe,
    UnsubAck,
    Unsubscribe,
)
from hydrobit.transport.mqtt.properties import NO_PROPERTIES, Kind, Properties, write_properties

_SHORT = struct.Struct(">BBH")
_FIRST = {PubAck: 0x40, PubRec: 0x50, PubRel: 0x62, PubComp: 0x70}


def encode(packet: Packet, version: int) -> bytes:
    """The packet's bytes in that version of the protocol."""
    shape = type(packet)
    try:
        return _WRITERS[shape](packet, version)
    except (struct.error, OverflowError) as error:
        raise ValueError(f"a field of a {shape.__name__} does not fit: {error}") from None


def _whole(first: int, *parts: bytes) -> bytes:
    rest = b"".join(parts)
    return bytes((first,)) + fields.variable(len(rest)) + rest


def _properties(properties: Properties, kind: Kind, version: int) -> bytes:
    if version == V5:
        return write_properties(properties, kind)
    if properties is not NO_PROPERTIES and properties != NO_PROPERTIES:
        raise ValueError("MQTT 3.1.1 does not have properties")
    return b""


def _write_connect(packet: Connect, version: int) -> bytes:
    if packet.version != version:
        raise ValueError(f"a CONNECT of version {packet.version} is not written in version {version}")
    will, flags = packet.will, packet.clean_start << 1
    parts = [_properties(packet.properties, Kind.connect, version), fields.text(packet.client_id)]
    if will is not None:
        flags |= 0x04 | will.qos << 3 | will.retain << 5
        parts += [
            _properties(will.properties, Kind.will, version),
            fields.text(will.topic),
            fields.binary(will.payload),
        ]
    if packet.user_name is not None:
        flags |= 0x80
        parts.append(fields.text(packet.user_name))
    if packet.password is not None:
        flags |= 0x40
        parts.append(fields.binary(packet.password))
    head = b"\0\4MQTT" + bytes((version, flags)) + fields.two_bytes(packet.keep_alive_s)
    return _whole(0x10, head, *parts)


def _write_connack(packet: ConnAck, version: int) -> bytes:
    properties = _properties(packet.properties, Kind.conn_ack, version)
    return _whole(0x20, bytes((packet.session_present, packet.reason)), properties)


def _write_publish(packet: Publish, version: int) -> bytes:
    first = 0x30 | packet.dup << 3 | packet.qos << 1 | packet.retain
    properties = _properties(packet.properties, Kind.publish, version)
    if packet.qos == 0:
        return _whole(first, fields.text(packet.topic), properties, packet.payload)
    if not packet.packet_id:
        raise ValueError("a PUBLISH of QoS 1 or 2 has a packet identifier")
    return _whole(first, fields.text(packet.topic), fields.two_bytes(packet.packet_id), properties, packet.payload)


def _write_ack(packet: Ack, version: int) -> bytes:
    first = _FIRST[type(packet)]
    if not packet.reason and packet.properties is NO_PROPERTIES:
        return _SHORT.pack(first, 2, packet.packet_id)
    if version == V3_1_1:
        raise ValueError("an acknowledgement of MQTT 3.1.1 cannot refuse and does not have properties")
    properties = write_properties(packet.properties, Kind(first >> 4))
    if properties == b"\0":
        if not packet.reason:
            return _SHORT.pack(first, 2, packet.packet_id)
        properties = b""
    return _whole(first, fields.two_bytes(packet.packet_id), bytes((packet.reason,)), properties)


def _write_subscribe(packet: Subscribe, version: int) -> bytes:
    parts = [fields.two_bytes(packet.packet_id), _properties(packet.properties, Kind.subscribe, version)]
    for entry in packet.subscriptions:
        options = entry.qos | entry.no_local << 2 | entry.retain_as_published << 3 | entry.retain_handling << 4
        if version == V3_1_1 and options != entry.qos:
            raise ValueError("a subscription of MQTT 3.1.1 does not have options")
        parts += [fields.text(entry.filter), bytes((options,))]
    return _whole(0x82, *parts)


def _write_suback(packet: SubAck, version: int) -> bytes:
    properties = _properties(packet.properties, Kind.sub_ack, version)
    return _whole(0x90, fields.two_bytes(packet.packet_id), properties, bytes(packet.reasons))


def _write_unsubscribe(packet: Unsubscribe, version: int) -> bytes:
    properties = _properties(packet.properties, Kind.unsubscribe, version)
    return _whole(0xA2, fields.two_bytes(packet.packet_id), properties, *map(fields.text, packet.filters))


def _write_unsuback(packet: UnsubAck, version: int) -> bytes:
    if version == V3_1_1 and packet.reasons:
        raise ValueError("an UNSUBACK of MQTT 3.1.1 does not have reason codes")
    properties = _properties(packet.properties, Kind.unsub_ack, version)
    return _whole(0xB0, fields.two_bytes(packet.packet_id), properties, bytes(packet.reasons))


def _write_pingreq(_packet: PingReq, _version: int) -> bytes:
    return b"\xc0\0"


def _write_pingresp(_packet: PingResp, _version: int) -> bytes:
    return b"\xd0\0"


def _write_disconnect(packet: Disconnect, version: int) -> bytes:
    properties = _properties(packet.properties, Kind.disconnect, version)
    if version == V3_1_1 and packet.reason:
        raise ValueError("a DISCONNECT of MQTT 3.1.1 does not have a reason code")
    if len(properties) > 1:
        return _whole(0xE0, bytes((packet.reason,)), properties)
    return _whole(0xE0, bytes((packet.reason,))) if packet.reason else b"\xe0\0"


def _write_auth(packet: Auth, version: int) -> bytes:
    if version == V3_1_1:
        raise ValueError("MQTT 3.1.1 does not have AUTH")
    properties = write_properties(packet.properties, Kind.auth)
    if not packet.reason and properties == b"\0":
        return b"\xf0\0"
    return _whole(0xF0, bytes((packet.reason,)), properties)


_WRITERS: dict[type, Callable[[Any, int], bytes]] = {
    Connect: _write_connect,
    ConnAck: _write_connack,
    Publish: _write_publish,
    PubAck: _write_ack,
    PubRec: _write_ack,
    PubRel: _write_ack,
    PubComp: _write_ack,
    Subscribe: _write_subscribe,
    SubAck: _write_suback,
    Unsubscribe: _write_unsubscribe,
    UnsubAck: _write_unsuback,
    PingReq: _write_pingreq,
    PingResp: _write_pingresp,
    Disconnect: _write_disconnect,
    Auth: _write_auth,
}
