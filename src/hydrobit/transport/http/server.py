"""uvicorn as it is run here: guarded connections, as many as the system allows, and a stop that exits with 0."""

import asyncio
import contextlib
import resource
import signal
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import structlog
import uvicorn

from hydrobit.errors import Refused
from hydrobit.settings import Settings
from hydrobit.transport.http.connection import Guard, GuardedProtocol
from hydrobit.transport.http.shell import Answer

log = structlog.get_logger("hydrobit")

SWEEP_S = 1.0
"""How often slow requests are looked for, and what is said of the present is written down."""


FILES_BESIDE = 64
"""Open files of the process that are no connections: the store, its readers, the log, the event loop."""


class Server(uvicorn.Server):
    """uvicorn's server, which leaves the exit status to us, tells of its start and stop, and sweeps connections."""

    def __init__(
        self,
        config: uvicorn.Config,
        started: Callable[[int], None],
        stopping: Callable[[], None],
        ticking: Callable[[], None],
        connections_max: int,
    ) -> None:
        super().__init__(config)
        self._tell_started, self._tell_stopping, self._tick = started, stopping, ticking
        self.connections_max = connections_max

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
                connection.sweep(now)  # type: ignore[union-attr]  # all of them are guarded, or carry MQTT
            self._tick()
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._tell_stopping()
        await super().shutdown(sockets)

    @property
    def connection_count(self) -> int:
        return len(self.server_state.connections)


def build(
    app: Any,
    settings: Settings,
    refuse: Callable[[Refused, str], Answer],
    started: Callable[[int], None] = lambda port: None,
    stopping: Callable[[], None] = lambda: None,
    ticking: Callable[[], None] = lambda: None,
    websocket: type[asyncio.Protocol] | None = None,
) -> Server:
    """A server for an ASGI application with the settings that Hydrobit runs with; the benchmark's peers use it too."""
    guard = Guard(settings, refuse, connections_max=allow_connections(settings.connections_max))
    protocol = type("Connection", (GuardedProtocol,), {"guard": guard})
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        proxy_headers=False,
        http=protocol,
        ws=websocket or "none",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_keep_alive=settings.keep_alive_s,
        timeout_graceful_shutdown=settings.stop_s_max,
        backlog=2048,
    )
    return Server(config, started, stopping, ticking, guard.connections_max)


def allow_connections(wanted: int) -> int:
    """Raises this process's limit of open files for so many connections; returns how many the system lets it hold."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted + FILES_BESIDE
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return wanted
    raised = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (raised, hard))
    except (ValueError, OSError):
        raised = soft
    if raised < needed:
        log.warning("fewer connections than set", connections_max=raised - FILES_BESIDE, open_files_max=raised)
    return min(wanted, max(1, raised - FILES_BESIDE))
