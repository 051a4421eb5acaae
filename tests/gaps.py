"""How long an event loop stood still, as those who wait for it would feel it."""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

TICK_S = 0.001
SETTLED_S = 0.005


class Gaps:
    """The times between two turns of a task that only wants to run again."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.computed: list[float] = []

    @property
    def longest_computed_ms(self) -> float:
        """The longest one by what this process computed in it, in any of its threads.

        On a busy machine a thread may be made to wait while it holds the interpreter, and the loop waits with it.
        """
        return max(map(min, self.seconds, self.computed)) * 1000


@asynccontextmanager
async def watched() -> AsyncIterator[Gaps]:
    """Watches the loop while the block runs. What the machine's other processes took is not counted."""
    gaps = Gaps()
    schedule = os.open("/proc/thread-self/schedstat", os.O_RDONLY)

    def waited_for_a_core() -> float:
        """Seconds that this thread was ready to run, and other processes of the machine ran instead."""
        return int(os.pread(schedule, 100, 0).split()[1]) / 1e9

    async def probe() -> None:
        last, waited, computed = time.perf_counter(), waited_for_a_core(), time.process_time()
        while True:
            await asyncio.sleep(TICK_S)
            now, waited_now, computed_now = time.perf_counter(), waited_for_a_core(), time.process_time()
            gaps.seconds.append(now - last - (waited_now - waited))
            gaps.computed.append(computed_now - computed)
            last, waited, computed = now, waited_now, computed_now

    probing = asyncio.create_task(probe())
    try:
        await asyncio.sleep(SETTLED_S)
        gaps.seconds.clear()
        gaps.computed.clear()
        yield gaps
        await asyncio.sleep(SETTLED_S)
    finally:
        probing.cancel()
        os.close(schedule)
