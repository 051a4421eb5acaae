"""A body that pauses, on a real server with an endpoint of the tests' own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from hydrobit.errors import Refused
from hydrobit.settings import Settings
from hydrobit.transport.http.server import build
from hydrobit.transport.http.shell import Answer, Endpoint, Request, Routes, Shell

PAUSE_S_MAX = 1
BODY_BYTES = 60_000
HEAD = f"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: {BODY_BYTES}\r\n\r\n".encode()


class Taking(Endpoint):
    """An endpoint that says how much it got."""

    body_bytes_max = BODY_BYTES

    async def answer(self, request: Request) -> Answer:
        return Answer(200, b"%d" % len(request.body))


def refuse(refused: Refused, path: str) -> Answer:
    return Answer(refused.status, refused.code.value.encode())


@asynccontextmanager
async def connected() -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection to a server that has time for every body which does not pause."""
    started: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    settings = Settings(port=0, request_read_s_max=PAUSE_S_MAX, request_bytes_per_s_min=1)
    server = build(Shell(Routes({("POST", "/"): Taking()}), refuse), settings, refuse, started.set_result)
    running = asyncio.ensure_future(server.serve())
    reader, writer = await asyncio.open_connection("127.0.0.1", await started)
    try:
        yield reader, writer
    finally:
        writer.close()
        server.should_exit = True
        await running


@pytest.mark.parametrize("sent", [10, BODY_BYTES - 1])
async def test_a_body_that_pauses_for_too_long_is_refused_however_much_came_before(sent: int) -> None:
    async with connected() as (reader, writer), asyncio.timeout(10):
        writer.write(HEAD + b" " * sent)
        answer = await reader.read()
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert answer.endswith(b"slow_request")


async def test_a_slow_body_that_goes_on_has_its_time() -> None:
    async with connected() as (reader, writer), asyncio.timeout(20):
        writer.write(HEAD + b" " * (BODY_BYTES - 9))
        for _ in range(9):
            await asyncio.sleep(PAUSE_S_MAX / 3)
            writer.write(b" ")
        assert (await reader.readline()).startswith(b"HTTP/1.1 200 ")
