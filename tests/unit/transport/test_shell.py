"""The shell answers in the envelope whatever an endpoint does; here with endpoints of the tests' own."""

import asyncio
from collections.abc import MutableMapping, Sequence
from typing import Any

import pytest

from hydrobit.errors import Code, Refused
from hydrobit.transport.http.shell import (
    GZIP_BYTES_MIN,
    LARGE_BYTES_MIN,
    Answer,
    Endpoint,
    Request,
    Routes,
    Shell,
)
from tests.gaps import watched

GAP_MS_MAX = 50


class Broken(Endpoint):
    """An endpoint with a fault that nobody thought of."""

    body_bytes_max = 100

    async def answer(self, request: Request) -> Answer:
        raise ZeroDivisionError(request.path)


def refuse(refused: Refused, path: str) -> Answer:
    return Answer(refused.status, refused.code.value.encode())


async def call(method: str, path: str, body: bytes = b"", *, leaves: bool = False) -> list[MutableMapping[str, Any]]:
    """What the shell sends for one request; a client that `leaves` is gone before its body is whole."""
    shell = Shell(Routes({("POST", "/broken"): Broken(), ("HEAD", "/broken"): Broken()}), refuse)
    scope: dict[str, Any] = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": b"",
        "headers": [],
        "client": None,
    }
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.disconnect"} if leaves else {"type": "http.request", "body": body, "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    await shell(scope, receive, send)
    return sent


async def test_a_fault_that_nobody_thought_of_is_answered_as_one(capsys: pytest.CaptureFixture[str]) -> None:
    start, body = await call("POST", "/broken")
    assert (start["status"], body["body"]) == (500, Code.internal.value.encode())
    assert "ZeroDivisionError" in "".join(capsys.readouterr()), "the operator finds it in the log"


async def test_a_fault_on_head_has_no_body(capsys: pytest.CaptureFixture[str]) -> None:
    start, body = await call("HEAD", "/broken")
    assert (start["status"], body["body"]) == (500, b"")
    assert (b"content-length", b"0") in start["headers"]
    capsys.readouterr()


async def test_a_client_that_left_is_sent_nothing() -> None:
    assert await call("POST", "/broken", leaves=True) == []


@pytest.mark.parametrize(
    ("path", "status"), [("/broken", 500), ("/broken/", 500), ("/broken//", 404), ("/Broken", 404)]
)
async def test_one_trailing_slash_is_ignored(path: str, status: int, capsys: pytest.CaptureFixture[str]) -> None:
    start, _ = await call("POST", path)
    assert start["status"] == status
    capsys.readouterr()


class Taking(Endpoint):
    """An endpoint that takes any body."""

    body_bytes_max = 100

    async def answer(self, request: Request) -> Answer:
        return Answer(200, request.body)


class Sender:
    """A client of a shell whose body comes in parts, when the test says so."""

    def __init__(self, shell: Shell, headers: Sequence[tuple[bytes, bytes]] = ()) -> None:
        self._parts: asyncio.Queue[MutableMapping[str, Any]] = asyncio.Queue()
        self._sent: list[MutableMapping[str, Any]] = []
        scope: dict[str, Any] = {
            "type": "http",
            "method": "POST",
            "path": "/",
            "query_string": b"",
            "headers": list(headers),
            "client": None,
        }
        self._call = asyncio.create_task(shell(scope, self._next, self._keep))

    async def send(self, part: bytes, *, is_last: bool = False) -> None:
        self._parts.put_nowait({"type": "http.request", "body": part, "more_body": not is_last})
        await self._parts.join()

    async def status(self) -> int:
        await self._call
        status: int = self._sent[0]["status"]
        return status

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """Those of the answer."""
        found: list[tuple[bytes, bytes]] = self._sent[0]["headers"]
        return found

    async def _next(self) -> MutableMapping[str, Any]:
        part = await self._parts.get()
        self._parts.task_done()
        return part

    async def _keep(self, message: MutableMapping[str, Any]) -> None:
        self._sent.append(message)


async def test_large_bodies_under_way_share_one_room_and_leave_it_when_they_are_whole() -> None:
    shell = Shell(Routes({("POST", "/"): Taking()}), refuse, bodies_bytes_max=10)
    patient, crowded, later = Sender(shell), Sender(shell), Sender(shell)
    await patient.send(b"123456")
    await crowded.send(b"12345")
    assert await crowded.status() == 503
    await patient.send(b"78", is_last=True)
    assert await patient.status() == 200
    await later.send(b"123456789")
    await later.send(b"0", is_last=True)
    assert await later.status() == 200


class Guarded(Taking):
    """An endpoint that knows its callers by a header."""

    async def turn_away(self, head: Request) -> Answer | None:
        assert head.body == b""
        return None if b"authorization" in head.headers else Answer(401, b"")


async def test_the_rest_of_a_strangers_body_is_not_read_and_takes_no_room() -> None:
    shell = Shell(Routes({("POST", "/"): Guarded()}), refuse, bodies_bytes_max=10)
    strangers = [Sender(shell) for _ in range(3)]
    for stranger in strangers:
        await stranger.send(b"123456")
    assert [await stranger.status() for stranger in strangers] == [401] * 3
    known = Sender(shell, headers=[(b"authorization", b"Bearer x")])
    await known.send(b"12345")
    await known.send(b"67890", is_last=True)
    assert await known.status() == 200


class Long(Endpoint):
    """An endpoint whose answer is long enough to be packed."""

    body_bytes_max = 100

    async def answer(self, request: Request) -> Answer:
        return Answer(200, b"a" * GZIP_BYTES_MIN)


@pytest.mark.parametrize(
    ("accepted", "is_packed"),
    [
        (b"gzip", True),
        (b"br, GZIP;q=0.5", True),
        (b"gzip; q=1.000", True),
        (b"gzip;q=0", False),
        (b"gzip; q=0.000, br", False),
        (b"br", False),
        (b"not-gzip", False),
        (b"", False),
    ],
)
async def test_an_answer_is_packed_for_who_takes_it_packed(accepted: bytes, is_packed: bool) -> None:
    asking = Sender(Shell(Routes({("POST", "/"): Long()}), refuse), headers=[(b"accept-encoding", accepted)])
    await asking.send(b"", is_last=True)
    assert await asking.status() == 200
    assert ((b"content-encoding", b"gzip") in asking.headers) == is_packed


class Slow(Endpoint):
    """An endpoint that answers when it is told to."""

    body_bytes_max = 64 * 1024 * 1024

    def __init__(self) -> None:
        self.answers = asyncio.Event()

    async def answer(self, request: Request) -> Answer:
        await self.answers.wait()
        return Answer(200, b"")


async def test_a_large_body_takes_its_room_until_it_is_answered() -> None:
    slow, large = Slow(), bytes(LARGE_BYTES_MIN)
    shell = Shell(Routes({("POST", "/"): slow}), refuse, bodies_bytes_max=len(large) + 100)
    first, crowded, later = Sender(shell), Sender(shell), Sender(shell)
    await first.send(large, is_last=True)
    await crowded.send(bytes(101))
    assert await crowded.status() == 503
    slow.answers.set()
    assert await first.status() == 200
    await later.send(large)
    await later.send(b"", is_last=True)
    assert await later.status() == 200


async def test_the_event_loop_never_waits_while_a_large_body_is_put_together() -> None:
    slow, part = Slow(), bytes(65_536)
    slow.answers.set()
    shell = Shell(Routes({("POST", "/"): slow}), refuse)
    async with watched() as gaps:
        sender = Sender(shell)
        for _ in range(1_023):
            await sender.send(part)
        await sender.send(part, is_last=True)
        assert await sender.status() == 200
    assert gaps.longest_computed_ms < GAP_MS_MAX
