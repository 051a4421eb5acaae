"""What an operator sees of a running server from outside: its metrics, its memory, whether it accepts."""

import re
import socket
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from tests.servers import RunningServer
from tests.sockets import Connection

SEEN_S_MAX = 20
PAUSE_S = 0.01

_SAMPLE = re.compile(r"^(?P<name>\w+(?:\{[^}]*\})?) (?P<value>\S+)$", re.MULTILINE)


def metrics(watcher: Connection) -> dict[str, float]:
    """Every sample of /metrics by its name with labels."""
    answer = watcher.call("GET", "/metrics")
    assert answer.status == 200, answer
    return {sample["name"]: float(sample["value"]) for sample in _SAMPLE.finditer(answer.body.decode())}


def requests(watcher: Connection, operation: str, status: int) -> float:
    """How many requests of an operation were answered so."""
    return metrics(watcher).get(f'hydrobit_requests_total{{operation="{operation}",status="{status}"}}', 0)


def until(happened: Callable[[], bool], what: str) -> None:
    """Asks again and again until it happened, with pauses: whoever is to bring it about needs the processor too."""
    deadline = time.monotonic() + SEEN_S_MAX
    while not happened():
        assert time.monotonic() < deadline, f"not seen: {what}"
        time.sleep(PAUSE_S)


def accepts(server: RunningServer) -> bool:
    """Whether the server takes another connection."""
    place = urlsplit(server.address)
    try:
        socket.create_connection((place.hostname or "", place.port or 80), SEEN_S_MAX).close()
    except ConnectionError:
        return False
    return True


def memory_peak_kib(server: RunningServer) -> int:
    """The most that the process has ever held in memory."""
    return _memory_kib(server, "VmHWM")


def memory_kib(server: RunningServer) -> int:
    """What the process holds in memory now."""
    return _memory_kib(server, "VmRSS")


def _memory_kib(server: RunningServer, name: str) -> int:
    (found,) = re.findall(rf"{name}:\s+(\d+) kB", Path(f"/proc/{server.process.pid}/status").read_text())
    return int(found)
