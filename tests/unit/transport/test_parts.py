"""An answer that is made piece by piece, on a real server with endpoints of the tests' own."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from hydrobit.errors import Refused
from hydrobit.settings import Settings
from hydrobit.transport.http.server import build
from hydrobit.transport.http.shell import Answer, Endpoint, Request, Routes, Shell

PIECE = b"0123456789" * 10_000
PIECES = 3


class Parts(Endpoint):
    """Three pieces, with a fault after the second one where it is told so; remembers how many were asked for."""

    body_bytes_max = 0

    def __init__(self, fault: Exception | None = None, pieces: int = PIECES) -> None:
        self._fault, self._pieces = fault, pieces
        self.made = 0
        self.left = asyncio.Event()

    async def answer(self, request: Request) -> Answer:
        return Answer(200, b"", length=None, chunks=self._make())

    async def _make(self) -> AsyncIterator[bytes]:
        try:
            for number in range(self._pieces):
                if number == 2 and self._fault is not None:
                    raise self._fault
                self.made += 1
                yield PIECE
                await asyncio.sleep(0)
        finally:
            self.left.set()


def refuse(refused: Refused, path: str) -> Answer:
    return Answer(refused.status, refused.code.value.encode())


@asynccontextmanager
async def serving(endpoint: Parts) -> AsyncIterator[int]:
    """The port of a server with the endpoint at /parts."""
    started: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    shell = Shell(Routes({("GET", "/parts"): endpoint}), refuse)
    server = build(shell, Settings(port=0), refuse, started.set_result)
    running = asyncio.ensure_future(server.serve())
    try:
        yield await started
    finally:
        server.should_exit = True
        await running


async def ask(port: int, version: str = "1.1", *headers: str) -> bytes:
    """All that the server sends until it ends the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    lines = [f"GET /parts HTTP/{version}", "host: x", "connection: close", *headers, "", ""]
    writer.write("\r\n".join(lines).encode())
    received = await reader.read()
    writer.close()
    return received


def unchunked(body: bytes) -> bytes:
    """The content of a chunked body. ValueError where it was cut off."""
    found = b""
    while True:
        size, _, body = body.partition(b"\r\n")
        length = int(size, 16)
        if length == 0:
            return found
        found, body = found + body[:length], body[length + 2 :]


async def test_it_comes_in_parts_and_has_an_end() -> None:
    async with serving(Parts()) as port:
        head, _, body = (await ask(port)).partition(b"\r\n\r\n")
    assert b"transfer-encoding: chunked" in head
    assert unchunked(body) == PIECE * PIECES


async def test_it_is_packed_as_one_member() -> None:
    async with serving(Parts()) as port:
        head, _, body = (await ask(port, "1.1", "accept-encoding: gzip")).partition(b"\r\n\r\n")
    assert b"content-encoding: gzip" in head
    assert gzip.decompress(unchunked(body)) == PIECE * PIECES


@pytest.mark.parametrize("coding", ["identity", "gzip"])
async def test_a_client_of_http_1_0_gets_it_whole(coding: str) -> None:
    async with serving(Parts()) as port:
        head, _, body = (await ask(port, "1.0", f"accept-encoding: {coding}")).partition(b"\r\n\r\n")
    assert f"content-length: {len(body)}".encode() in head
    assert (gzip.decompress(body) if coding == "gzip" else body) == PIECE * PIECES


@pytest.mark.parametrize("coding", ["identity", "gzip"])
async def test_after_a_fault_no_client_takes_the_part_for_the_whole(
    coding: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async with serving(Parts(ZeroDivisionError("half way"))) as port:
        received = await ask(port, "1.1", f"accept-encoding: {coding}")
    body = received.partition(b"\r\n\r\n")[2]
    assert not body.endswith(b"0\r\n\r\n")
    with pytest.raises(ValueError, match="invalid literal"):
        unchunked(body)
    assert "half way" in "".join(capsys.readouterr()), "the operator finds it in the log"


async def test_a_fault_is_answered_as_one_to_a_client_of_http_1_0(capsys: pytest.CaptureFixture[str]) -> None:
    async with serving(Parts(ZeroDivisionError("half way"))) as port:
        received = await ask(port, "1.0")
    assert received.startswith(b"HTTP/1.1 500 ")
    assert received.endswith(b"internal")
    capsys.readouterr()


async def test_nothing_more_is_made_for_a_client_that_has_gone() -> None:
    endpoint = Parts(pieces=100_000)
    async with serving(endpoint) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /parts HTTP/1.1\r\nhost: x\r\n\r\n")
        await reader.readexactly(len(PIECE))
        writer.transport.abort()
        async with asyncio.timeout(20):
            await endpoint.left.wait()
    assert endpoint.made < 100_000
