"""MQTT clients for tests: packets of our own codec over a socket, plain or in a WebSocket, one step at a time."""

import base64
import os
import socket
import struct
from collections import deque
from typing import Any, Self, TypeVar
from urllib.parse import urlsplit

import msgspec

from hydrobit.transport.mqtt.codec import Decoder, encode
from hydrobit.transport.mqtt.packets import (
    V5,
    ConnAck,
    Connect,
    Disconnect,
    Packet,
    PubAck,
    Publish,
    SubAck,
    Subscribe,
    Subscription,
)
from hydrobit.transport.mqtt.properties import NO_PROPERTIES, Properties
from tests.sockets import ANSWER_S_MAX, RECEIVED_AT_ONCE, Answer

PACKET_BYTES_MAX = 16 * 1024 * 1024
RECORDS = "control/production/records"
BINARY, TEXT, CLOSE, PING, PONG = 0x2, 0x1, 0x8, 0x9, 0xA
FINAL = 0x80

Kind = TypeVar("Kind", bound=Packet)


class Ended(Exception):
    """The server has ended the connection."""


class Client:
    """One client; every wait on it ends after ANSWER_S_MAX. Without `path` it speaks plain TCP."""

    def __init__(
        self, address: str, version: int = V5, *, path: str = "/mqtt", headers: dict[str, str] | None = None
    ) -> None:
        place = urlsplit(address)
        self.version = version
        self._socket = socket.create_connection((place.hostname or "", place.port or 80), ANSWER_S_MAX)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._decoder = Decoder(packet_bytes_max=PACKET_BYTES_MAX, version=version, sender="server")
        self._packets: deque[Packet] = deque()
        self._received = b""
        self._is_framed = bool(path)
        self.closed_with: int | None = None
        """The code of the close frame that came."""
        self.upgrade = self._upgrade(path, headers or {}) if path else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Is gone, without a word."""
        self._socket.close()

    # What it sends.

    def send(self, *packets: Packet) -> None:
        self.send_bytes(b"".join(encode(packet, self.version) for packet in packets))

    def send_bytes(self, data: bytes) -> None:
        self.send_raw(frame(data) if self._is_framed else data)

    def send_raw(self, data: bytes) -> None:
        try:
            self._socket.sendall(data)
        except ConnectionError as e:
            raise Ended from e

    def send_some(self, data: bytes) -> int:
        """Sends as much as the sockets' buffers take, waiting for room no longer than `settimeout` says."""
        return self._socket.send(data)

    def settimeout(self, seconds: float) -> None:
        self._socket.settimeout(seconds)

    # What it is told.

    def next(self) -> Packet:
        """The next packet. Raises Ended; TimeoutError when nothing comes."""
        while not self._packets:
            self._receive()
        return self._packets.popleft()

    def expect(self, kind: type[Kind]) -> Kind:
        """The next packet, which must be of that kind."""
        packet = self.next()
        assert isinstance(packet, kind), packet
        return packet

    def ended(self) -> Disconnect | None:
        """Waits for the end of the connection; returns the server's last word; fails where it says more."""
        said: list[Packet] = []
        try:
            while True:
                said.append(self.next())
        except Ended:
            pass
        last = said.pop() if said else None
        assert not said, said
        assert last is None or isinstance(last, Disconnect), last
        return last

    def is_quiet(self) -> bool:
        """True while nothing has come and the connection is open."""
        self._socket.setblocking(False)
        try:
            self._receive()
        except BlockingIOError:
            return not self._packets
        except Ended:
            return False
        finally:
            self._socket.settimeout(ANSWER_S_MAX)
        return not self._packets

    # Steps of several packets.

    def connect(self, token: str | None, client_id: str = "scale-1", **changes: Any) -> ConnAck:
        """Says who it is, and returns the answer."""
        known: dict[str, Any] = {"version": self.version, "client_id": client_id}
        if token is not None:
            known |= {"user_name": "device", "password": token.encode()}
        self.send(Connect(**known | changes))
        return self.expect(ConnAck)

    def subscribe(self, *filters: str, packet_id: int = 1) -> SubAck:
        self.send(Subscribe(packet_id, tuple(Subscription(wanted) for wanted in filters)))
        return self.expect(SubAck)

    def publish(self, body: object, topic: str = RECORDS, packet_id: int = 1, **changes: Any) -> PubAck:
        """Sends one message of QoS 1 and returns its acknowledgement."""
        self.send(message(body, topic, packet_id, **changes))
        return self.expect(PubAck)

    def ask(self, body: object, topic: str = RECORDS, packet_id: int = 1, **properties: Any) -> tuple[Publish, PubAck]:
        """Sends a message that wants an answer under `replies/scale-1`, and returns that and the acknowledgement."""
        wanted = Properties(**{"response_topic": "replies/scale-1", "correlation_data": b"7"} | properties)
        self.send(message(body, topic, packet_id, properties=wanted))
        return self.expect(Publish), self.expect(PubAck)

    # The bytes.

    def _upgrade(self, path: str, headers: dict[str, str]) -> Answer:
        lines = {
            "Host": "localhost",
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Protocol": "mqtt",
        } | headers
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items() if value)
        self.send_raw(f"GET {path} HTTP/1.1\r\n{head}\r\n".encode())
        while b"\r\n\r\n" not in self._received:
            self._take()
        told, _, self._received = self._received.partition(b"\r\n\r\n")
        status, *rest = told.decode("latin-1").split("\r\n")
        found = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in rest)}
        number = int(status.split(" ")[1])
        while number != 101 and len(self._received) < int(found.get("content-length", 0)):
            self._take()
        return Answer(number, found, self._received if number != 101 else b"")

    def _take(self) -> None:
        try:
            received = self._socket.recv(RECEIVED_AT_ONCE)
        except ConnectionError as e:
            raise Ended from e
        if not received:
            raise Ended
        self._received += received

    def _receive(self) -> None:
        self._take()
        if not self._is_framed:
            data, self._received = self._received, b""
            self._packets.extend(self._decoder.feed(data))
            return
        while (found := _unframed(self._received)) is not None:
            code, data, self._received = found
            if code == CLOSE:
                self.closed_with = int.from_bytes(data[:2], "big")
                self.send_raw(frame(data, CLOSE))
            elif code == BINARY:
                self._packets.extend(self._decoder.feed(data))


def message(body: object, topic: str = RECORDS, packet_id: int = 1, **changes: Any) -> Publish:
    """A PUBLISH of QoS 1; `body` becomes JSON unless it is bytes."""
    payload = body if isinstance(body, bytes) else msgspec.json.encode(body)
    said: dict[str, Any] = {"topic": topic, "payload": payload, "qos": 1, "packet_id": packet_id}
    return Publish(**said | changes)


def frame(data: bytes, code: int = BINARY, *, is_final: bool = True) -> bytes:
    """A client's frame; its mask is of zeros."""
    first = bytes([code | (FINAL if is_final else 0)])
    if len(data) < 126:
        return first + bytes([0x80 | len(data)]) + bytes(4) + data
    if len(data) < 65_536:
        return first + b"\xfe" + struct.pack(">H", len(data)) + bytes(4) + data
    return first + b"\xff" + struct.pack(">Q", len(data)) + bytes(4) + data


def _unframed(data: bytes) -> tuple[int, bytes, bytes] | None:
    """The code and content of the first frame, and the bytes behind it."""
    if len(data) < 2:
        return None
    length, begin = data[1] & 0x7F, 2
    for short, size in ((126, 2), (127, 8)):
        if length == short:
            length, begin = int.from_bytes(data[2 : 2 + size], "big"), 2 + size
            break
    if len(data) < begin + length:
        return None
    return data[0] & 0xF, data[begin : begin + length], data[begin + length :]


__all__ = ["NO_PROPERTIES", "Client", "Ended", "frame", "message"]
