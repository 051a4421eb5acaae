"""Our program in processes that begin with its modules in memory: tests start it a thousand times.

A process of our own (`python -m tests.forks`), which has imported what a server needs and holds nothing else, forks for
each start. What then runs is the program as `python -m` runs it, with arguments, environment and output of its own, and
it is signalled, killed and waited for by its id as ever. Its end is the program's own too, without the interpreter's
taking down of what was in memory before. What is about the start itself (strace, a terminal, a missing package) starts
the interpreter.
"""

import array
import atexit
import gc
import json
import os
import pkgutil
import runpy
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import Any, Self, TextIO

from tests.dying import end_with_parent

MESSAGE_BYTES_MAX = 1_000_000
STATUS = array.array("i", [0]).itemsize
LATE = (
    *("uvloop", "shapely", "yaml", "psycopg", "httpx", "anyio._backends._asyncio", "uvicorn.lifespan.on"),
    *("rich.progress", "encodings.idna"),
)
"""What servers and commands import only when they come to need it, and most of those that tests start do."""


class Forked:
    """Fits what the tests use of `subprocess.Popen`."""

    def __init__(self, module: str, words: Sequence[str], env: Mapping[str, str], stderr: int | None = None) -> None:
        reading, writing = os.pipe()
        self.args = [sys.executable, "-m", module, *words]
        self.stdout: TextIO = open(reading)  # noqa: SIM115 - as long as the process
        try:
            self._child = _Child(module, words, env, writing, 2 if stderr is None else stderr)
        finally:
            os.close(writing)
        self.pid = self._child.pid

    @property
    def returncode(self) -> int | None:
        return self._child.status

    def poll(self) -> int | None:
        return self._child.wait(0)

    def wait(self, timeout: float | None = None) -> int:
        status = self._child.wait(timeout)
        if status is None:
            raise subprocess.TimeoutExpired(self.args, timeout or 0)
        return status

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stdout.close()
        self.wait()


def run(
    module: str, words: Sequence[str], env: Mapping[str, str], timeout: float, cwd: str | None = None
) -> "subprocess.CompletedProcess[str]":
    """Runs to the end, with what was printed. Raises TimeoutExpired, and then the process is gone."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = _Child(module, words, env, out.fileno(), err.fileno(), cwd)
        status = child.wait(timeout)
        if status is None:
            os.kill(child.pid, signal.SIGKILL)
            child.wait(None)
            raise subprocess.TimeoutExpired([module, *words], timeout)
        told = []
        for file in (out, err):
            file.seek(0)
            told.append(file.read().decode())
    return subprocess.CompletedProcess([sys.executable, "-m", module, *words], status, *told)


class _Child:
    """One forked process: its id, and its status once it ended (negative: the signal that ended it)."""

    def __init__(
        self, module: str, words: Sequence[str], env: Mapping[str, str], out: int, err: int, cwd: str | None = None
    ) -> None:
        self.status: int | None = None
        self._reading, writing = os.pipe()
        wanted = {"module": module, "words": [*words], "env": dict(env), "cwd": cwd or os.getcwd()}
        try:
            self.pid = _Source.get().fork(wanted, [out, err, writing])
        finally:
            os.close(writing)

    def wait(self, timeout: float | None) -> int | None:
        """The status, or None where it still runs after so many seconds."""
        if self.status is None:
            with selectors.DefaultSelector() as selector:
                selector.register(self._reading, selectors.EVENT_READ)
                if not selector.select(timeout):
                    return None
            told = array.array("i", os.read(self._reading, STATUS) or array.array("i", [-signal.SIGKILL]).tobytes())
            os.close(self._reading)
            self.status = told[0]
        return self.status


class _Source:
    """The process that forks; one for a process of the tests, ended with it."""

    _only: "_Source | None" = None
    _turn = threading.Lock()
    """Threads of a test start servers at once."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        clean = {name: value for name, value in os.environ.items() if not name.startswith("HYDROBIT_")}
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.forks", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                cwd=Path(__file__).parents[1],
                env=clean,
            )
        self._socket = ours

    @classmethod
    def get(cls) -> "_Source":
        with cls._turn:
            if cls._only is None:
                cls._only = cls()
            return cls._only

    def fork(self, wanted: dict[str, Any], descriptors: list[int]) -> int:
        with self._turn:
            socket.send_fds(self._socket, [json.dumps(wanted).encode()], descriptors)
            return int(self._socket.recv(32))


def end_source() -> None:
    """Ends the process that forks, if there is one; those that it forked are ended by whoever began them."""
    source, _Source._only = _Source._only, None
    if source is not None:
        source._socket.close()
        source._process.wait()


def _serve(asking: socket.socket) -> dict[str, Any]:
    """Forks whenever it is asked to; returns in each forked process, with what that one is to be."""
    statuses: dict[int, int] = {}
    woken, waking = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(waking)
    signal.signal(signal.SIGCHLD, _heard)
    with selectors.DefaultSelector() as selector:
        selector.register(asking, selectors.EVENT_READ)
        selector.register(woken, selectors.EVENT_READ)
        while True:
            ready = {key.fileobj for key, _ in selector.select()}
            if woken in ready:
                os.read(woken, 1_024)
                _tell_ended(statuses)
            if asking in ready:
                message, given, _, _ = socket.recv_fds(asking, MESSAGE_BYTES_MAX, 3)
                if not message:
                    os._exit(0)  # whoever asked is gone, and so is everyone that was forked
                out, err, status = given
                pid = os.fork()
                if pid == 0:
                    break
                statuses[pid] = status
                os.close(out)
                os.close(err)
                asking.send(str(pid).encode())
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    end_with_parent()
    os.dup2(out, 1)
    os.dup2(err, 2)
    for descriptor in (asking.detach(), woken, waking, out, err, status, *statuses.values()):
        os.close(descriptor)
    found: dict[str, Any] = json.loads(message)
    return found


def _heard(_number: int, _frame: FrameType | None) -> None:
    """The wake-up tells it."""


def _tell_ended(statuses: dict[int, int]) -> None:
    while statuses:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        os.write(statuses[pid], array.array("i", [os.waitstatus_to_exitcode(status)]).tobytes())
        os.close(statuses.pop(pid))


def _main() -> None:
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # numpy comes with shapely, and would start threads before the forks
    package = import_module("hydrobit")
    ours = [module.name for module in pkgutil.walk_packages(package.__path__, "hydrobit.")]
    for module in (*LATE, *(name for name in ours if name != "hydrobit.__main__")):
        import_module(module)
    gc.collect()
    gc.freeze()
    wanted = _serve(socket.socket(fileno=int(sys.argv[1])))
    os.environ.clear()
    os.environ.update(wanted["env"])
    os.chdir(wanted["cwd"])
    sys.argv = [wanted["module"], *wanted["words"]]
    status = 0
    try:
        runpy.run_module(wanted["module"], run_name="__main__", alter_sys=True)
    except SystemExit as e:
        if not isinstance(e.code, int | None):
            raise  # a sentence, which the interpreter prints
        status = e.code or 0
    _end(status)


def _end(status: int) -> None:
    """Ends as the interpreter does, but for freeing a memory that ends anyway: that takes longer than most commands."""
    threading._shutdown()  # type: ignore[attr-defined]  # waits for the program's threads
    atexit._run_exitfuncs()
    try:
        sys.stdout.flush()
    except OSError:
        status = 120
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    _main()
