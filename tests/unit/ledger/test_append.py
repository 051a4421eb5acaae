"""Group commit: callers share a transaction, and each one gets its own outcome or hears what went wrong."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from hydrobit.errors import Code, Refused, StoreAway, StoreError
from hydrobit.ledger.append import Appender
from hydrobit.storage import stores
from hydrobit.storage.engine import Engine, Transaction
from hydrobit.storage.queries import Query
from tests import engines
from tests.embedded import MovedClock

WAIT_S_MAX = 10
CREATE = Query("create", "create table number (place bigint primary key, number bigint)", ())
ADD = Query("add", "insert into number (place, number) select count(*), cast(? as bigint) from number", ("number",))
ALL = Query("all", "select number from number order by place", ())
POISON, AWAY = -1, -2


@dataclass(frozen=True)
class Written:
    outcomes: list[int]


class NumberBatch:
    """Fits `WriteBatch`: writes numbers, answers each with its tenfold, fails on a poisonous one."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.fails_after_commit = False
        self._may_go_on, self._began = threading.Event(), threading.Event()
        self._may_go_on.set()

    def write(self, tx: Transaction, drafts: Sequence[int], now: int) -> Written:
        self._began.set()
        assert self._may_go_on.wait(WAIT_S_MAX)
        self.sizes.append(len(drafts))
        for number in drafts:
            tx.run(ADD, number=number)
        if AWAY in drafts:
            raise StoreAway("the database is away")
        if POISON in drafts:
            raise StoreError("poisonous")
        return Written([number * 10 for number in drafts])

    def committed(self, written: Written, now: int) -> None:
        if self.fails_after_commit:
            raise ValueError("after the commit")

    @contextmanager
    def held(self) -> Iterator[None]:
        """Batches wait inside their transaction until the block ends."""
        self._may_go_on.clear()
        try:
            yield
        finally:
            self._may_go_on.set()

    async def has_begun(self) -> None:
        """Waits until a batch stands inside its transaction."""
        assert await asyncio.to_thread(self._began.wait, WAIT_S_MAX)


@dataclass
class Line:
    """An appender over a real engine, and what it wrote."""

    engine: Engine
    batch: NumberBatch
    appender: Appender

    def send(self, *numbers: int) -> "asyncio.Future[Sequence[Any]]":
        """One caller on its way; it has not run yet."""
        return asyncio.ensure_future(self.appender.append(numbers))

    async def numbers(self) -> list[int]:
        return [row[0] for row in await self.engine.read(lambda tx: tx.all(ALL))]


@asynccontextmanager
async def running(path: Path, *, queue_length_max: int = 100, batch_rows_max: int = 10) -> AsyncIterator[Line]:
    engine, batch = stores.open_engine(engines.settings(path, database_away_s_max=1)), NumberBatch()
    await engine.write(lambda tx: tx.run(CREATE))
    appender = Appender(engine, MovedClock(), batch, queue_length_max=queue_length_max, batch_rows_max=batch_rows_max)
    appender.start()
    try:
        yield Line(engine, batch, appender)
    finally:
        await appender.stop()
        await engine.stop()


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[Line]:
    async with running(tmp_path) as line:
        yield line


async def test_each_caller_gets_its_own_outcomes_in_their_order(line: Line) -> None:
    callers = [line.send(*range(first, first + 3)) for first in range(0, 60, 3)]
    for first, outcomes in zip(range(0, 60, 3), await asyncio.gather(*callers), strict=True):
        assert list(outcomes) == [first * 10, first * 10 + 10, first * 10 + 20]


async def test_rows_stand_in_the_order_in_which_they_came(line: Line) -> None:
    await asyncio.gather(*(line.send(number) for number in range(80)))
    assert await line.numbers() == list(range(80))


async def test_what_comes_while_a_batch_commits_goes_together_into_the_next(line: Line) -> None:
    with line.batch.held():
        callers = [line.send(0)]
        await line.batch.has_begun()
        callers += [line.send(number) for number in range(1, 10)]
        await asyncio.sleep(0)
    await asyncio.gather(*callers)
    assert line.batch.sizes == [1, 9]


async def test_a_batch_has_at_most_its_number_of_rows_and_keeps_a_caller_whole(line: Line) -> None:
    with line.batch.held():
        callers = [line.send(0)]
        await line.batch.has_begun()
        callers += [line.send(*range(4)) for _ in range(6)]
        callers += [line.send(*range(25))]
        await asyncio.sleep(0)
    outcomes = await asyncio.gather(*callers)
    assert line.batch.sizes == [1, 8, 8, 8, 25]
    assert len(outcomes[-1]) == 25


async def test_an_error_reaches_every_caller_of_its_batch_and_nobody_of_the_next(line: Line) -> None:
    with line.batch.held():
        first = line.send(0)
        await line.batch.has_begun()
        same_batch = [line.send(*range(4)), line.send(POISON), line.send(*range(5))]
        next_batch = [line.send(7), line.send(8)]
        await asyncio.sleep(0)
    answers = await asyncio.gather(first, *same_batch, *next_batch, return_exceptions=True)
    assert [isinstance(answer, StoreError) for answer in answers] == [False, True, True, True, False, False]
    assert await line.numbers() == [0, 7, 8], "nothing of the batch that failed was written"
    assert line.appender.queue_length == 0


async def test_a_store_that_is_away_is_told_to_all_who_wait_and_to_nobody_after(line: Line) -> None:
    with line.batch.held():
        first = line.send(0)
        await line.batch.has_begun()
        waiting = [line.send(AWAY), *(line.send(*range(9)) for _ in range(4))]
        await asyncio.sleep(0)
    answers = await asyncio.gather(first, *waiting, return_exceptions=True)
    assert [isinstance(answer, StoreAway) for answer in answers] == [False] + [True] * 5
    assert line.appender.queue_length == 0
    assert list(await line.appender.append((7,))) == [70]
    assert await line.numbers() == [0, 7]


async def test_a_full_queue_is_busy_at_once(tmp_path: Path) -> None:
    async with running(tmp_path, queue_length_max=10) as line:
        with line.batch.held():
            first = line.send(0)
            await line.batch.has_begun()
            waiting = [line.send(*range(5)), line.send(*range(5))]
            await asyncio.sleep(0)
            assert line.appender.queue_length == 10
            with pytest.raises(Refused) as refused:
                await line.appender.append((1,))
            assert (refused.value.code, refused.value.status) == (Code.busy, 503)
            assert not any(caller.done() for caller in (first, *waiting))
        await asyncio.gather(first, *waiting)
        assert list(await line.appender.append((1,))) == [10]


async def test_a_caller_that_leaves_disturbs_nobody(line: Line) -> None:
    with line.batch.held():
        first = line.send(0)
        await line.batch.has_begun()
        callers = [line.send(number) for number in range(1, 7)]
        await asyncio.sleep(0)
        first.cancel()
        callers[2].cancel()
    answers = await asyncio.gather(first, *callers, return_exceptions=True)
    left = [isinstance(answer, asyncio.CancelledError) for answer in answers]
    assert left == [True, False, False, True, False, False, False]
    assert [list(answer) for answer in answers if isinstance(answer, list)] == [[10], [20], [40], [50], [60]]
    assert (await line.appender.append((9,)))[0] == 90


async def test_a_failure_after_the_commit_reaches_the_callers_and_ends_with_the_batch(line: Line) -> None:
    line.batch.fails_after_commit = True
    with pytest.raises(ValueError, match="after the commit"):
        await asyncio.wait_for(line.appender.append((1,)), WAIT_S_MAX)
    line.batch.fails_after_commit = False
    assert list(await asyncio.wait_for(line.appender.append((2,)), WAIT_S_MAX)) == [20]


async def test_stopping_commits_what_is_queued_and_takes_no_more(line: Line) -> None:
    with line.batch.held():
        callers = [line.send(0)]
        await line.batch.has_begun()
        callers += [line.send(*range(6)) for _ in range(4)]
        await asyncio.sleep(0)
        stopping = asyncio.ensure_future(line.appender.stop())
        await asyncio.sleep(0)
        with pytest.raises(Refused) as refused:
            await line.appender.append((1,))
        assert refused.value.code == Code.unavailable
    await asyncio.wait_for(stopping, WAIT_S_MAX)
    assert all(caller.done() for caller in callers)
    assert len(await line.numbers()) == 25


async def test_a_single_count_goes_between_the_parts_of_a_large_call(line: Line) -> None:
    """The large call has two parts in flight, as a bulk call has: what comes meanwhile stands behind those alone."""
    parts = [tuple(range(first, first + 10)) for first in range(100, 160, 10)]

    async def send_parts() -> None:
        in_flight = [line.send(*parts[0]), line.send(*parts[1])]
        for part in parts[2:]:
            await in_flight.pop(0)
            in_flight.append(line.send(*part))
        await asyncio.gather(*in_flight)

    with line.batch.held():
        large = asyncio.ensure_future(send_parts())
        await line.batch.has_begun()
        single = line.send(7)
        await asyncio.sleep(0)
    await asyncio.gather(large, single)
    assert (await line.numbers()).index(7) == 20
