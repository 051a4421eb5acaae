"""What CONNECT and its answer say: by a CONNECT everything after it is read."""

from collections.abc import Mapping

from hydrobit.transport.mqtt import reasons
from hydrobit.transport.mqtt.fields import Malformed, Reader, check_topic, malformed, protocol_error
from hydrobit.transport.mqtt.packets import V3_1_1, V5, ConnAck, Connect, Will
from hydrobit.transport.mqtt.properties import NO_PROPERTIES, Kind, Properties, read_properties
from hydrobit.transport.mqtt.reasons import Reason, ReturnCode

NAME = b"MQTT"
NAME_3_1 = b"MQIsdp"
LEVEL_3_1 = 3
_RETURN_CODES = {int(code): code for code in ReturnCode}


def read_level(reader: Reader) -> int:
    """The protocol level of a CONNECT, which says how the rest of it is read. 3.1 has a name of its own."""
    name = reader.binary()
    if name not in (NAME, NAME_3_1):
        raise Malformed(Reason.unsupported_protocol_version, "The protocol name is not MQTT.")
    level = reader.byte()
    return level if name == NAME else LEVEL_3_1


def read_connect(reader: Reader, version: int) -> Connect:
    """What follows the protocol level."""
    flags, keep_alive_s = reader.byte(), reader.two_bytes()
    if flags & 0x01:
        raise malformed("The reserved flag of a CONNECT is not 0.")
    if not flags & 0x04 and flags & 0x38:
        raise malformed("The flags of a will are set where there is no will.")
    if version == V3_1_1 and flags & 0xC0 == 0x40:
        raise malformed("A CONNECT of MQTT 3.1.1 has no password without a user name.")
    properties = properties_of(reader, Kind.connect, version)
    if properties.authentication_data is not None and properties.authentication_method is None:
        raise protocol_error("Authentication data comes with its method.")
    client_id = reader.text()
    will = _read_will(reader, flags, version) if flags & 0x04 else None
    user_name = reader.text() if flags & 0x80 else None
    password = reader.binary() if flags & 0x40 else None
    reader.finish()
    return Connect(client_id, version, bool(flags & 0x02), keep_alive_s, user_name, password, will, properties)


def _read_will(reader: Reader, flags: int, version: int) -> Will:
    qos = flags >> 3 & 3
    if qos == 3:
        raise malformed("There is no QoS 3.")
    properties = properties_of(reader, Kind.will, version)
    topic = reader.text()
    if not topic:
        raise protocol_error("The topic of a will is not empty.")
    check_topic(topic)
    return Will(topic, reader.binary(), qos, bool(flags & 0x20), properties)


def read_connack(version: int, _first: int, data: bytes, at: int, end: int) -> ConnAck:
    """The answer to a CONNECT of that version."""
    reader = Reader(data, at, end)
    flags, code = reader.byte(), reader.byte()
    if flags > 1:
        raise malformed("The reserved flags of a CONNACK are not 0.")
    known: Mapping[int, Reason | ReturnCode] = reasons.OF_CONNACK if version == V5 else _RETURN_CODES
    reason = known.get(code)
    if reason is None:
        raise protocol_error(f"A CONNACK does not have the code {code}.")
    if flags and code:
        raise protocol_error("A CONNACK that refuses has no session.")
    properties = properties_of(reader, Kind.conn_ack, version)
    reader.finish()
    return ConnAck(flags == 1, reason, properties)


def properties_of(reader: Reader, kind: Kind, version: int) -> Properties:
    """The properties that stand here; in 3.1.1 none do."""
    return read_properties(reader, kind) if version == V5 else NO_PROPERTIES
