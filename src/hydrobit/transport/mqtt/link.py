"""The connection to a broker: paho's client and its own thread. What happens there is told on the event loop, in order.

Acknowledgement is by hand: the broker holds a message until `acknowledge`. The connection comes back by itself, after
pauses that grow.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote, urlsplit

import msgspec
import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from hydrobit.settings import Settings

KEPT = "kept"
PORT, TLS_PORT = 1883, 8883
KEEP_ALIVE_S = 30
RECONNECT_S_MIN, RECONNECT_S_MAX = 1, 30
"""The pause before the connection is tried again; each is twice the one before."""
HEAD_BYTES_MAX = 16_384
"""What a packet may have beside its payload, topic and correlation data, roughly: user properties."""
REPLIES_MAX = 20
"""So many are sent before the broker has taken the first: as many as Mosquitto takes."""
QOS_1 = 1
FAILED = 0x80
"""From this reason code on, the broker has refused."""


class Connected(msgspec.Struct, frozen=True):
    """The broker has let us in; whether it still had our session, and so sends again what was not acknowledged."""

    connection: int
    is_present: bool


class Lost(msgspec.Struct, frozen=True):
    """There is no connection, or none any more; `reason` is for the log."""

    reason: str


class Granted(msgspec.Struct, frozen=True):
    """The answer to a subscription."""

    number: int
    is_granted: bool


class Taken(msgspec.Struct, frozen=True):
    """The broker has what was published under this number."""

    number: int


class Arrived(msgspec.Struct, frozen=True):
    """A message. `number` is good for its acknowledgement on this connection alone."""

    connection: int
    number: int
    qos: int
    topic: str
    payload: bytes
    facts: tuple[tuple[str, str], ...] = ()
    """The user properties."""
    response_topic: str | None = None
    correlation: bytes | None = None


Event = Connected | Lost | Granted | Taken | Arrived


class Link:
    """Towards one broker, under one client id. `tell` is called on the event loop that has made the link."""

    def __init__(self, settings: Settings, client_id: str, tell: Callable[[Event], None]) -> None:
        self._loop, self._tell = asyncio.get_running_loop(), tell
        self._events: deque[Event] = deque()
        self._is_told = False
        self._connection = 0
        self._packet_bytes_max = 0
        url = urlsplit(settings.broker_url)
        is_safe = url.scheme == "mqtts"
        self._host, self._port = url.hostname or "", url.port or (TLS_PORT if is_safe else PORT)
        self._is_clean = settings.broker_session != KEPT
        self._wishes = _wishes(settings, is_clean=self._is_clean)
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2, client_id, protocol=paho.MQTTv5, manual_ack=True, reconnect_on_failure=True
        )
        if url.username:
            self._client.username_pw_set(unquote(url.username), unquote(url.password or ""))
        if is_safe:
            self._client.tls_set(settings.broker_authorities or None)
        self._client.max_inflight_messages_set(REPLIES_MAX)
        self._client.reconnect_delay_set(RECONNECT_S_MIN, RECONNECT_S_MAX)
        self._client.on_connect = self._on_connect
        self._client.on_connect_fail = self._on_connect_fail
        self._client.on_disconnect = self._on_disconnect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_publish = self._on_publish
        self._client.on_message = self._on_message

    @property
    def place(self) -> str:
        """Where the broker is, without what opens it."""
        return f"{self._host}:{self._port}"

    def open(self) -> None:
        """Begins to connect, and to connect again."""
        self._client.connect_async(
            self._host, self._port, KEEP_ALIVE_S, clean_start=self._is_clean, properties=self._wishes
        )
        self._client.loop_start()

    def close(self) -> None:
        """Sends what waits and leaves; `Lost` tells when that is done. The thread ends by itself."""
        self._client.disconnect()

    def subscribe(self, wanted: str) -> int | None:
        """Asks for a subscription; `Granted` answers it under this number. None where there is no connection."""
        options = SubscribeOptions(qos=QOS_1, retainHandling=SubscribeOptions.RETAIN_DO_NOT_SEND)
        _, number = self._client.subscribe(wanted, options=options)
        return number

    def unsubscribe(self, wanted: str) -> None:
        self._client.unsubscribe(wanted)

    def publish(
        self, topic: str, payload: bytes, facts: tuple[tuple[str, str], ...] = (), correlation: bytes | None = None
    ) -> int | None:
        """Publishes with QoS 1, also over a connection that has yet to come back; `Taken` tells its end under this
        number. None where the broker takes no packet of that size.
        """
        most = self._packet_bytes_max
        if most and len(payload) + len(topic.encode()) + len(correlation or b"") + HEAD_BYTES_MAX > most:
            return None
        properties = _properties(PacketTypes.PUBLISH)
        if facts:
            properties.UserProperty = list(facts)
        if correlation is not None:
            properties.CorrelationData = correlation
        return self._client.publish(topic, payload, QOS_1, properties=properties).mid

    def acknowledge(self, message: Arrived) -> None:
        """Says that the broker need not hold the message. One of an earlier connection comes again, or is gone."""
        if message.qos and message.connection == self._connection:
            self._client.ack(message.number, message.qos)

    # What paho tells, in its thread.

    def _on_connect(
        self, _client: Any, _data: Any, flags: paho.ConnectFlags, reason: ReasonCode, properties: Properties | None
    ) -> None:
        if reason.is_failure:
            self._say(Lost(f"refused: {reason}"))
            return
        self._connection += 1
        self._packet_bytes_max = getattr(properties, "MaximumPacketSize", 0)
        self._say(Connected(self._connection, flags.session_present))

    def _on_connect_fail(self, _client: Any, _data: Any) -> None:
        self._say(Lost("not reached"))

    def _on_disconnect(self, _client: Any, _data: Any, _flags: Any, reason: ReasonCode, _properties: Any) -> None:
        self._say(Lost(str(reason)))

    def _on_subscribe(self, _client: Any, _data: Any, number: int, reasons: list[ReasonCode], _properties: Any) -> None:
        self._say(Granted(number, all(reason.value < FAILED for reason in reasons)))

    def _on_publish(self, _client: Any, _data: Any, number: int, _reason: Any, _properties: Any) -> None:
        self._say(Taken(number))

    def _on_message(self, _client: Any, _data: Any, message: paho.MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:  # a broker lets none through; it is then nobody's topic
            topic = ""
        said = message.properties
        facts = tuple(getattr(said, "UserProperty", ()))
        asked, correlation = getattr(said, "ResponseTopic", None), getattr(said, "CorrelationData", None)
        self._say(
            Arrived(
                self._connection, message.mid, message.qos, topic, bytes(message.payload), facts, asked, correlation
            )
        )

    def _say(self, event: Event) -> None:
        """One wake-up for all that gathers until the loop has time."""
        self._events.append(event)
        if not self._is_told:
            self._is_told = True
            try:
                self._loop.call_soon_threadsafe(self._hand_over)
            except RuntimeError:  # the loop is closed: nobody is there to be told
                self._events.clear()

    def _hand_over(self) -> None:
        self._is_told = False
        while self._events:
            self._tell(self._events.popleft())


def _wishes(settings: Settings, *, is_clean: bool) -> Properties:
    """What CONNECT asks for: so many messages at once, so large, and how long the broker holds ours without us."""
    wishes = _properties(PacketTypes.CONNECT)
    wishes.ReceiveMaximum = settings.mqtt_receive_max
    wishes.MaximumPacketSize = settings.mqtt_packet_bytes_max
    wishes.SessionExpiryInterval = 0 if is_clean else settings.broker_session_s
    return wishes


def _properties(kind: int) -> Properties:
    made: Properties = Properties(kind)  # type: ignore[no-untyped-call] # paho has no types there
    return made
