"""The load over MQTT 3.1.1: connections that publish records with QoS 1, so many in flight, in a WebSocket or on TCP.

It must be light, because Mosquitto is fast: packets are written before the clock runs, but for the ids of their events;
and what comes back is compared with the acknowledgements that must come, in the order in which they must come.
"""

from __future__ import annotations

import random
import select
import socket
import time
from collections import deque
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Self

from bench.errors import BenchError
from bench.wrk import USER

TOPIC = b"control/production/records"
UPGRADE = (
    b"GET /mqtt HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Protocol: mqtt\r\n\r\n"
)
WORKERS = 50
RING = 1_000
"""So many packets are written beforehand; a connection sends them round and round, each time with new ids."""
PARTS = 5
"""Of a packet: its beginning, the event's id, what follows, the id in its own key (or nothing), its end."""
ID_BYTES = 8
RECEIVED_AT_ONCE = 65_536
WAIT_SECONDS_MAX = 20
CONNECT, CONNECTED = b"\x10", b"\x20\x02\x00\x00"
PUBLISH, ACKNOWLEDGED = b"\x32", b"\x40\x02"
PING, PINGED = b"\xc0\x00", b"\xd0\x00"
DISCONNECT = b"\xe0\x00"
BINARY = b"\x82"
FRAME_BYTES = 2
ACKNOWLEDGEMENT_BYTES = 4


@dataclass(frozen=True, slots=True)
class Target:
    """Where the load goes, as whom (with an empty token as nobody), and into which sessions."""

    port: int
    sessions: tuple[str, ...]
    token: str = ""
    in_websocket: bool = True


@dataclass(frozen=True, slots=True)
class Run:
    """What was seen. `acknowledged` are all records of the run, the rate is that of its time without its end."""

    acknowledged: int
    rate: float
    p50_ms: float
    p99_ms: float
    load_share: float


def publish(
    target: Target, *, connections: int, in_flight: int, seconds: float, seed: int, one_a_frame: bool = False
) -> Run:
    """Publish records for so long, then wait for the last acknowledgement.

    All packets of a connection that are ready share a WebSocket frame, as a gateway sends them; with `one_a_frame` each
    has its own. Raises BenchError when a connection ends, or at anything that is not the next acknowledgement.
    """
    packets = _Packets.of(target, random.Random(seed), one_a_frame=one_a_frame)
    with ExitStack() as opened, select.epoll() as ready:
        senders: dict[int, _Sender] = {}
        for number, connection in enumerate(connect(opened, target, f"bench-{seed}", connections)):
            senders[connection.fileno()] = _Sender(connection, packets, random.Random(f"{seed} {number}"))
            ready.register(connection.fileno(), select.EPOLLIN)
        begun, used, seen = time.monotonic(), time.process_time(), 0
        until = begun + seconds
        for sender in senders.values():
            sender.send(in_flight, begun)
        while (now := time.monotonic()) < until:
            for number, _ in ready.poll(until - now):
                seen += senders[number].go_on()
        spent, used = time.monotonic() - begun, time.process_time() - used
        for sender in senders.values():
            sender.finish()
    latencies = sorted(pair for sender in senders.values() for pair in sender.latencies)
    return Run(
        sum(sender.acknowledged for sender in senders.values()),
        seen / spent,
        _percentile(latencies, 0.5) * 1000,
        _percentile(latencies, 0.99) * 1000,
        used / spent,
    )


def connect(opened: ExitStack, target: Target, name: str, count: int) -> list[Connection]:
    """So many clients, let in all at once: Mosquitto takes 0.2 s to let one in. They are closed with the stack.

    Raises BenchError where one is not let in.
    """
    connections = [opened.enter_context(Connection(target)) for _ in range(count)]
    if target.in_websocket:
        for connection in connections:
            connection.await_upgrade()
    for number, connection in enumerate(connections):
        connection.send_one(_connect(f"{name}-{number}", target.token))
    for connection in connections:
        connection.await_one(CONNECTED)
    return connections


class Connection:
    """One client's socket; what it sends waits in the socket's buffer at most."""

    def __init__(self, target: Target) -> None:
        self._socket = socket.create_connection(("127.0.0.1", target.port), WAIT_SECONDS_MAX)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.is_framed = target.in_websocket
        self.fileno = self._socket.fileno
        self.send = self._socket.sendall
        if self.is_framed:
            self.send(UPGRADE)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def receive(self) -> bytes:
        data = self._socket.recv(RECEIVED_AT_ONCE)
        if not data:
            raise BenchError("The server closed a connection.")
        return data

    def send_one(self, packet: bytes) -> None:
        self.send(_frame(len(packet)) + packet if self.is_framed else packet)

    def await_one(self, packet: bytes) -> None:
        """Raises BenchError unless this packet comes."""
        told = self.receive()
        if told != (BINARY + bytes([len(packet)]) + packet if self.is_framed else packet):
            raise BenchError(f"A client was told {told[:200]!r}, and not {packet!r}.")

    def await_upgrade(self) -> None:
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += self.receive()
        if not answer.startswith(b"HTTP/1.1 101 ") or not answer.endswith(b"\r\n\r\n"):
            raise BenchError(f"A WebSocket was not opened: {answer[:200]!r}")


@dataclass(slots=True)
class _Packets:
    """The ring, laid out twice so that no slice of it wraps; and the acknowledgements as they must come back."""

    parts: list[bytes]
    is_keyed: list[bool]
    one_a_frame: bool
    answers: bytes
    framed_answers: bytes
    """Each in a frame of its own, as some servers send them."""

    @classmethod
    def of(cls, target: Target, chosen: random.Random, *, one_a_frame: bool) -> _Packets:
        is_keyed = [chosen.randrange(10) == 0 for _ in range(RING)]
        parts: list[bytes] = []
        for number, keyed in enumerate(is_keyed, 1):
            parts += _packet(number, chosen, target.sessions, keyed=keyed, framed=one_a_frame)
        answers = [ACKNOWLEDGED + number.to_bytes(2, "big") for number in range(1, RING + 1)]
        framed = [BINARY + bytes([ACKNOWLEDGEMENT_BYTES]) + answer for answer in answers]
        return cls(2 * parts, 2 * is_keyed, one_a_frame, b"".join(2 * answers), b"".join(2 * framed))


@dataclass(slots=True)
class _Sender:
    """One connection with its place in the ring."""

    connection: Connection
    packets: _Packets
    ids: random.Random
    sent: int = 0
    acknowledged: int = 0
    latencies: list[tuple[float, int]] = field(default_factory=list)
    """From a sending to an acknowledgement, in seconds, and how many they were."""
    _waiting: deque[tuple[float, int]] = field(default_factory=deque)
    _rest: bytes = b""

    def send(self, count: int, now: float) -> None:
        first = self.sent % RING
        parts = self.packets.parts[PARTS * first : PARTS * (first + count)]
        digits = self.ids.randbytes(ID_BYTES * count).hex().encode()
        ids = [digits[place : place + 2 * ID_BYTES] for place in range(0, len(digits), 2 * ID_BYTES)]
        parts[1::PARTS] = ids
        parts[3::PARTS] = [
            each if keyed else b""
            for each, keyed in zip(ids, self.packets.is_keyed[first : first + count], strict=True)
        ]
        content = b"".join(parts)
        (self.connection.send if self.packets.one_a_frame else self.connection.send_one)(content)
        self.sent += count
        self._waiting.append((now, count))

    def go_on(self) -> int:
        """Take what has come, and send as many anew; returns how many came."""
        count = self._take()
        if count:
            self.send(count, time.monotonic())
        return count

    def finish(self) -> None:
        """Wait for the last one, and take leave."""
        while self.acknowledged < self.sent:
            self._take()
        self.connection.send_one(DISCONNECT)

    def _take(self) -> int:
        data = self._rest + self.connection.receive()
        if not self.connection.is_framed:
            return self._count(data, self.packets.answers, ACKNOWLEDGEMENT_BYTES)
        size = FRAME_BYTES + ACKNOWLEDGEMENT_BYTES
        if self.packets.framed_answers.startswith(data, self.acknowledged % RING * size):
            return self._count(data, self.packets.framed_answers, size)
        content, rest = _unframed(data)
        count = self._count(content, self.packets.answers, ACKNOWLEDGEMENT_BYTES)
        if self._rest:
            raise BenchError("A server tore an acknowledgement in two.")
        self._rest = rest
        return count

    def _count(self, data: bytes, expected: bytes, size: int) -> int:
        """How many acknowledgements the bytes hold, each `size` bytes; what is begun waits for the next bytes."""
        if not expected.startswith(data, self.acknowledged % RING * size):
            raise BenchError(f"Another than the next acknowledgement came: {data[:200]!r}")
        found = len(data) // size
        self._rest = data[found * size :]
        self.acknowledged += found
        now, left = time.monotonic(), found
        while left:
            then, sent = self._waiting.popleft()
            taken = min(left, sent)
            self.latencies.append((now - then, taken))
            if taken < sent:
                self._waiting.appendleft((then, sent - taken))
            left -= taken
        return found


def _packet(
    number: int, chosen: random.Random, sessions: Sequence[str], *, keyed: bool, framed: bool
) -> tuple[bytes, bytes, bytes, bytes, bytes]:
    """One PUBLISH of the mix that bench/load/mix.lua makes too, in its parts; the ids are put in when it is sent."""
    worker = chosen.randrange(1, WORKERS + 1)
    at = f"{chosen.randrange(8, 18):02d}:{chosen.randrange(60):02d}:{chosen.randrange(60):02d}"
    text = (
        f'{{"auth0Id":"{USER}","sessionId":"{chosen.choice(sessions)}","workerId":"PK{worker:04d}",'
        f'"worker_name":"Picker {worker:04d}","units":1,'
        f'"recordedAtUtc":"2025-10-19T{at}.{chosen.randrange(1_000):03d}Z","clientEventId":"evt_'
    ).encode()
    between, end = b'","idempotencyKey":"phone-' if keyed else b"", b'"}'
    content = _text(TOPIC) + number.to_bytes(2, "big") + text
    length = len(content) + len(between) + len(end) + 2 * ID_BYTES * (1 + keyed)
    fixed = PUBLISH + _length(length)
    frame = _frame(len(fixed) + length) if framed else b""
    return frame + fixed + content, b"", between, b"", end


def _connect(client_id: str, token: str) -> bytes:
    """A clean session without keep-alive; the token is the password."""
    flags = 0xC2 if token else 0x02
    credentials = _text(b"bench") + _text(token.encode()) if token else b""
    content = _text(b"MQTT") + bytes([4, flags, 0, 0]) + _text(client_id.encode()) + credentials
    return CONNECT + _length(len(content)) + content


def _text(content: bytes) -> bytes:
    return len(content).to_bytes(2, "big") + content


def _length(length: int) -> bytes:
    """MQTT's variable byte integer."""
    digits = bytearray()
    while True:
        length, digit = divmod(length, 128)
        digits.append(digit | (0x80 if length else 0))
        if not length:
            return bytes(digits)


def _frame(length: int) -> bytes:
    """The beginning of a client's frame. Its mask is of zeros: the server takes it off as any other."""
    mask = bytes(4)
    if length < 126:
        return BINARY + bytes([0x80 | length]) + mask
    return BINARY + b"\xfe" + length.to_bytes(2, "big") + mask


def _unframed(data: bytes) -> tuple[bytes, bytes]:
    """What whole frames of a server hold, and the bytes of a frame that is not whole yet."""
    contents, place = [], 0
    while len(data) >= place + FRAME_BYTES:
        if data[place : place + 1] != BINARY:
            raise BenchError(f"Another frame than a binary one came: {data[place : place + 200]!r}")
        length, begin = data[place + 1], place + FRAME_BYTES
        if length == 126:
            length, begin = int.from_bytes(data[begin : begin + 2], "big"), begin + 2
        if len(data) < begin + length:
            break
        contents.append(data[begin : begin + length])
        place = begin + length
    return b"".join(contents), data[place:]


def _percentile(latencies: list[tuple[float, int]], share: float) -> float:
    """Of sorted latencies, each with how many had it."""
    left = share * sum(count for _, count in latencies)
    for latency, count in latencies:
        left -= count
        if left <= 0:
            return latency
    raise BenchError("Nothing was acknowledged.")
