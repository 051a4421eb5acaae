"""What a WebSocket and a TCP connection have in common as carriers of MQTT."""

import asyncio
from typing import Any

from hydrobit.transport.mqtt.clients import Clients
from hydrobit.transport.mqtt.connection import Connection, Head

CLOSE_S_MAX = 5
"""How long the peer may take to end a connection that was closed."""


class Carrying(asyncio.Protocol):
    """One socket. It stands among the server's connections, which sweeps them and stops them."""

    def __init__(self, clients: Clients, connections: set[Any], unsent_s_max: float) -> None:
        self._clients, self._connections, self._unsent_s_max = clients, connections, unsent_s_max
        self._transport: asyncio.Transport | None = None
        self._connection: Connection | None = None
        self._drained: asyncio.Future[None] | None = None
        self._unsent, self._unsent_since = 0, 0.0
        self._is_crowded = self._is_full = self._is_paused = False

    def begin(self, head: Head) -> Connection:
        """From here on MQTT is spoken."""
        self._connection = Connection(self._clients, self, head)
        return self._connection

    # What the event loop tells.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport) or hasattr(transport, "write"), "a stream can be written to"
        self._transport = transport  # type: ignore[assignment]
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.discard(self)
        self.resume_writing()
        if self._connection is not None:
            self._connection.lost()

    def pause_writing(self) -> None:
        """The peer takes nothing: then nothing is taken from it that would be answered."""
        self._drained = asyncio.get_running_loop().create_future()
        self._is_full = True
        self._pace()

    def resume_writing(self) -> None:
        self._is_full = False
        self._pace()
        drained, self._drained = self._drained, None
        if drained is not None and not drained.done():
            drained.set_result(None)

    # What the server tells.

    def sweep(self, now: float) -> None:
        """Ends a connection that is late, or takes nothing of what was written to it."""
        unsent = self.transport.get_write_buffer_size()
        if unsent != self._unsent:
            self._unsent, self._unsent_since = unsent, now
        elif unsent and now - self._unsent_since > self._unsent_s_max:
            self.transport.abort()
        if self._connection is not None:
            self._connection.sweep(now)

    def shutdown(self) -> None:
        """The server stops: what is under way is answered."""
        if self._connection is None:
            self.transport.close()
        else:
            self._connection.stop()

    # What the connection asks for.

    @property
    def transport(self) -> asyncio.Transport:
        assert self._transport is not None, "a protocol is used once its connection is made"
        return self._transport

    def write(self, data: bytes) -> None:
        self.transport.write(data)

    def close(self) -> None:
        self.transport.close()

    def abort(self) -> None:
        self.transport.abort()

    def wait(self, is_crowded: bool) -> None:
        self._is_crowded = is_crowded
        self._pace()

    @property
    def held_bytes(self) -> int:
        return 0

    @property
    def _must_wait(self) -> bool:
        return self._is_crowded or self._is_full

    def _pace(self) -> None:
        if self._must_wait != self._is_paused and not self.transport.is_closing():
            self._is_paused = self._must_wait
            (self.transport.pause_reading if self._is_paused else self.transport.resume_reading)()

    async def drain(self) -> None:
        if self._drained is not None:
            await asyncio.shield(self._drained)
