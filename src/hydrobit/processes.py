"""`serve --workers N`: so many server processes on one port of one machine, looked after by this one.

This process holds the listening sockets and serves nothing itself. A process that ends is replaced, at first at once,
then after a pause that grows; who had connected to it and was not accepted yet waits in its socket for the next one.
Linux spreads callers over the sockets (SO_REUSEPORT); one socket for all gave 50 of 64 of them to one process.
"""

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence

import structlog

from hydrobit.errors import SettingError
from hydrobit.settings import Settings

log = structlog.get_logger("hydrobit")

BACKLOG = 2_048
SPREADS = sys.platform == "linux"
"""Whether the system spreads callers over sockets of one port; elsewhere all processes accept from one."""
PAUSE_S_MIN, PAUSE_S_MAX = 0.1, 2.0
"""Before a process is replaced; each pause is twice the one before."""
SOUND_S = 10.0
"""A process that lived so long is replaced without a pause again."""
STOP_MARGIN_S = 5
"""What a process may take for its stop beyond what its requests may."""


def listen(settings: Settings, count: int) -> list[socket.socket]:
    """A listening socket for each process, all at the settings' address, which is free.

    Raises SettingError when the address cannot be listened at.
    """
    try:
        found = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, _, _, _, (host, port, *_) = found[0]
        sockets = [socket.create_server((host, port), family=family, backlog=BACKLOG, reuse_port=SPREADS)]
        if not SPREADS:
            return sockets * count
        port = sockets[0].getsockname()[1]
        for _ in range(count - 1):
            sockets.append(socket.create_server((host, port), family=family, backlog=BACKLOG, reuse_port=True))
        return sockets
    except OSError as e:
        raise SettingError(f"{settings.address(settings.port)} cannot be served: {e.strerror}") from e


class Processes:
    """Starts, replaces and stops them. `command` is what runs one, given its place from 0 on.

    A process prints one line once it serves, and stops when its standard input ends, so that none outlives this one.
    """

    def __init__(
        self,
        command: Callable[[int], Sequence[str]],
        listening: Sequence[socket.socket],
        *,
        stop_s_max: int,
        started: Callable[[], None],
    ) -> None:
        self._command, self._listening = command, listening
        self._stop_s_max, self._started = stop_s_max, started
        self._stopping = asyncio.Event()
        self._running: dict[int, asyncio.subprocess.Process] = {}
        self._serve_now = [asyncio.Event() for _ in listening]

    async def run(self) -> int:
        """Runs until SIGTERM or SIGINT, and returns the exit status: 1 where the first process cannot start, having
        said why, or one did not stop in time.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        first = asyncio.create_task(self._keep(0))
        await self._either(self._serve_now[0], first)
        if first.done():
            return first.result()
        others = [asyncio.create_task(self._keep(place)) for place in range(1, len(self._listening))]
        telling = asyncio.create_task(self._tell_started())
        await self._stopping.wait()
        telling.cancel()
        log.info("stopping")
        return await self._stop([first, *others])

    async def _tell_started(self) -> None:
        for serves in self._serve_now:
            await serves.wait()
        self._started()

    async def _keep(self, place: int) -> int:
        """Keeps one process running; the exit status of the last one."""
        pause = PAUSE_S_MIN
        while True:
            begun = time.monotonic()
            status = await self._run_one(place)
            if self._stopping.is_set():
                return 0 if status in (0, -signal.SIGTERM) else 1
            if not self._serve_now[0].is_set():
                return status or 1
            if time.monotonic() - begun >= SOUND_S:
                pause = PAUSE_S_MIN
            log.error("process ended, another one takes its place", place=place, status=status, pause_s=pause)
            if await self._stops_within(pause):
                return 0
            pause = min(2 * pause, PAUSE_S_MAX)

    async def _run_one(self, place: int) -> int:
        """Its exit status, once it has ended; 1 where the system has no room for one, which passes."""
        try:
            process = self._running[place] = await self._start(place)
        except OSError as e:
            log.error("process not started", place=place, error=str(e))
            return 1
        if self._stopping.is_set():  # it came too late to be told with the others
            process.send_signal(signal.SIGTERM)
        assert process.stdout is not None
        if await process.stdout.readline():
            self._serve_now[place].set()
        status = await process.wait()
        del self._running[place]
        return status

    async def _start(self, place: int) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *self._command(place),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            pass_fds=[self._listening[place].fileno()],
            start_new_session=True,  # Ctrl-C at the terminal reaches this process alone
        )

    async def _stops_within(self, seconds: float) -> bool:
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            return False
        return True

    async def _either(self, event: asyncio.Event, task: "asyncio.Task[int]") -> None:
        """Waits for the first process to serve, or to end; told to stop meanwhile, it is told so too."""
        waiting = [asyncio.create_task(event.wait()), asyncio.create_task(self._stopping.wait())]
        await asyncio.wait([*waiting, task], return_when=asyncio.FIRST_COMPLETED)
        for one in waiting:
            one.cancel()
        if self._stopping.is_set() and not task.done():
            await self._stop([task])

    async def _stop(self, keeping: "list[asyncio.Task[int]]") -> int:
        """Every process answers what it has in hand, all at the same time."""
        for listening in self._listening:
            listening.close()
        for process in self._running.values():
            process.send_signal(signal.SIGTERM)
        _, late = await asyncio.wait(keeping, timeout=self._stop_s_max + STOP_MARGIN_S)
        for process in self._running.values():
            log.error("process did not stop in time", pid=process.pid)
            process.kill()
        if late:
            await asyncio.wait(late)
        return max(task.result() for task in keeping)


def command(listening: Sequence[socket.socket], numbers: str, flags: Sequence[str], place: int) -> list[str]:
    """What runs one process; it reads the same variables, and is given the same flags."""
    own = ["--listening", str(listening[place].fileno()), "--numbers", numbers, "--place", str(place)]
    return [sys.executable, "-m", "hydrobit", "serve-process", *own, *flags]


def stop_with_parent(loop: asyncio.AbstractEventLoop) -> None:
    """In one of the processes: the end of standard input says that the one which started it is gone."""

    def look() -> None:
        if not os.read(0, 1):
            loop.remove_reader(0)
            signal.raise_signal(signal.SIGTERM)

    loop.add_reader(0, look)
