"""An engine over a database in memory, made from an image of another: for spaces that are thrown away.

It has one connection, and its units run one after another on a thread that many such engines share, so that all of
them together keep one processor busy at most.
"""

import asyncio
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import suppress
from typing import TypeVar, TypeVarTuple

from hydrobit.storage.engine import Transaction
from hydrobit.storage.sqlite import run_read, run_write

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class MemoryStore:
    """Fits `Store`. Without an image it is empty; past `bytes_max` a write raises StoreError."""

    def __init__(self, image: bytes | None = None, bytes_max: int | None = None) -> None:
        self._connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        if image is not None:
            self._connection.deserialize(image)
        self._connection.execute("pragma foreign_keys = on")
        self._connection.execute("pragma temp_store = memory")
        self._page_bytes: int = self._connection.execute("pragma page_size").fetchone()[0]
        if bytes_max is not None:
            self._connection.execute(f"pragma max_page_count = {bytes_max // self._page_bytes}")

    def write(self, unit: Callable[[Transaction, *Ts], T], /, *args: *Ts) -> T:
        return run_write(self._connection, unit, *args)

    def read(self, unit: Callable[[Transaction, *Ts], T], /, *args: *Ts) -> T:
        return run_read(self._connection, unit, *args)

    def overwrite_erased(self) -> None:
        """There is no file that anything could stay in."""

    def fault(self) -> str | None:
        return None

    def image(self) -> bytes:
        """The whole database, for another one to begin with."""
        return self._connection.serialize()

    def length(self) -> int:
        """How many bytes the database takes."""
        (pages,) = self._connection.execute("pragma page_count").fetchone()
        return int(pages) * self._page_bytes

    def close(self) -> None:
        self._connection.close()


class MemoryEngine:
    """The engine port over a store in memory, which its first unit makes.

    Only the thread of `executor`, which has one, touches the store. Where it `rests`, the thread pauses after each unit
    for as long as that took: beside something that matters more it takes half of a processor's time at most.
    """

    def __init__(self, executor: Executor, image: bytes, bytes_max: int, *, rests: bool) -> None:
        self._executor, self._rests = executor, rests
        self._image, self._bytes_max = image, bytes_max
        self._made: MemoryStore | None = None

    async def write(self, unit: Callable[[Transaction, *Ts], T], /, *args: *Ts) -> T:
        return await self._on_thread(lambda: self._store().write(unit, *args))

    async def read(self, unit: Callable[[Transaction, *Ts], T], /, *args: *Ts) -> T:
        return await self._on_thread(lambda: self._store().read(unit, *args))

    async def look_up(self, unit: Callable[[Transaction, *Ts], T], /, *args: *Ts) -> T:
        return await self.read(unit, *args)

    async def length(self) -> int:
        """How many bytes the database takes."""
        return await self._on_thread(lambda: self._store().length())

    def end_within(self, seconds: float) -> None:
        """Nobody else holds the store, so that nothing waits."""

    async def stop(self) -> None:
        await self._on_thread(self._close)

    async def _on_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, self._run, work)

    def _run(self, work: Callable[[], T]) -> T:
        if not self._rests:
            return work()
        begun = time.thread_time()
        try:
            return work()
        finally:
            with suppress(RuntimeError):  # it ends just now
                self._executor.submit(time.sleep, time.thread_time() - begun)

    def _store(self) -> MemoryStore:
        if self._made is None:
            self._made = MemoryStore(self._image, self._bytes_max)
        return self._made

    def _close(self) -> None:
        if self._made is not None:
            self._made.close()
