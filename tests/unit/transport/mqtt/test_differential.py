"""Another codec, npm's mqtt-packet, reads what we write and writes what we read: 10,000 packets each way."""

import json
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import msgspec

from hydrobit.transport.mqtt.codec import Decoder, encode
from hydrobit.transport.mqtt.packets import (
    V3_1_1,
    V5,
    Auth,
    ConnAck,
    Connect,
    Disconnect,
    Packet,
    Publish,
    Sender,
    SubAck,
    Subscribe,
    UnsubAck,
    Unsubscribe,
)
from hydrobit.transport.mqtt.properties import Properties
from tests import node
from tests.mqtt_packets import Maker
from tests.tools import Measured

SEED = 1883
PACKETS = 10_000
RUN_S_MAX = 60
Pairs = tuple[tuple[str, str], ...]
Sample = tuple[int, Sender, Packet]


# --- where mqtt-packet leaves the specification, so that a packet proves nothing ---


def all_pairs(packet: Packet) -> list[Pairs]:
    found = [getattr(packet, "properties", Properties()).user_properties]
    if isinstance(packet, Connect) and packet.will is not None:
        found.append(packet.will.properties.user_properties)
    return found


def repeats_a_name_after_an_empty_value(packet: Packet) -> bool:
    """Its reader keeps the values of a name in an object, and takes an empty first one for none."""
    for pairs in all_pairs(packet):
        first = dict(reversed(pairs))
        counted = Counter(name for name, _ in pairs)
        if any(counted[name] > 1 and not value for name, value in first.items()):
            return True
    return False


def is_an_auth_of_no_bytes(packet: Packet) -> bool:
    """Its reader asks an AUTH for its reason, which section 3.15.2.1 lets a success leave out."""
    return packet == Auth()


def has_no_client_id_and_goes_on(packet: Packet) -> bool:
    """Its writer refuses an empty client id without a clean start, also in MQTT 5, where the server gives one."""
    return isinstance(packet, Connect) and not packet.client_id and not packet.clean_start


def has_a_password_alone(packet: Packet) -> bool:
    """Its writer refuses a password without a user name, which section 3.1.2.9 of MQTT 5 allows."""
    return isinstance(packet, Connect) and packet.password is not None and packet.user_name is None


NOT_READ = (repeats_a_name_after_an_empty_value, is_an_auth_of_no_bytes)
NOT_WRITTEN = (has_no_client_id_and_goes_on, has_a_password_alone)


def test_mqtt_packet_reads_what_we_write_and_we_read_what_it_writes(measured: Measured) -> None:
    random = Random(SEED)
    to_read, to_write = list(samples(random, NOT_READ)), list(samples(random, NOT_WRITTEN))
    answers = ask(
        parse=[[version, encode(packet, version).hex()] for version, _, packet in to_read],
        generate=[[version, shape_of(packet, version)] for version, _, packet in to_write],
    )
    left_out: Counter[str] = Counter()
    for (version, _, packet), read in zip(to_read, answers["parsed"], strict=True):
        same = shape_of(packet, version) == shown(read)
        assert same != judged(packet, NOT_READ, left_out), (encode(packet, version).hex(), packet, read)
    for (version, sender, packet), written in zip(to_write, answers["generated"], strict=True):
        same = isinstance(written, str) and sorted_pairs(decoded(written, version, sender)) == sorted_pairs(packet)
        assert same != judged(packet, NOT_WRITTEN, left_out), (written, packet)
    kinds = Counter(type(packet).__name__ for _, _, packet in (*to_read, *to_write))
    assert len(kinds) == 15
    told = ", ".join(f"{name} {count}" for name, count in sorted(left_out.items()))
    measured(f"{PACKETS} packets each way without a difference, besides: {told}")


def samples(random: Random, differences: tuple[Callable[[Packet], bool], ...]) -> Iterator[Sample]:
    """As many as count, and with them those that come up where mqtt-packet is known to differ."""
    sides: tuple[Sender, ...] = ("client", "server")
    makers = [Maker(random, version, sender) for version in (V3_1_1, V5) for sender in sides]
    counted = 0
    while counted < PACKETS:
        maker = random.choice(makers)
        is_connect = maker.sender == "client" and random.random() < 0.15
        packet = maker.connect() if is_connect else maker.packet()
        counted += not any(differs(packet) for differs in differences)
        yield maker.version, maker.sender, packet


def judged(packet: Packet, differences: tuple[Callable[[Packet], bool], ...], left_out: Counter[str]) -> bool:
    """Whether mqtt-packet is known to differ here. Where it no longer does, the difference is to be struck out."""
    names = [differs.__name__ for differs in differences if differs(packet)]
    left_out.update(names)
    return bool(names)


def ask(**batches: list[Any]) -> dict[str, Any]:
    done = subprocess.run(
        [node.EXECUTABLE, node.SCRIPTS / "differential.cjs"],
        input=json.dumps(batches).encode(),
        env=node.environment(),
        capture_output=True,
        timeout=RUN_S_MAX,
    )
    assert done.returncode == 0, done.stderr.decode()
    answers: dict[str, Any] = json.loads(done.stdout)
    return answers


def decoded(written: str, version: int, sender: Sender) -> Packet:
    known = None if written.startswith("10") else version
    (packet,) = Decoder(packet_bytes_max=65_536, version=known, sender=sender).feed(bytes.fromhex(written))
    return packet


def sorted_pairs(packet: Packet) -> Packet:
    """User properties in the order of their names: mqtt-packet holds them in an object, which has no other order."""
    if isinstance(packet, Connect) and packet.will is not None:
        packet = msgspec.structs.replace(packet, will=_with_sorted_pairs(packet.will))
    return _with_sorted_pairs(packet) if hasattr(packet, "properties") else packet


def _with_sorted_pairs(holder: Any) -> Any:
    pairs = tuple(sorted(holder.properties.user_properties, key=lambda pair: pair[0]))
    return msgspec.structs.replace(holder, properties=msgspec.structs.replace(holder.properties, user_properties=pairs))


# --- a packet as mqtt-packet names it ---

COMMANDS = {"PubAck": "puback", "PubRec": "pubrec", "PubRel": "pubrel", "PubComp": "pubcomp"}
FLAGS = {"payload_format_indicator"}
OTHER_NAMES = {"maximum_qos": "maximumQoS"}


def shape_of(packet: Packet, version: int) -> dict[str, Any]:
    shape: dict[str, Any] = {"cmd": type(packet).__name__.lower(), **fields_of(packet, version)}
    if properties := properties_of(getattr(packet, "properties", Properties())):
        shape["properties"] = properties
    return shape


def fields_of(packet: Packet, version: int) -> dict[str, Any]:
    match packet:
        case Connect():
            return connect_of(packet)
        case ConnAck(session_present, reason):
            return {"sessionPresent": session_present, "reasonCode" if version == V5 else "returnCode": int(reason)}
        case Publish(topic, payload, qos, packet_id, retain, dup):
            told = {} if packet_id is None else {"messageId": packet_id}
            return {"topic": topic, "payload": hexed(payload), "qos": qos, "retain": retain, "dup": dup, **told}
        case Subscribe(packet_id, subscriptions):
            return {"messageId": packet_id, "subscriptions": [entry_of(entry, version) for entry in subscriptions]}
        case Unsubscribe(packet_id, filters):
            return {"messageId": packet_id, "unsubscriptions": list(filters)}
        case SubAck(packet_id, reasons):
            return {"messageId": packet_id, "granted": [int(reason) for reason in reasons]}
        case UnsubAck(packet_id, reasons):
            granted = {"granted": [int(reason) for reason in reasons]} if version == V5 else {}
            return {"messageId": packet_id, **granted}
        case Disconnect() | Auth():
            return {"reasonCode": int(packet.reason)} if version == V5 else {}
    if type(packet).__name__ in COMMANDS:
        told = {"reasonCode": int(getattr(packet, "reason"))} if version == V5 else {}  # noqa: B009
        return {"messageId": getattr(packet, "packet_id"), **told}  # noqa: B009
    return {}


def connect_of(packet: Connect) -> dict[str, Any]:
    shape: dict[str, Any] = {
        "protocolId": "MQTT",
        "protocolVersion": packet.version,
        "clean": packet.clean_start,
        "keepalive": packet.keep_alive_s,
        "clientId": packet.client_id,
    }
    if packet.user_name is not None:
        shape["username"] = packet.user_name
    if packet.password is not None:
        shape["password"] = hexed(packet.password)
    if packet.will is not None:
        will = packet.will
        shape["will"] = {"topic": will.topic, "payload": hexed(will.payload), "qos": will.qos, "retain": will.retain}
        if properties := properties_of(will.properties):
            shape["will"]["properties"] = properties
    return shape


def entry_of(entry: Any, version: int) -> dict[str, Any]:
    options = {"nl": entry.no_local, "rap": entry.retain_as_published, "rh": entry.retain_handling}
    return {"topic": entry.filter, "qos": entry.qos, **(options if version == V5 else {})}


def properties_of(properties: Properties) -> dict[str, Any]:
    shape: dict[str, Any] = {}
    for name, value in msgspec.structs.asdict(properties).items():
        if value is None or value == ():
            continue
        if name == "user_properties":
            shape["userProperties"] = grouped(value)
        elif name == "subscription_identifiers":
            shape["subscriptionIdentifier"] = value[0] if len(value) == 1 else list(value)
        else:
            shape[OTHER_NAMES.get(name, camel(name))] = value_of(name, value)
    return shape


def grouped(pairs: Pairs) -> dict[str, Any]:
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    return {name: held[0] if len(held) == 1 else held for name, held in values.items()}


def value_of(name: str, value: Any) -> Any:
    if name in FLAGS:
        return bool(value)
    return hexed(value) if isinstance(value, bytes) else value


def camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def hexed(value: bytes) -> dict[str, str]:
    return {"hex": value.hex()}


def shown(read: dict[str, Any]) -> dict[str, Any]:
    """What it read, without the fields that it puts into every packet."""
    beside = {"length"} if read.get("cmd") == "publish" else {"length", "topic", "payload", "qos", "retain", "dup"}
    return {name: value for name, value in read.items() if name not in beside}
