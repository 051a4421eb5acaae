"""Real MQTT clients, each made to do the same: publish messages one by one, and read what it is told of each."""

import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from queue import Queue
from threading import Event
from typing import Any, NamedTuple, cast

import aiomqtt
import msgspec
import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from tests import node
from tests.tools import program

Json = dict[str, Any]
HOST = "127.0.0.1"
USER = "whoever"
"""The token alone says who it is."""
V311, V5 = 4, 5
WAIT_S_MAX = 20
RECORDS = "control/production/records"


class Road(NamedTuple):
    """How a client comes to the server: in a WebSocket on a path, or on plain TCP where that is None."""

    port: int
    path: str | None
    version: int

    @property
    def url(self) -> str:
        return f"mqtt://{HOST}:{self.port}" if self.path is None else f"ws://{HOST}:{self.port}{self.path}"


@dataclass(frozen=True, slots=True)
class Message:
    """`name` is what a reply shall say that it is of: under MQTT 3.1.1 it must be the event's id."""

    name: str
    body: Json
    qos: int = 1
    topic: str = RECORDS


@dataclass(frozen=True, slots=True)
class Told:
    """What a client is told of one message."""

    name: str
    status: int
    answer: Json


class Paho:
    """A client that is connected, and hears what is said to it."""

    def __init__(self, road: Road, client_id: str, token: str | None, headers: dict[str, str] | None = None) -> None:
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id,
            protocol=MQTTProtocolVersion(road.version),
            transport="tcp" if road.path is None else "websockets",
        )
        self._road, self._replies = road, f"replies/{client_id}"
        self._told: Queue[Told] = Queue()
        self._acknowledged: Queue[int] = Queue()
        ready = Event()
        if token is not None:
            self._client.username_pw_set(USER, token)
        if road.path is not None:
            self._client.ws_set_options(path=road.path, headers=headers)
        self._client.on_connect = lambda client, *_: client.subscribe(self._replies)
        self._client.on_subscribe = lambda *_: ready.set()
        self._client.on_message = lambda _client, _data, message: self._told.put(_read(road, message))
        self._client.on_publish = lambda _client, _data, _number, reason, _more: self._acknowledged.put(reason.value)
        self._client.connect(HOST, road.port)
        self._client.loop_start()
        assert ready.wait(WAIT_S_MAX), "the client was not let in"

    def publish(self, message: Message) -> int:
        """Waits for the acknowledgement, and returns its reason; with QoS 0 there is none to wait for."""
        self._client.publish(
            message.topic, json.dumps(message.body), message.qos, properties=_asking(self._road, self._replies, message)
        )
        return self._acknowledged.get(timeout=WAIT_S_MAX)

    def told(self) -> Told:
        return self._told.get(timeout=WAIT_S_MAX)

    def end(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@contextmanager
def paho_at(road: Road, client_id: str, token: str | None, headers: dict[str, str] | None = None) -> Iterator[Paho]:
    client = Paho(road, client_id, token, headers)
    try:
        yield client
    finally:
        client.end()


def by_paho(road: Road, client_id: str, token: str, messages: Sequence[Message]) -> list[Told]:
    with paho_at(road, client_id, token) as client:
        for message in messages:
            client.publish(message)
        return [client.told() for _ in messages]


async def by_aiomqtt(road: Road, client_id: str, token: str, messages: Sequence[Message]) -> list[Told]:
    replies = f"replies/{client_id}"
    async with aiomqtt.Client(
        HOST,
        road.port,
        username=USER,
        password=token,
        identifier=client_id,
        protocol=aiomqtt.ProtocolVersion(road.version),
        transport="tcp" if road.path is None else "websockets",
        websocket_path=road.path,
        timeout=WAIT_S_MAX,
    ) as client:
        await client.subscribe(replies)
        for message in messages:
            asking = _asking(road, replies, message)
            await client.publish(message.topic, json.dumps(message.body), message.qos, properties=asking)
        told: list[Told] = []
        async for reply in client.messages:
            told.append(_read(road, reply))
            if len(told) == len(messages):
                break
        return told


def by_mqtt_js(token: str, sent: Mapping[Road, Sequence[Message]], client_id: str) -> dict[Road, list[Told]]:
    """MQTT.js under node, on one road after the other; the road's number is added to the client's id."""
    roads = [
        {"url": road.url, "version": road.version, "clientId": f"{client_id}_{number}", "messages": messages}
        for number, (road, messages) in enumerate(sent.items())
    ]
    words = [str(node.EXECUTABLE), str(node.SCRIPTS / "device.cjs")]
    printed = _printed(words, msgspec.json.encode({"token": token, "roads": roads}).decode(), node.environment())
    return dict(zip(sent, msgspec.json.decode(printed, type=list[list[Told]]), strict=True))


def by_mosquitto_pub(road: Road, client_id: str, token: str, message: Message) -> None:
    """Returns when it is acknowledged; the program tells nothing else."""
    _printed(_mosquitto("mosquitto_pub", road, client_id, token, message))


def by_mosquitto_rr(road: Road, client_id: str, token: str, message: Message) -> Json:
    """What came to the client's own topic of replies, as it came."""
    replies = f"replies/{client_id}"
    printed = _printed(
        [*_mosquitto("mosquitto_rr", road, client_id, token, message), "-e", replies, "-W", str(WAIT_S_MAX)]
    )
    return cast(Json, json.loads(printed))


def _mosquitto(tool: str, road: Road, client_id: str, token: str, message: Message) -> list[str]:
    assert road.path is None, "these programs speak plain TCP"
    command = program(tool)
    assert command is not None
    who = ["-h", HOST, "-p", str(road.port), "-V", "5" if road.version == V5 else "311", "-i", client_id]
    what = ["-u", USER, "-P", token, "-t", message.topic, "-q", str(message.qos), "-m", json.dumps(message.body)]
    return [command, *who, *what]


def _printed(words: Sequence[str], given: str | None = None, environment: dict[str, str] | None = None) -> str:
    done = subprocess.run(
        words, input=given, env=environment, capture_output=True, text=True, timeout=3 * WAIT_S_MAX, check=False
    )
    assert (done.returncode, done.stderr) == (0, ""), (words[0], done)
    return done.stdout


def _asking(road: Road, replies: str, message: Message) -> Properties | None:
    """Where the reply shall go and what it shall be known by; MQTT 3.1.1 has no words for it."""
    if road.version == V311:
        return None
    asking = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]  # paho's own types stop here
    asking.ResponseTopic = replies
    asking.CorrelationData = message.name.encode()
    return asking


def _read(road: Road, reply: paho.MQTTMessage | aiomqtt.Message) -> Told:
    body = json.loads(cast(bytes, reply.payload))
    if road.version == V311:
        return Told(body["id"], body["status"], body["answer"])
    assert reply.properties is not None
    properties: Any = reply.properties
    (status,) = [value for name, value in properties.UserProperty if name == "status"]
    return Told(properties.CorrelationData.decode(), int(status), body)
