"""Runs the table of jobs: each one again and again, until the server stops."""

import asyncio
from collections.abc import Sequence

import structlog

from hydrobit.job import Job
from hydrobit.operation import Context

log = structlog.get_logger("hydrobit")


class JobClock:
    """One task per job. A job that fails is told in the log and tried again at its next turn."""

    def __init__(self, jobs: Sequence[Job], context: Context) -> None:
        self._jobs, self._context = jobs, context
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        self._tasks = [asyncio.create_task(self._repeat(job), name=f"job {job.name}") for job in self._jobs]

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _repeat(self, job: Job) -> None:
        interval: int = getattr(self._context.settings, job.interval)
        while True:
            try:
                done = await job.run(self._context)
            except Exception:
                log.exception("job failed", job=job.name)
            else:
                if done:
                    log.info("job done", job=job.name, done=done)
            await asyncio.sleep(interval)
