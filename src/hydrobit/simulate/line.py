"""The connection of a scale: MQTT 5 by paho, in a WebSocket or on TCP.

A line is used once. What paho itself keeps in memory for another connection is never relied on.
"""

import os
import socket
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode

from hydrobit.errors import SettingError

TOPIC = "control/production/records"
QOS = 1
KEEP_ALIVE_S = 15
CONNECT_S_MAX = 5.0
_PORTS = {"ws": 80, "wss": 443, "mqtt": 1883, "mqtts": 8883}
_REFUSED = (0x84, 0x85, 0x86, 0x87, 0x8A, 0x8C)
"""Reasons of a CONNACK that the same CONNECT would meet again."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server speaks MQTT."""

    host: str
    port: int
    path: str
    is_web_socket: bool
    is_tls: bool

    @classmethod
    def read(cls, url: str) -> "Address":
        """Raises SettingError."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            parts, port = urlsplit(""), None
        if parts.scheme not in _PORTS or not parts.hostname:
            raise SettingError(
                f"the address is {url!r}; write ws://host:port/mqtt, wss://host/mqtt, mqtt://host or mqtts://host"
            )
        is_web_socket = parts.scheme.startswith("ws")
        path = parts.path if parts.path.strip("/") else "/mqtt"
        return cls(parts.hostname, port or _PORTS[parts.scheme], path, is_web_socket, parts.scheme in ("wss", "mqtts"))


class Line:
    """One connection, from its first byte to its last; `turn` does all of its work."""

    def __init__(self, address: Address, token: str, client_id: str, trusted: Path | None = None) -> None:
        """Raises OSError where nobody answers."""
        self.is_open = self.is_over = self.is_refused = False
        self.why = ""
        """Why it is over."""
        self.outcomes: deque[tuple[int, str]] = deque()
        """What was acknowledged since somebody took it: the number of `send`, and why it was refused, or nothing."""
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id,
            protocol=paho.MQTTv5,
            transport="websockets" if address.is_web_socket else "tcp",
            reconnect_on_failure=False,
        )
        self._client.username_pw_set(client_id, token)
        if address.is_web_socket:
            self._client.ws_set_options(path=address.path)
        if address.is_tls:
            self._client.tls_set(ca_certs=None if trusted is None else str(trusted))
        self._client.connect_timeout = CONNECT_S_MAX
        self._client.on_connect = self._connected
        self._client.on_disconnect = self._disconnected
        self._client.on_publish = self._acknowledged
        self._client.connect(address.host, address.port, KEEP_ALIVE_S, clean_start=True)

    def turn(self, seconds: float) -> None:
        """Reads and writes what is there, and waits for it so long."""
        if not self.is_over and self._client.loop(seconds) != paho.MQTT_ERR_SUCCESS:
            self._end("the connection broke")

    def send(self, event: bytes) -> int:
        """Sends a count, and returns the number by which its outcome will be told."""
        return self._client.publish(TOPIC, event, QOS).mid

    def leave(self) -> None:
        """Ends it as MQTT wants it."""
        self._client.disconnect()
        self._end("")

    def cut(self) -> None:
        """The signal is gone: nobody is told, and what is under way is lost."""
        found = self._client.socket()
        if found is not None and not self.is_over:
            with socket.socket(fileno=os.dup(found.fileno())) as same:
                same.shutdown(socket.SHUT_RDWR)
        self._end("out of range")

    def _connected(self, client: Any, data: Any, flags: Any, reason: ReasonCode, properties: Any) -> None:
        self.is_open = not reason.is_failure
        if reason.is_failure:
            self.is_refused = reason.value in _REFUSED
            self._end(_sentence(reason, properties))

    def _disconnected(self, client: Any, data: Any, flags: Any, reason: ReasonCode, properties: Any) -> None:
        self._end(_sentence(reason, properties))

    def _acknowledged(self, client: Any, data: Any, mid: int, reason: ReasonCode, properties: Any) -> None:
        self.outcomes.append((mid, _sentence(reason, properties) if reason.is_failure else ""))

    def _end(self, why: str) -> None:
        if not self.is_over:
            self.is_open, self.is_over, self.why = False, True, why


def _sentence(reason: ReasonCode, properties: Any) -> str:
    return str(getattr(properties, "ReasonString", None) or reason)
