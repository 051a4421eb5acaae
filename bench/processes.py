"""Processes of the benchmark: one server on its own core, watched, and ended by its id whatever happens."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.errors import BenchError

START_SECONDS_MAX = 30.0
STOP_SECONDS_MAX = 15.0
POLL_SECONDS = 0.02
CORES_MAX = 1024
"""The kernel takes of such a set those that there are."""


@dataclass(frozen=True, slots=True)
class Cores:
    """One core for the server and one for the load, so that neither takes time from the other."""

    server: int
    load: int

    @classmethod
    def of_this_machine(cls) -> Cores:
        """Take the first two cores this process may use; with only one, figures would mean nothing."""
        allowed = sorted(os.sched_getaffinity(0))
        if len(allowed) < 2:
            raise BenchError("The benchmark needs two cores: one for the server and one for the load.")
        return cls(server=allowed[0], load=allowed[1])


@dataclass(frozen=True, slots=True)
class ServerProcess:
    """A running server that listens on loopback."""

    pid: int
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def resident_mb_peak(self) -> float:
        """The most memory the process has held since it started, in MB (2**20 bytes)."""
        return self._memory_kb("VmHWM:") / 1024

    def resident_kb(self) -> int:
        """The memory the process holds now, in kB (2**10 bytes)."""
        return self._memory_kb("VmRSS:")

    def _memory_kb(self, name: str) -> int:
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith(name):
                return int(line.split()[1])
        raise BenchError(f"Process {self.pid} tells nothing about its memory.")

    def cpu_seconds(self) -> float:
        """The time on a processor that the process and those it started have used, all threads, user and system."""
        return sum(_cpu_seconds(pid) for pid in (self.pid, *_children(self.pid)))


def _cpu_seconds(pid: int) -> float:
    after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(after_name[11]) + int(after_name[12])) / os.sysconf("SC_CLK_TCK")


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(
    command: Sequence[str], *, port: int, core: int | None, log: Path, environment: Mapping[str, str] | None = None
) -> Iterator[ServerProcess]:
    """Run `command`, which serves on `port`, pinned on `core` (None: on all of them).

    It is ended when the block is left, also by an error.

    Its output goes to `log`. Settings of ours in the caller's environment are taken out: defaults are measured.
    Raises BenchError with the end of the output when the server does not come up, or ended before the block did.
    """
    with log.open("wb") as output:
        # A session of its own: Ctrl-C in the terminal reaches only the benchmark, which then ends its servers in order.
        process = subprocess.Popen(
            [*command],
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**plain_environment(), **(environment or {})},
            start_new_session=True,
            preexec_fn=lambda: os.sched_setaffinity(0, range(CORES_MAX) if core is None else {core}),
        )
    try:
        _await_port(process, port, log)
        yield ServerProcess(process.pid, port)
        if process.poll() is not None:
            raise BenchError(f"{_name(command)} ended by itself.\n{_tail(log)}")
    finally:
        _end(process)


def plain_environment() -> dict[str, str]:
    """This process's variables without settings of ours."""
    return {name: value for name, value in os.environ.items() if not name.startswith("HYDROBIT_")}


def _await_port(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS_MAX
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(POLL_SECONDS)
    raise BenchError(f"A server did not start to listen on port {port}.\n{_tail(log)}")


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
    try:
        process.wait(STOP_SECONDS_MAX)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _name(command: Sequence[str]) -> str:
    return " ".join(Path(part).name for part in command[:4])


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-20:])
