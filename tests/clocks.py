"""A server whose clock the test sets, for rules that depend on time: nothing waits for the real clock.

The clock is eight bytes of a file that both processes map. `python -m tests.clocks DATA CLOCK` serves by it.
"""

import asyncio
import mmap
import os
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from hydrobit import app
from hydrobit.demo import company as demo
from hydrobit.kit.instants import HOUR_MS, read_instant, write_instant
from hydrobit.settings import Settings, load
from hydrobit.storage import directory, stores
from tests import engines
from tests.forks import Forked
from tests.servers import Process, RunningServer

DAWN = "2025-10-19T14:00:00.000Z"
TOKEN_S = 10 * 365 * 86_400
_NOW = struct.Struct("<q")


class ManualClock:
    """Fits `hydrobit.kit.clock.Clock`. It stands still until a test moves it."""

    def __init__(self, file: mmap.mmap) -> None:
        self._file = file

    @classmethod
    def at(cls, path: Path) -> Self:
        """The clock in a file, which begins as zeros."""
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            os.ftruncate(descriptor, _NOW.size)
            return cls(mmap.mmap(descriptor, _NOW.size))
        finally:
            os.close(descriptor)

    def now(self) -> int:
        now: int = _NOW.unpack(self._file[:])[0]
        return now

    def set(self, instant: str) -> None:
        self._file[:] = _NOW.pack(read_instant(instant))

    def forward(self, *, hours: float = 0, milliseconds: int = 0) -> None:
        self._file[:] = _NOW.pack(self.now() + int(hours * HOUR_MS) + milliseconds)

    def text(self, *, hours: float = 0, milliseconds: int = 0) -> str:
        """The present, or an instant that far from it, as the API writes it."""
        return write_instant(self.now() + int(hours * HOUR_MS) + milliseconds)


class ClockedServer(RunningServer):
    """A running server that tells the time by `clock`."""

    def __init__(self, data: Path, process: Process, address: str, clock: ManualClock) -> None:
        super().__init__(data, process, address)
        self.clock = clock

    def token(self, user: str = demo.ADMIN, lifetime_s: int = TOKEN_S) -> str:
        """A token that counts from the clock's present on."""
        settings = Settings()
        return self._key.sign(user, self.clock.now(), lifetime_s, settings.issuer, settings.audience)


@contextmanager
def clocked(data: Path, clock_file: Path) -> Iterator[ClockedServer]:
    """A server on a data directory, ended at the end of the block."""
    clock = ManualClock.at(clock_file)
    with Forked("tests.clocks", [str(data), str(clock_file)], engines.clean_environment(data)) as process:
        address = process.stdout.readline().strip()
        assert address, "the server did not start; it said why above"
        server = ClockedServer(data, process, address, clock)
        try:
            yield server
        finally:
            server.stop()


def serve(data: Path, clock: ManualClock) -> None:
    """Adds the demo company to an empty store and serves until SIGTERM."""
    settings = load(data=data, port=0)
    directory.prepare(data)
    app.bring_up(settings, clock)
    store = stores.open_store(settings)
    try:
        store.write(demo.add_demo, clock.now(), os.urandom)
    finally:
        store.close()
    asyncio.run(app.serve(settings, clock=clock, started=lambda port: print(f"http://127.0.0.1:{port}", flush=True)))


if __name__ == "__main__":
    serve(Path(sys.argv[1]), ManualClock.at(Path(sys.argv[2])))
