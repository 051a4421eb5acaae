"""The mock server alone: `hydrobit mock`, and on the event loop of a test that looks into its spaces."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

from hydrobit.errors import SettingError
from hydrobit.kit.clock import SystemClock
from hydrobit.mock.endpoints import endpoints, refusing
from hydrobit.mock.faults import Plan, no_faults
from hydrobit.mock.spaces import Spaces
from hydrobit.publish.site.trying import MOCK
from hydrobit.settings import Settings
from hydrobit.transport.http.pages import Page
from hydrobit.transport.http.server import Server, build
from hydrobit.transport.http.shell import Endpoint, Routes, Shell
from hydrobit.wire.envelope import encode


async def serve(settings: Settings, *, plan: Plan = no_faults, started: Callable[[int], None]) -> None:
    """Runs the mock until SIGTERM or SIGINT; `started` is told the port once it listens."""
    async with AsyncExitStack() as stack:
        spaces = _alone(settings, plan)
        stack.push_async_callback(spaces.stop)
        await _server(settings, spaces, started).serve()


@asynccontextmanager
async def listening(settings: Settings, *, plan: Plan = no_faults) -> AsyncIterator[tuple[str, Spaces]]:
    """A mock on this event loop for the length of the block: its address and its spaces. Raises SettingError."""
    spaces = _alone(settings, plan)
    port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    server = _server(settings, spaces, port.set_result)
    running = asyncio.create_task(server.serve(), name="hydrobit-mock")
    try:
        running.add_done_callback(lambda _: port.cancel())
        await asyncio.wait([port])
        if port.cancelled():
            raise SettingError(f"{settings.address(settings.port)} cannot be served; choose another port")
        yield settings.address(port.result()), spaces
    finally:
        server.should_exit = True
        await running
        await spaces.stop()


def _alone(settings: Settings, plan: Plan) -> Spaces:
    return Spaces(settings, SystemClock(), os.urandom, prefix="", rests=False, plan=plan)


def _server(settings: Settings, spaces: Spaces, started: Callable[[int], None]) -> Server:
    refuse = refusing(settings)
    alive: dict[tuple[str, str], Endpoint] = {
        ("GET", "/healthz"): Page(encode({"status": "success", "data": {"alive": True}}))
    }
    routes = Routes(alive | endpoints(spaces, settings, refuse, ("", MOCK)))
    shell = Shell(routes, refuse, cors_origins=settings.cors_origins, bodies_bytes_max=settings.bodies_bytes_max)
    return build(shell, settings, refuse, started)
