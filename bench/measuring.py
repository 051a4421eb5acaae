"""What every measurement shares: one run of the load against a subject, and where its sample and its folder go."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench import wrk
from bench.growth import fill
from bench.plan import BULK_CONNECTIONS, Plan
from bench.processes import Cores
from bench.report import Sample
from bench.subjects import Subject


@dataclass(slots=True)
class Measuring:
    """`samples` holds what was seen, `resident_mb` the memory of ours after each run at 256."""

    plan: Plan
    cores: Cores
    scratch: Path
    say: Callable[[str], None]
    samples: list[Sample] = field(default_factory=list)
    resident_mb: list[float] = field(default_factory=list)
    _seeds: random.Random = field(default_factory=random.SystemRandom)

    def create_once(self, subject: Subject, connections: int, *, kind: str) -> None:
        sessions = subject.open_sessions()
        target = wrk.Target(subject.server.url, subject.token, sessions)
        acknowledged = 0
        for seconds in (self.plan.warm_up_seconds, self.plan.seconds):
            cpu_before = subject.server.cpu_seconds()
            run = self.create(target, connections, seconds)
            acknowledged += run.result.requests
        cpu = subject.server.cpu_seconds() - cpu_before
        subject.close_sessions(sessions, acknowledged=acknowledged, in_flight_max=2 * connections)
        self.keep(Sample.of_load(kind, subject.name, connections, run, run.result.requests, cpu))

    def bulk_once(self, ours: Subject, batch: int, *, kind: str = "bulk") -> None:
        sessions = ours.open_sessions()
        target = wrk.Target(ours.server.url, ours.token, sessions)
        acknowledged = 0
        for seconds in (2 * self.plan.warm_up_seconds, self.plan.bulk_seconds):
            ours.await_empty_queue()  # what wrk dropped at the end of its warm-up is still being written
            cpu_before = ours.server.cpu_seconds()
            run = self.bulk(target, batch, seconds)
            acknowledged += run.result.ok
        cpu = ours.server.cpu_seconds() - cpu_before
        ours.close_sessions(sessions, acknowledged=acknowledged, in_flight_max=2 * BULK_CONNECTIONS * batch)
        self.keep(Sample.of_load(kind, ours.name, batch, run, run.result.ok, cpu))

    def create(self, target: wrk.Target, connections: int, seconds: float) -> wrk.Run:
        """Records one by one, from the load's core."""
        return wrk.create(target, connections=connections, seconds=seconds, seed=self.seed(), core=self.cores.load)

    def bulk(self, target: wrk.Target, batch: int, seconds: float) -> wrk.Run:
        """Records by bulk calls, from the load's core."""
        seed, core = self.seed(), self.cores.load
        return wrk.bulk(target, batch=batch, connections=BULK_CONNECTIONS, seconds=seconds, seed=seed, core=core)

    def grow(self, ours: Subject) -> None:
        """Fill a store with millions of records."""
        assert ours.api is not None
        total = self.plan.growth_records
        for written in fill(ours.api, total, self.seed()):
            if written % (total // 10) == 0:
                self.say(f"filling a store for the growth: {written:,} of {total:,} records")

    def keep(self, sample: Sample) -> None:
        self.samples.append(sample)
        self.say(f"  {sample.kind} {sample.size:>5,}  {sample.subject:<16} {sample.rate:>10,.0f}/s")

    @contextmanager
    def folder(self, name: str) -> Iterator[Path]:
        """A fresh folder, removed at once when its measurement is over: stores are large."""
        folder = self.scratch / name
        folder.mkdir()
        try:
            yield folder
        finally:
            shutil.rmtree(folder)

    def seed(self) -> int:
        return self._seeds.randrange(2**31)
