"""What a server asked of the system, in order, as strace wrote it down."""

import os
import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.servers import STOP_S_MAX, RunningServer, start

CALLS = "read,recvfrom,recvmsg,write,writev,sendto,sendmsg,pwrite64,pwritev,fsync,fdatasync"
READS, SYNCS = {"read", "recvfrom", "recvmsg"}, {"fsync", "fdatasync"}
WRITES = {"write", "writev", "sendto", "sendmsg", "pwrite64", "pwritev"}

_WHOLE = re.compile(r"(?P<thread>\d+) +(?P<name>\w+)\((?P<text>.*)\) += (?P<result>-?\d+)")
_BEGUN = re.compile(r"(?P<thread>\d+) +(?P<name>\w+)\((?P<text>.*)<unfinished \.\.\.>$")
_ENDED = re.compile(r"(?P<thread>\d+) +<\.\.\. \w+ resumed>(?P<text>.*)\) += (?P<result>-?\d+)")
_FILE = re.compile(r"\d+<(?P<file>[^>]*)>")


class SystemCall(NamedTuple):
    """One call. `begun` and `ended` are line numbers: another call came between where they differ."""

    name: str
    file: str
    text: str
    begun: int
    ended: int
    result: int


def read_trace(lines: Sequence[str]) -> list[SystemCall]:
    """The calls on files and sockets, in the order in which they began."""
    calls: list[SystemCall] = []
    waiting: dict[str, tuple[str, str, int]] = {}
    for number, line in enumerate(lines):
        if begun := _BEGUN.match(line):
            waiting[begun["thread"]] = begun["name"], begun["text"], number
            continue
        if ended := _ENDED.match(line):
            name, text, first = waiting.pop(ended["thread"])
            calls.append(_call(name, text + ended["text"], first, number, ended["result"]))
        elif whole := _WHOLE.match(line):
            calls.append(_call(whole["name"], whole["text"], number, number, whole["result"]))
    return sorted(calls, key=lambda call: call.begun)


def _call(name: str, text: str, begun: int, ended: int, result: str) -> SystemCall:
    file = _FILE.match(text)
    return SystemCall(name, file["file"] if file else "", text, begun, ended, int(result))


class Write(NamedTuple):
    """A POST that was answered with 2xx, and whether what it wrote was on the disk before its answer began."""

    answer: SystemCall
    is_durable: bool


def answered_writes(calls: Sequence[SystemCall]) -> list[Write]:
    """Every POST with its 2xx answer on the same socket, judged by `_is_durable`."""
    found: list[Write] = []
    arrived: dict[str, SystemCall] = {}
    for call in calls:
        if call.name in READS and '"POST ' in call.text:
            arrived[call.file] = call
        elif call.name in WRITES and '"HTTP/1.1 2' in call.text and call.file in arrived:
            found.append(Write(call, _is_durable(calls, arrived.pop(call.file), call)))
    return found


def _is_durable(calls: Sequence[SystemCall], arrival: SystemCall, answer: SystemCall) -> bool:
    """After the arrival the WAL was written, then synced with success, and only after that the answer was begun."""
    between = [call for call in calls if arrival.ended < call.begun and call.ended < answer.begun]
    wal = [call for call in between if call.file.endswith(".db-wal")]
    written = [call.ended for call in wal if call.name in WRITES and call.result > 0]
    return any(call.name in SYNCS and call.result == 0 and any(end < call.begun for end in written) for call in wal)


class Trace:
    """The lines of a server's trace; whole once the server has ended and `finish` has returned."""

    def __init__(self, pipe: Path) -> None:
        self._lines: list[str] = []
        self._reader = threading.Thread(target=self._read, args=(pipe,), daemon=True)
        self._reader.start()

    def _read(self, pipe: Path) -> None:
        with open(pipe, errors="replace") as lines:
            self._lines += [line.rstrip("\n") for line in lines]

    def finish(self) -> list[SystemCall]:
        """Waits for strace's last word."""
        self._reader.join(STOP_S_MAX)
        assert not self._reader.is_alive(), "strace did not end with the server"
        return read_trace(self._lines)


@contextmanager
def traced(data: Path) -> Iterator[tuple[RunningServer, Trace]]:
    """A server under strace. `-D` makes strace the server's child, so that the process that we end is the server."""
    pipe = data.parent / "trace"
    os.mkfifo(pipe)
    trace = Trace(pipe)
    prefix = ("strace", "-D", "-f", "-y", "-s", "64", "-e", f"trace={CALLS}", "-o", str(pipe))
    server = start(data, prefix=prefix)
    try:
        yield server, trace
    finally:
        if server.process.poll() is None:
            server.kill()
        assert server.process.stdout is not None
        server.process.stdout.close()
