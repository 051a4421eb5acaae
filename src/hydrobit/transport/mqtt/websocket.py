"""MQTT in a WebSocket (RFC 6455, subprotocol `mqtt`): the server hands over a connection that asks for the upgrade."""

import asyncio
import http
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.typing import Origin, Subprotocol

from hydrobit.errors import Code, Refused
from hydrobit.transport.mqtt.carrying import CLOSE_S_MAX, Carrying
from hydrobit.transport.mqtt.clients import Clients
from hydrobit.transport.mqtt.connection import Head

SUBPROTOCOLS = (Subprotocol("mqtt"),)
FRAME_BYTES_BESIDE = 1_024
"""A frame may hold the greatest packet and the beginnings of others."""
STRANGER_FRAME_BYTES_MAX = 65_536
"""The greatest frame of a client that was not let in yet: the rest of it would be held for anybody."""
READ_AT_ONCE = 16_384


@dataclass(frozen=True, slots=True)
class Door:
    """Where WebSockets come in: which paths take them, from which pages, and what a refused one is told."""

    clients: Clients
    has_path: Callable[[str], bool]
    refuse: Callable[[Refused, str], bytes]
    origins: Sequence[str]
    """`*` is any page."""
    unsent_s_max: float


class WebSocket(Carrying):
    """One WebSocket. `door` is set by a subclass for the one server that it serves."""

    door: Door

    def __init__(self, config: object, server_state: Any, app_state: object) -> None:
        super().__init__(self.door.clients, server_state.connections, self.door.unsent_s_max)
        self._frames = ServerProtocol(subprotocols=SUBPROTOCOLS, max_size=STRANGER_FRAME_BYTES_MAX)
        self._unread = b""
        self._is_deaf = False

    def data_received(self, data: bytes) -> None:
        is_reading = bool(self._unread)
        self._unread += data
        if not is_reading:
            self._read_on()

    def connection_lost(self, exc: Exception | None) -> None:
        while self._unread:
            self._read_on()
        super().connection_lost(exc)

    @property
    def held_bytes(self) -> int:
        return len(self._frames.reader.buffer) + len(self._unread)

    @property
    def _must_wait(self) -> bool:
        return super()._must_wait or bool(self._unread)

    def _read_on(self) -> None:
        """Reads some of what came, and goes on in another turn of the loop: a frame may be as small as a few bytes."""
        some, self._unread = self._unread[:READ_AT_ONCE], self._unread[READ_AT_ONCE:]
        if some and not self._is_deaf:
            self._read(some)
        if self._unread:
            asyncio.get_running_loop().call_soon(self._read_on)
        self._pace()

    def _read(self, data: bytes) -> None:
        if self._connection is not None and self._connection.has_session:
            self._frames.max_size = self.door.clients.limits.packet_bytes_max + FRAME_BYTES_BESIDE
        self._frames.receive_data(data)
        self._send()
        carried = []
        for event in self._frames.events_received():
            if isinstance(event, Request):
                self._answer(event)
            elif isinstance(event, Frame):
                if event.opcode is Opcode.TEXT:
                    self._frames.fail(CloseCode.UNSUPPORTED_DATA, "MQTT is sent in binary frames")
                elif event.opcode in (Opcode.BINARY, Opcode.CONT):
                    carried.append(event.data)
        if self._connection is not None:
            self._connection.received(b"".join(carried))
        self._send()

    def eof_received(self) -> None:
        self._frames.receive_eof()

    def write(self, data: bytes) -> None:
        if self._frames.state is State.OPEN:
            self._frames.send_binary(data)
            self._send()

    def close(self) -> None:
        """Says so, and waits a little for the peer to say so too (RFC 6455, 7.1.2)."""
        if self._frames.state is State.OPEN:
            self._frames.send_close(CloseCode.NORMAL_CLOSURE)
            self._send()
            if len(self._frames.reader.buffer) > READ_AT_ONCE:  # the rest of a large frame would be held for nothing
                self._is_deaf = True
                self._frames.reader.buffer.clear()
            asyncio.get_running_loop().call_later(CLOSE_S_MAX, self.transport.abort)
        else:
            self.transport.close()

    def _answer(self, request: Request) -> None:
        response = self._response(request)
        self._frames.send_response(response)
        self._send()
        if response.status_code == http.HTTPStatus.SWITCHING_PROTOCOLS:
            self.begin(_head(request))

    def _response(self, request: Request) -> Response:
        path, origin = request.path.partition("?")[0], _header(request, "Origin")
        if not self.door.has_path(path):
            return self._refused(404, Refused(Code.unknown_path, f"There is nothing at {path[:200]}."), path)
        if origin is not None and "*" not in self.door.origins and Origin(origin) not in self.door.origins:
            elsewhere = "This page may not connect; add its origin to HYDROBIT_CORS_ORIGINS."
            return self._refused(403, Refused(Code.role_forbidden, elsewhere), path)
        is_readable = (_header(request, "Sec-WebSocket-Key") or "").isascii()
        response = self._frames.accept(request) if is_readable else None
        if response is None or response.status_code == http.HTTPStatus.BAD_REQUEST:
            asks = Refused(Code.invalid_value, "Ask for a WebSocket of version 13 with the subprotocol mqtt.")
            return self._refused(400, asks, path)
        return response

    def _refused(self, status: int, refused: Refused, path: str) -> Response:
        body = self.door.refuse(refused, path)
        response = self._frames.reject(http.HTTPStatus(status), body.decode())
        del response.headers["Content-Type"]
        response.headers["Content-Type"] = "application/json"
        return response

    def _send(self) -> None:
        for data in self._frames.data_to_send():
            if self.transport.is_closing():
                continue
            if data:
                self.transport.write(data)
            else:  # websockets' word for the end of the stream
                self.transport.close()


def _head(request: Request) -> Head:
    """What the upgrade request says of its sender."""
    token = _header(request, "x-iot-token")
    if token is None:
        scheme, _, rest = (_header(request, "Authorization") or "").partition(" ")
        token = rest.strip() if scheme.lower() == "bearer" and rest.strip() else None
    named = parse_qs(request.path.partition("?")[2]).get("deviceId", [])
    return Head(token, named[0] if named else None)


def _header(request: Request, name: str) -> str | None:
    """The first of that name."""
    return next(iter(request.headers.get_all(name)), None)


def protocol(door: Door) -> type[WebSocket]:
    """The class that the HTTP server makes one object of for each upgrade."""
    return type("WebSocket", (WebSocket,), {"door": door})
