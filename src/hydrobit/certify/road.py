"""The road between a client and the server: a loopback port where requests are logged, and meet their faults."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

import h11

from hydrobit.certify import faults
from hydrobit.certify.faults import EXPIRED, STRANGER, Fault
from hydrobit.certify.watch import BODY_BYTES_MAX, Watch, plain

HOST = "127.0.0.1"
REQUESTS_MAX = 500
"""Who sends more in one scenario is stopped."""
HEAD_BYTES_MAX = 65_536
READ_BYTES = 65_536
_OWN = (b"connection", b"content-length", b"transfer-encoding", b"date")
"""Headers that belong to one connection, and are written anew."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request, read whole. Header names are lower case."""

    method: str
    target: str
    headers: Mapping[bytes, bytes]
    body: bytes


@dataclass(frozen=True, slots=True)
class Reply:
    """What goes back."""

    status: int
    headers: Mapping[str, str]
    body: bytes


Server = Callable[[Call], Awaitable[Reply]]
"""What stands at the road's end."""


class Road:
    """One scenario's road. `kill` ends the client's process, and returns when it is gone."""

    def __init__(
        self, server: Server, watch: Watch, clock: Callable[[], float], kill: Callable[[], Awaitable[None]]
    ) -> None:
        self._server, self._watch, self._clock, self._kill = server, watch, clock, kill
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind((HOST, 0))  # and nobody listens yet: whoever calls is refused
        self._listening: asyncio.Server | None = None
        self._talks: set[asyncio.Task[None]] = set()
        self._start, self._token, self._is_expired = 0, "", False
        self._killed = 0
        self.flooded = asyncio.Event()

    @property
    def address(self) -> str:
        return f"http://{HOST}:{self._socket.getsockname()[1]}"

    def expect(self, start: int, token: str) -> None:
        """From now on the client's start of this number calls, with this token."""
        self._start, self._token, self._is_expired = start, token, False

    async def listen(self) -> None:
        self._listening = await asyncio.start_server(self._begin, sock=self._socket)

    async def close(self) -> None:
        """Ends all connections."""
        if self._listening is not None:
            self._listening.close()
        for talk in self._talks:
            talk.cancel()
        await asyncio.gather(*self._talks, return_exceptions=True)
        self._socket.close()

    async def _begin(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talk = asyncio.current_task()
        assert talk is not None, "a connection is a task of its own"
        self._talks.add(talk)
        try:
            with suppress(OSError, h11.RemoteProtocolError):
                await self._talk(reader, writer)
        finally:
            writer.transport.abort()
            self._talks.discard(talk)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until somebody ends it. Raises OSError, or RemoteProtocolError where it is not HTTP."""
        connection = h11.Connection(h11.SERVER, HEAD_BYTES_MAX)
        while (call := await _read(connection, reader, writer)) is not None:
            reply = await self._answer(call)
            if reply is None:
                return
            writer.write(_written(connection, reply))
            await writer.drain()
            if connection.our_state is not h11.DONE or connection.their_state is not h11.DONE:
                writer.close()
                await writer.wait_closed()
                return
            connection.start_next_cycle()

    async def _answer(self, call: Call) -> Reply | None:
        """None where the connection is to break."""
        if len(self._watch.requests) >= REQUESTS_MAX:
            self.flooded.set()
            return None
        body = plain(call.body, call.headers.get(b"content-encoding", b"").decode("ascii", "replace"))
        came = self._watch.came(self._start, self._clock(), call.method, call.target, body, self._stranger(call))
        fault = came.fault
        reply: Reply | None = None
        if fault is not None and fault.delay_s:
            await asyncio.sleep(fault.delay_s)
        if fault is None or fault.is_stored:
            reply = await self._server(call)
            self._watch.decided(came.number, reply.status, reply.body)
        if fault is not None and not fault.is_answered:
            reply = await self._meet(fault)
        if came.start == self._killed:
            return None  # nobody is there to hear it
        if reply is not None:
            self._watch.answered(came.number, reply.status, self._clock())
        return reply

    def _stranger(self, call: Call) -> Fault | None:
        if self._is_expired:
            return EXPIRED
        given = call.headers.get(b"authorization", b"").decode("utf-8", "replace").split()
        return None if [*map(str.lower, given[:1]), *given[1:]] == ["bearer", self._token] else STRANGER

    async def _meet(self, fault: Fault) -> Reply | None:
        if fault.kills:
            self._killed = self._start
            await self._kill()
            return None
        self._is_expired = self._is_expired or fault.expires
        return None if fault.status is None else Reply(*faults.told(fault))


async def _read(connection: h11.Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Call | None:
    """The next request; None where there is none."""
    head: h11.Request | None = None
    body = bytearray()
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            if connection.they_are_waiting_for_100_continue:
                writer.write(connection.send(h11.InformationalResponse(status_code=100, headers=[])) or b"")
            connection.receive_data(await reader.read(READ_BYTES))
        elif isinstance(event, h11.Request):
            head = event
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) > BODY_BYTES_MAX:
                return None
        elif isinstance(event, h11.EndOfMessage) and head is not None:
            return Call(head.method.decode("ascii"), head.target.decode("ascii"), dict(head.headers), bytes(body))
        else:  # the connection was closed
            return None


def _written(connection: h11.Connection, reply: Reply) -> bytes:
    """The bytes of an answer. Whoever asked by HEAD gets no body of it."""
    headers = [
        (name.encode("latin-1"), value.encode("latin-1"))
        for name, value in reply.headers.items()
        if name.lower().encode("latin-1") not in _OWN
    ]
    headers.append((b"content-length", str(len(reply.body)).encode()))
    written = connection.send(h11.Response(status_code=reply.status, headers=headers)) or b""
    if reply.body:
        written += connection.send(h11.Data(data=reply.body)) or b""
    return written + (connection.send(h11.EndOfMessage()) or b"")
