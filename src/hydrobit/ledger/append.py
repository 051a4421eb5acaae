"""Group commit: concurrent appends meet in one bounded queue and share a transaction and its sync to the disk.

There is no timer. While one batch commits, the next one gathers; each caller gets its own outcome after the commit.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

from hydrobit.errors import Code, Refused, StoreAway
from hydrobit.kit.clock import Clock
from hydrobit.storage.engine import Engine, Transaction

LINGER_TURNS_MAX = 4
"""Turns of the event loop that a batch waits while requests keep arriving; measured to make batches larger for free."""

Waiting = tuple[Sequence[Any], asyncio.Future[Sequence[Any]]]
"""The drafts of one caller, and where their outcomes go."""


class WriteBatch(Protocol):
    """What `records` hands to the ledger: judges and writes a whole batch in one transaction."""

    def write(self, tx: Transaction, drafts: Sequence[Any], now: int) -> Any:
        """Returns one outcome per draft as `outcomes`. May run again after a conflict."""
        ...

    def committed(self, written: Any, now: int) -> None:
        """Told once after the commit, on the event loop."""
        ...


class Appender:
    """One lane of the road by which records and voids enter the ledger."""

    def __init__(
        self,
        engine: Engine,
        clock: Clock,
        batch: WriteBatch,
        *,
        queue_length_max: int,
        batch_rows_max: int,
        observe: Callable[[int, float], None] = lambda rows, seconds: None,
    ) -> None:
        self._engine, self._clock, self._batch = engine, clock, batch
        self._queue_length_max, self._batch_rows_max = queue_length_max, batch_rows_max
        self._observe = observe
        self._waiting: deque[Waiting] = deque()
        self._rows = 0
        self._arrived = asyncio.Event()
        self._stopping = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def queue_length(self) -> int:
        """Rows that wait for a transaction."""
        return self._rows

    def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._task = self._loop.create_task(self._commit_until_stopped(), name="hydrobit-appender")

    async def append(self, drafts: Sequence[Any]) -> Sequence[Any]:
        """One outcome per draft, in order, after the commit that holds them all.

        Raises Refused(busy) at once when the queue is full (an empty one takes any call), and whatever stopped the
        batch otherwise: then it may be written or not, and the same call may be sent again.
        """
        if self._stopping or self._loop is None:
            raise Refused(Code.unavailable, "The server is stopping; send the same call again.")
        if self._rows and self._rows + len(drafts) > self._queue_length_max:
            raise Refused(Code.busy, f"{self._rows} records wait to be written; send the same call again.")
        future: asyncio.Future[Sequence[Any]] = self._loop.create_future()
        self._waiting.append((drafts, future))
        self._rows += len(drafts)
        self._arrived.set()
        return await future

    async def stop(self) -> None:
        """Commits what is queued, answers everyone, then ends."""
        self._stopping = True
        self._arrived.set()
        if self._task is not None:
            await self._task

    async def _commit_until_stopped(self) -> None:
        while True:
            await self._arrived.wait()
            if not self._waiting:
                if self._stopping:
                    return
                self._arrived.clear()
                continue
            await self._linger()
            await self._commit(self._take())

    async def _linger(self) -> None:
        for _ in range(LINGER_TURNS_MAX):
            before = self._rows
            await asyncio.sleep(0)
            if self._rows == before or self._rows >= self._batch_rows_max:
                return

    def _take(self) -> list[Waiting]:
        """What fits into one transaction, in order of arrival; one caller's rows stay together."""
        taken = [self._waiting.popleft()]
        rows = len(taken[0][0])
        while self._waiting and rows + len(self._waiting[0][0]) <= self._batch_rows_max:
            taken.append(self._waiting.popleft())
            rows += len(taken[-1][0])
        self._rows -= rows
        return taken

    async def _commit(self, taken: list[Waiting]) -> None:
        drafts = taken[0][0] if len(taken) == 1 else [draft for part, _ in taken for draft in part]
        begun, now = time.perf_counter(), self._clock.now()
        try:
            written = await self._engine.write(self._batch.write, drafts, now)
            self._observe(len(drafts), time.perf_counter() - begun)
            self._batch.committed(written, now)
            _deliver(taken, written.outcomes)
        except BaseException as e:  # nobody may wait for ever: every caller of this batch hears of it
            if isinstance(e, StoreAway):  # and those behind it, who would each wait as long in their turn
                taken += self._waiting
                self._waiting.clear()
                self._rows = 0
            for _, future in taken:
                if not future.done():
                    future.set_exception(e)
            if isinstance(e, asyncio.CancelledError):
                raise


class Appenders:
    """The one road, in lanes by company: where several can write at once, a company whose head is held keeps no
    company of another lane waiting.
    """

    def __init__(self, lanes: Sequence[Appender]) -> None:
        self._lanes = lanes

    @property
    def queue_length(self) -> int:
        """Rows that wait for a transaction, in all lanes."""
        return sum(lane.queue_length for lane in self._lanes)

    def start(self) -> None:
        for lane in self._lanes:
            lane.start()

    def append(self, drafts: Sequence[Any]) -> Awaitable[Sequence[Any]]:
        """As `Appender.append`; the drafts are of one company."""
        company: int = drafts[0].company
        return self._lanes[company % len(self._lanes)].append(drafts)

    async def stop(self) -> None:
        """Commits what is queued in every lane, answers everyone, then ends."""
        await asyncio.gather(*(lane.stop() for lane in self._lanes))


def _deliver(taken: list[Waiting], outcomes: Sequence[Any]) -> None:
    """Gives each caller its own part of the outcomes; a caller that left is passed over."""
    place = 0
    for part, future in taken:
        end = place + len(part)
        if not future.done():
            future.set_result(outcomes[place:end])
        place = end
