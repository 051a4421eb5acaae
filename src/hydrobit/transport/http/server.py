"""uvicorn as it is run here: with limits on heads, slow requests and connections, and a stop that exits with 0."""

import asyncio
import contextlib
import signal
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import httptools
import uvicorn
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from hydrobit.errors import Code, Refused
from hydrobit.settings import Settings
from hydrobit.transport.http.shell import Answer

SWEEP_S = 1.0
"""How often slow requests are looked for."""


class Guard:
    """The limits of connections, and the answers of those that break them."""

    def __init__(self, settings: Settings, refuse: Callable[[Refused, str], Answer]) -> None:
        self.header_bytes_max = settings.header_bytes_max
        self.request_read_s_max = settings.request_read_s_max
        self.connections_max = settings.connections_max
        self._refuse = refuse

    def raw_answer(self, code: Code, detail: str) -> bytes:
        """A whole HTTP answer, for a connection that has no request yet."""
        answer = self._refuse(Refused(code, detail), "")
        head = [
            STATUS_LINE[answer.status],
            b"content-type: application/json\r\ncache-control: no-store\r\nconnection: close\r\n",
            *(b"%b: %b\r\n" % header for header in answer.headers),
            b"content-length: %d\r\n\r\n" % len(answer.body),
        ]
        return b"".join([*head, answer.body])


class GuardedProtocol(HttpToolsProtocol):
    """A connection whose head is bounded in bytes and whose request must arrive in time."""

    guard: Guard

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._waiting_since: float | None = time.monotonic()
        self._head_bytes = 0
        self._in_head = True
        if len(self.connections) > self.guard.connections_max:
            self._turn_away(Code.too_many_connections, "Try again in a moment.")

    def data_received(self, data: bytes) -> None:
        if self._waiting_since is None:
            self._waiting_since = time.monotonic()
        if self._in_head:
            self._head_bytes += len(data)
        super().data_received(data)
        if self._in_head and self._head_bytes > self.guard.header_bytes_max and not self.transport.is_closing():
            self._turn_away(Code.headers_too_large, f"It may have at most {self.guard.header_bytes_max} bytes.")

    def on_message_begin(self) -> None:
        self._in_head = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head = False
        if self._head_bytes > self.guard.header_bytes_max:
            size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
            if size > self.guard.header_bytes_max:
                self._turn_away(Code.headers_too_large, f"It may have at most {self.guard.header_bytes_max} bytes.")
                raise httptools.HttpParserCallbackError("the head is too large")
        self._head_bytes = 0
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._waiting_since = None
        self._head_bytes = 0
        self._in_head = True
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        if not self.transport.is_closing():
            super().send_400_response(msg)

    def sweep(self, now: float) -> None:
        """Ends a connection whose request has been arriving for too long."""
        since = self._waiting_since
        if since is not None and now - since > self.guard.request_read_s_max and not self.transport.is_closing():
            self._turn_away(Code.slow_request, f"A request must arrive within {self.guard.request_read_s_max} s.")

    def _turn_away(self, code: Code, detail: str) -> None:
        if self.cycle is None or self.cycle.response_complete or not self.cycle.response_started:  # type: ignore[redundant-expr]
            self.transport.write(self.guard.raw_answer(code, detail))
        self.transport.close()


class Server(uvicorn.Server):
    """uvicorn's server, which leaves the exit status to us, tells its port and sweeps slow connections."""

    def __init__(self, config: uvicorn.Config, started: Callable[[int], None]) -> None:
        super().__init__(config)
        self._tell_started = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._tell_started(self.servers[0].sockets[0].getsockname()[1])

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)

    async def on_tick(self, counter: int) -> bool:
        if counter % int(SWEEP_S * 10) == 0:
            now = time.monotonic()
            for connection in list(self.server_state.connections):
                if isinstance(connection, GuardedProtocol):
                    connection.sweep(now)
        return await super().on_tick(counter)

    @property
    def connection_count(self) -> int:
        return len(self.server_state.connections)


def build(
    app: Any,
    settings: Settings,
    refuse: Callable[[Refused, str], Answer],
    started: Callable[[int], None] = lambda port: None,
) -> Server:
    """A server for an ASGI application with the settings that Hydrobit runs with; the benchmark's peers use it too."""
    protocol = type("Connection", (GuardedProtocol,), {"guard": Guard(settings, refuse)})
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        proxy_headers=False,
        http=protocol,
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_keep_alive=settings.keep_alive_s,
        timeout_graceful_shutdown=settings.stop_s_max,
        backlog=2048,
    )
    return Server(config, started)
