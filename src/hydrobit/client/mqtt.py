"""The road by MQTT 5: a message to the path without `/api/`, and its answer under the client's own topic."""

import secrets
from collections.abc import Callable
from queue import Empty, Queue
from threading import Lock
from types import ModuleType
from typing import Any
from urllib.parse import SplitResult, urlsplit

import msgspec

from hydrobit.client.failures import TransportMissing
from hydrobit.client.steps import Answer, Request

ANSWER_S_MAX = 30.0
SCHEMES = frozenset({"mqtt", "mqtts", "ws", "wss"})
_PORTS = {"mqtt": 1_883, "mqtts": 8_883, "ws": 80, "wss": 443}
_NOT_AUTHORIZED, _BAD_TOKEN = 0x87, 0x86
_USER = "hydrobit"
"""The token alone says who it is."""


class MqttCarrier:
    """One connection, made when it is needed and given up when an answer stays away. One call at a time."""

    def __init__(self, url: str, *, client_id: str | None = None, answer_s_max: float = ANSWER_S_MAX) -> None:
        self._paho = _paho()
        self._place = urlsplit(url)
        self._client_id = client_id or f"hydrobit_{secrets.token_hex(8)}"
        self._answer_s_max = answer_s_max
        self._connection: _Connection | None = None
        self._turn = Lock()

    def send(self, request: Request, token: str) -> Answer | None:
        """None when the answer was lost; 401 where the server does not let the token in."""
        with self._turn:
            if self._connection is not None and (self._connection.token != token or self._connection.is_over):
                self._end()
            try:
                if self._connection is None:
                    self._connection = _Connection(self._paho, self._place, self._client_id, token, self._answer_s_max)
                answer = self._connection.ask(request)
            except OSError:
                answer = None
            if answer is None or answer.status == 401:
                self._end()
            return answer

    def close(self) -> None:
        with self._turn:
            self._end()

    def _end(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.end()


class _Connection:
    """A client of paho that is let in. Raises OSError when nobody listens."""

    def __init__(self, paho: ModuleType, place: SplitResult, client_id: str, token: str, answer_s_max: float) -> None:
        from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

        self.token, self.is_over = token, False
        self._answer_s_max = answer_s_max
        self._replies = f"replies/{client_id}"
        self._told: Queue[tuple[bytes, Answer] | None] = Queue()
        self._refused: Answer | None = None
        self._ready: Queue[bool] = Queue()
        self._client: Any = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id,
            protocol=MQTTProtocolVersion.MQTTv5,
            transport="websockets" if place.scheme.startswith("ws") else "tcp",
            reconnect_on_failure=False,
        )
        client = self._client
        client.username_pw_set(_USER, token)
        if place.scheme.startswith("ws"):
            client.ws_set_options(path=place.path or "/mqtt")
        if place.scheme in ("mqtts", "wss"):
            client.tls_set()
        client.on_connect = self._connected
        client.on_subscribe = lambda *_: self._ready.put(True)
        client.on_message = lambda _client, _data, message: self._told.put(_read(message))
        client.on_disconnect = self._disconnected
        client.connect(place.hostname or "localhost", place.port or _PORTS[place.scheme])
        client.loop_start()

    def ask(self, request: Request) -> Answer | None:
        if not self._is_ready():
            return self._refused
        name = secrets.token_bytes(8)
        payload = request.body if request.body is not None else msgspec.json.encode(dict(request.query))
        topic = request.path.removeprefix("/api/")
        self._client.publish(topic, payload, qos=1, properties=_asking(self._replies, name, request.method))
        while True:
            try:
                told = self._told.get(timeout=self._answer_s_max)
            except Empty:
                return None
            if told is None:
                return self._refused
            if told[0] == name:
                return told[1]

    def end(self) -> None:
        self.is_over = True
        self._client.disconnect()
        self._client.loop_stop()

    def _is_ready(self) -> bool:
        if self._ready.empty():
            try:
                self._ready.put(self._ready.get(timeout=self._answer_s_max))
            except Empty:
                return False
        return not self.is_over

    def _connected(self, client: Any, _data: object, _flags: object, reason: Any, _more: object) -> None:
        if reason.is_failure:
            self._over(reason)
        else:
            client.subscribe(self._replies, qos=0)

    def _disconnected(self, _client: object, _data: object, _flags: object, reason: Any, _more: object) -> None:
        self._over(reason)

    def _over(self, reason: Any) -> None:
        """Whoever waits is told."""
        if reason.value in (_NOT_AUTHORIZED, _BAD_TOKEN):
            self._refused = Answer(401, b"")
        self.is_over = True
        self._ready.put(False)
        self._told.put(None)


def _paho() -> ModuleType:
    try:
        from paho.mqtt import client
    except ModuleNotFoundError as e:
        raise TransportMissing("MQTT needs paho-mqtt; install hydrobit[mqtt]") from e
    return client


def _asking(replies: str, name: bytes, method: str) -> Any:
    from paho.mqtt.packettypes import PacketTypes
    from paho.mqtt.properties import Properties

    make: Callable[[int], Any] = Properties
    asking = make(PacketTypes.PUBLISH)
    asking.ResponseTopic = replies
    asking.CorrelationData = name
    asking.UserProperty = [("method", method)]
    return asking


def _read(message: Any) -> tuple[bytes, Answer]:
    """An answer, and the call that it is of."""
    facts = dict(getattr(message.properties, "UserProperty", []))
    status = facts.get("status", "")
    name: bytes = getattr(message.properties, "CorrelationData", b"")
    return name, Answer(int(status) if status.isdigit() else 0, bytes(message.payload))
