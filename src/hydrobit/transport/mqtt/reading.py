"""What a whole packet says: for each first byte that a sender may send, the function that reads what follows.

The fixed header is the decoder's. A reader gets the first byte, the bytes, and where in them the packet's rest stands.
"""

from collections.abc import Callable, Mapping
from functools import partial

from hydrobit.transport.mqtt import reasons
from hydrobit.transport.mqtt.connecting import properties_of, read_connack
from hydrobit.transport.mqtt.fields import Malformed, Reader, check_filter, malformed, protocol_error
from hydrobit.transport.mqtt.packets import (
    V3_1_1,
    V5,
    Ack,
    Auth,
    Disconnect,
    Packet,
    PingReq,
    PingResp,
    PubAck,
    PubComp,
    Publish,
    PubRec,
    PubRel,
    Sender,
    SubAck,
    Subscribe,
    Subscription,
    UnsubAck,
    Unsubscribe,
)
from hydrobit.transport.mqtt.properties import NO_PROPERTIES, Kind, Properties, read_properties
from hydrobit.transport.mqtt.reasons import Reason

Read = Callable[[int, bytes, int, int], Packet]
PROPERTIES_BYTES_MAX = 70_000
"""Room for the longest correlation data; each user property is an object, and a client could send very many."""

# --- messages ---


def _read_publish(version: int, sender: Sender, first: int, data: bytes, at: int, end: int) -> Publish:
    """Written out, since records come by it: no object but what it returns."""
    if end - at < 2:
        raise malformed("The packet ends within a field.")
    topic_end = at + 2 + (data[at] << 8 | data[at + 1])
    qos = first >> 1 & 3
    payload_at = topic_end + 2 if qos else topic_end
    if payload_at > end:
        raise malformed("The packet ends within a field.")
    try:
        topic = str(data[at + 2 : topic_end], "utf-8")
    except UnicodeDecodeError:
        raise malformed("A text is not well-formed UTF-8.") from None
    if "\0" in topic or "+" in topic or "#" in topic:
        raise malformed("A topic name holds no wildcards and no null character.")
    packet_id = None
    if qos:
        packet_id = data[topic_end] << 8 | data[topic_end + 1]
        if packet_id == 0:
            raise protocol_error("A packet identifier is never 0.")
    properties = NO_PROPERTIES
    if version == V5:
        if payload_at < end and data[payload_at] == 0:
            payload_at += 1
        else:
            properties, payload_at = _read_publish_properties(sender, data, payload_at, end)
    if not topic and properties.topic_alias is None:
        raise protocol_error("A topic is not empty where no alias stands for it.")
    return Publish(topic, data[payload_at:end], qos, packet_id, first & 1 == 1, first & 8 == 8, properties)


def _read_publish_properties(sender: Sender, data: bytes, at: int, end: int) -> tuple[Properties, int]:
    reader = Reader(data, at, end)
    if sender == "client" and end - at > PROPERTIES_BYTES_MAX < Reader(data, at, end).variable():
        raise Malformed(
            Reason.packet_too_large, f"The properties of a message have at most {PROPERTIES_BYTES_MAX} bytes."
        )
    properties = read_properties(reader, Kind.publish)
    if properties.subscription_identifiers and sender == "client":
        raise protocol_error("A client sends no subscription identifier in a PUBLISH.")
    return properties, reader.at


def _read_ack(
    shape: type[Ack], kind: Kind, known: Mapping[int, Reason], version: int, _first: int, data: bytes, at: int, end: int
) -> Ack:
    reader = Reader(data, at, end)
    packet_id = reader.packet_id()
    if reader.at == end:
        return shape(packet_id)
    if version == V3_1_1:
        raise malformed("Bytes follow the last field of the packet.")
    reason = _reason(reader.byte(), kind, known)
    properties = NO_PROPERTIES if reader.at == end else read_properties(reader, kind)
    reader.finish()
    return shape(packet_id, reason, properties)


# --- subscriptions ---


def _read_subscribe(version: int, _first: int, data: bytes, at: int, end: int) -> Subscribe:
    reader = Reader(data, at, end)
    packet_id = reader.packet_id()
    properties = properties_of(reader, Kind.subscribe, version)
    if len(properties.subscription_identifiers) > 1:
        raise protocol_error("A SUBSCRIBE has one subscription identifier.")
    if reader.at == end:
        raise protocol_error("A SUBSCRIBE asks for at least one topic filter.")
    read = _read_subscription if version == V5 else _read_subscription_3_1_1
    entries = []
    while reader.at < end:
        entries.append(read(reader))
    return Subscribe(packet_id, tuple(entries), properties)


def _read_subscription(reader: Reader) -> Subscription:
    topic_filter, options = reader.text(), reader.byte()
    check_filter(topic_filter, may_share=True)
    if options & 0xC0:
        raise malformed("The reserved bits of subscription options are not 0.")
    qos, retain_handling = options & 3, options >> 4
    if qos == 3:
        raise protocol_error("There is no QoS 3.")
    if retain_handling == 3:
        raise protocol_error("There is no retain handling 3.")
    no_local = options & 4 == 4
    if no_local and topic_filter.startswith("$share/"):
        raise protocol_error("A shared subscription does not have the option No Local.")
    return Subscription(topic_filter, qos, no_local, options & 8 == 8, retain_handling)


def _read_subscription_3_1_1(reader: Reader) -> Subscription:
    topic_filter, qos = reader.text(), reader.byte()
    check_filter(topic_filter, may_share=False)
    if qos > 2:
        raise malformed("A subscription of MQTT 3.1.1 carries QoS 0, 1 or 2 and nothing else.")
    return Subscription(topic_filter, qos)


def _read_suback(version: int, _first: int, data: bytes, at: int, end: int) -> SubAck:
    reader = Reader(data, at, end)
    packet_id = reader.packet_id()
    properties = properties_of(reader, Kind.sub_ack, version)
    known = reasons.OF_SUBACK if version == V5 else reasons.OF_SUBACK_3_1_1
    return SubAck(packet_id, _read_reasons(reader, Kind.sub_ack, known), properties)


def _read_unsubscribe(version: int, _first: int, data: bytes, at: int, end: int) -> Unsubscribe:
    reader = Reader(data, at, end)
    packet_id = reader.packet_id()
    properties = properties_of(reader, Kind.unsubscribe, version)
    if reader.at == end:
        raise protocol_error("An UNSUBSCRIBE names at least one topic filter.")
    filters = []
    while reader.at < end:
        filters.append(reader.text())
        check_filter(filters[-1], may_share=version == V5)
    return Unsubscribe(packet_id, tuple(filters), properties)


def _read_unsuback(version: int, _first: int, data: bytes, at: int, end: int) -> UnsubAck:
    reader = Reader(data, at, end)
    packet_id = reader.packet_id()
    if version == V3_1_1:
        reader.finish()
        return UnsubAck(packet_id)
    properties = read_properties(reader, Kind.unsub_ack)
    return UnsubAck(packet_id, _read_reasons(reader, Kind.unsub_ack, reasons.OF_UNSUBACK), properties)


# --- what is left of a connection ---


def _read_pingreq(_first: int, data: bytes, at: int, end: int) -> PingReq:
    Reader(data, at, end).finish()
    return PingReq()


def _read_pingresp(_first: int, data: bytes, at: int, end: int) -> PingResp:
    Reader(data, at, end).finish()
    return PingResp()


def _read_disconnect(version: int, sender: Sender, _first: int, data: bytes, at: int, end: int) -> Disconnect:
    reader = Reader(data, at, end)
    if version == V3_1_1:
        reader.finish()
        return Disconnect()
    reason = _reason(reader.byte() if at < end else 0, Kind.disconnect, reasons.OF_DISCONNECT[sender])
    properties = NO_PROPERTIES if reader.at == end else read_properties(reader, Kind.disconnect)
    reader.finish()
    if properties.session_expiry_interval is not None and sender == "server":
        raise protocol_error("A server sends no session expiry interval in a DISCONNECT.")
    return Disconnect(reason, properties)


def _read_auth(sender: Sender, _first: int, data: bytes, at: int, end: int) -> Auth:
    reader = Reader(data, at, end)
    reason = _reason(reader.byte() if at < end else 0, Kind.auth, reasons.OF_AUTH[sender])
    properties = NO_PROPERTIES if at == end else read_properties(reader, Kind.auth)
    reader.finish()
    if properties.authentication_method is None and (reason or properties is not NO_PROPERTIES):
        raise protocol_error("An AUTH names its authentication method.")
    return Auth(reason, properties)


def _reason(code: int, kind: Kind, known: Mapping[int, Reason]) -> Reason:
    reason = known.get(code)
    if reason is None:
        raise protocol_error(f"A {kind.name} of this sender does not have the reason code {code}.")
    return reason


def _read_reasons(reader: Reader, kind: Kind, known: Mapping[int, Reason]) -> tuple[Reason, ...]:
    codes = reader.data[reader.at : reader.end]
    if not codes:
        raise protocol_error(f"A {kind.name} answers at least one entry.")
    return tuple([_reason(code, kind, known) for code in codes])


# --- the table ---


def _readers(version: int, sender: Sender) -> dict[int, Read]:
    publish = partial(_read_publish, version, sender)
    readers: dict[int, Read] = dict.fromkeys((0x30, 0x31, 0x32, 0x33, 0x34, 0x35, 0x3A, 0x3B, 0x3C, 0x3D), publish)
    for first, shape, kind, known in (
        (0x40, PubAck, Kind.pub_ack, reasons.OF_PUBACK[sender]),
        (0x50, PubRec, Kind.pub_rec, reasons.OF_PUBACK[sender]),
        (0x62, PubRel, Kind.pub_rel, reasons.OF_PUBREL),
        (0x70, PubComp, Kind.pub_comp, reasons.OF_PUBREL),
    ):
        readers[first] = partial(_read_ack, shape, kind, known, version)
    if sender == "client":
        readers[0x82] = partial(_read_subscribe, version)
        readers[0xA2] = partial(_read_unsubscribe, version)
        readers[0xC0] = _read_pingreq
    else:
        readers[0x20] = partial(read_connack, version)
        readers[0x90] = partial(_read_suback, version)
        readers[0xB0] = partial(_read_unsuback, version)
        readers[0xD0] = _read_pingresp
    if version == V5 or sender == "client":
        readers[0xE0] = partial(_read_disconnect, version, sender)
    if version == V5:
        readers[0xF0] = partial(_read_auth, sender)
    return readers


READERS: dict[tuple[int, Sender], dict[int, Read]] = {
    (version, sender): _readers(version, sender) for version in (V3_1_1, V5) for sender in ("client", "server")
}
"""By the first byte, flags and all: what is missing is refused. CONNECT comes before any of them."""
