"""Devices at a broker: each publishes under a token of its own, and hears what is said under its replies."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from queue import Empty, Queue
from threading import Event
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from hydrobit.demo import company as demo
from hydrobit.identity.signing import SigningKey
from hydrobit.kit.clock import SystemClock
from hydrobit.operation import Device
from hydrobit.settings import Settings
from hydrobit.storage import directory
from tests.callers import Caller, Json
from tests.servers import RunningServer

V311, V5 = MQTTProtocolVersion.MQTTv311, MQTTProtocolVersion.MQTTv5
RECORDS = "control/production/records"
WAIT_S_MAX = 30


@dataclass(frozen=True, slots=True)
class Heard:
    """What came under a device's replies."""

    topic: str
    body: Json
    facts: dict[str, str]
    correlation: bytes | None


class BrokerDevice:
    """A client of the broker. `token` is what its messages carry; None for none."""

    def __init__(
        self,
        port: int,
        device_id: str,
        token: str | None,
        version: MQTTProtocolVersion,
        user: tuple[str, str] | None = None,
    ) -> None:
        self.device_id, self.token, self._version = device_id, token, version
        self._heard: Queue[Heard] = Queue()
        self._acknowledged: Queue[int] = Queue()
        ready = Event()
        self._client = paho.Client(CallbackAPIVersion.VERSION2, device_id, protocol=version)
        self._client.max_inflight_messages_set(200)
        if user is not None:
            self._client.username_pw_set(*user)
        self._client.on_connect = lambda client, *_: client.subscribe(f"replies/{device_id}/#", 1)
        self._client.on_subscribe = lambda *_: ready.set()
        self._client.on_publish = lambda _client, _data, number, *_: self._acknowledged.put(number)
        self._client.on_message = self._hear
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        assert ready.wait(WAIT_S_MAX), "the broker did not let the device in"

    def subscribe(self, wanted: str) -> None:
        """Asks for more than its replies; what the broker then delivers is heard as well."""
        self._client.subscribe(wanted, 1)

    def publish(
        self,
        body: Json | bytes,
        topic: str = RECORDS,
        *,
        response_topic: str | None = None,
        correlation: bytes | None = None,
    ) -> None:
        """Publishes with QoS 1, and does not wait."""
        if self._version == V5:
            facts = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call] # paho has no types there
            if self.token is not None:
                facts.UserProperty = [("x-iot-token", self.token)]
            if response_topic is not None:
                facts.ResponseTopic = response_topic
            if correlation is not None:
                facts.CorrelationData = correlation
            self._client.publish(topic, _bytes(body), 1, properties=facts)
            return
        if self.token is not None and isinstance(body, dict):
            body = body | {"x-iot-token": self.token}
        self._client.publish(topic, _bytes(body), 1)

    def acknowledged(self, count: int = 1) -> None:
        """Waits until the broker has so many more messages."""
        for _ in range(count):
            self._acknowledged.get(timeout=WAIT_S_MAX)

    def heard(self) -> Heard:
        """The next reply."""
        return self._heard.get(timeout=WAIT_S_MAX)

    def heard_besides(self) -> list[Heard]:
        """What else has come by now."""
        found = []
        while True:
            try:
                found.append(self._heard.get_nowait())
            except Empty:
                return found

    def end(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _hear(self, _client: Any, _data: Any, message: paho.MQTTMessage) -> None:
        said = message.properties
        facts = dict(getattr(said, "UserProperty", ()))
        self._heard.put(
            Heard(message.topic, json.loads(message.payload), facts, getattr(said, "CorrelationData", None))
        )


@contextmanager
def at_broker(
    port: int,
    device_id: str,
    token: str | None,
    version: MQTTProtocolVersion = V5,
    user: tuple[str, str] | None = None,
) -> Iterator[BrokerDevice]:
    """`user` is the name and password by which the broker knows it, where it asks."""
    device = BrokerDevice(port, device_id, token, version, user)
    try:
        yield device
    finally:
        device.end()


def registered(admin: Caller, device_id: str) -> str:
    """Adds a device to the demo company, and returns a token by which it acts for the caller."""
    asked = {"deviceId": device_id, "projectId": demo.PROJECT, "name": device_id}
    assert admin.post("/api/control/iot/devices", json=asked).status_code == 201
    answer = admin.post("/api/control/iot/tokens", json={"deviceId": device_id})
    assert answer.status_code in (200, 201), answer.text
    token: str = answer.json()["data"]["token"]
    return token


def old_token(server: RunningServer, device_id: str) -> str:
    """A genuine token of ours whose time was over an hour ago."""
    key, settings = SigningKey.load_or_create(server.data / directory.SIGNING_KEY), Settings()
    device, now = Device(device_id, demo.PROJECT), SystemClock().now() - 2 * 3_600_000
    return key.sign_for_device(demo.ADMIN, demo.COMPANY, device, now, 3_600, settings.issuer, settings.iot_audience)


def _bytes(body: Json | bytes) -> bytes:
    return body if isinstance(body, bytes) else json.dumps(body).encode()
