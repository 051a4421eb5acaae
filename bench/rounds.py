"""The measurements, in rounds: within a round the subjects take turns, so that a slow minute hits all of them."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench import harvest, ranch, subjects, wrk
from bench.errors import BenchError
from bench.growth import fill
from bench.harvest import HarvestRun
from bench.plan import (
    BATCHES,
    BULK_CONNECTIONS,
    CONNECTIONS,
    GROWTH_CONNECTIONS,
    POOL_SIZES,
    RAW_BATCHES,
    TYPICAL_CONNECTIONS,
    Plan,
)
from bench.processes import Cores
from bench.report import Sample
from bench.subjects import Subject
from hydrobit.storage.directory import DATABASE


@dataclass(slots=True)
class Rounds:
    """Runs the plan; `samples` holds what was seen, `resident_mb` the memory of ours after each run at 256."""

    plan: Plan
    cores: Cores
    scratch: Path
    say: Callable[[str], None]
    samples: list[Sample] = field(default_factory=list)
    resident_mb: list[float] = field(default_factory=list)
    harvest: HarvestRun | None = None
    _seeds: random.Random = field(default_factory=random.SystemRandom)

    def run(self) -> None:
        """Measure everything the plan names. Raises BenchError at the first figure that would be wrong."""
        if "harvest" in self.plan.parts:
            with self._folder("harvest") as folder:
                self._harvest(folder)
        with self._grown_store() as grown, self._crew_store() as crew:
            for number in range(1, self.plan.rounds + 1):
                self.say(f"round {number} of {self.plan.rounds}")
                with self._folder("create") as folder:
                    self._create(folder)
                with self._folder("bulk") as folder:
                    self._bulk(folder)
                if grown is not None:
                    with self._folder("growth") as folder:
                        self._growth(folder, grown)
                if crew is not None:
                    with self._folder("workers") as folder:
                        self._workers(folder, crew)
                if "places" in self.plan.parts:
                    with self._folder("places") as folder:
                        self._keep(ranch.measure_places(folder, self.plan.points, self._seed()))

    def _create(self, folder: Path) -> None:
        parts = self.plan.parts
        with ExitStack() as running:
            ours = running.enter_context(subjects.hydrobit(self.cores, folder)) if "hydrobit" in parts else None
            bare = (False, True) if "echo" in parts else ()
            echoes = [running.enter_context(subjects.echo(self.cores, folder, bare=each)) for each in bare]
            pools = POOL_SIZES if "typical" in parts else ()
            typical = [running.enter_context(subjects.typical(self.cores, folder, pool_size=size)) for size in pools]
            for connections in CONNECTIONS:
                peers = typical if connections in TYPICAL_CONNECTIONS else []
                for subject in (*echoes, ours, *peers):
                    if subject is not None:
                        self._create_once(subject, connections, kind="create")
            if ours is not None:
                self.resident_mb.append(ours.server.resident_mb_peak())

    def _create_once(self, subject: Subject, connections: int, *, kind: str) -> None:
        sessions = subject.open_sessions()
        target = wrk.Target(subject.server.url, subject.token, sessions)
        acknowledged = 0
        for seconds in (self.plan.warm_up_seconds, self.plan.seconds):
            cpu_before = subject.server.cpu_seconds()
            run = wrk.create(target, connections=connections, seconds=seconds, seed=self._seed(), core=self.cores.load)
            acknowledged += run.result.requests
        cpu = subject.server.cpu_seconds() - cpu_before
        subject.close_sessions(sessions, acknowledged=acknowledged, in_flight_max=2 * connections)
        self._keep(Sample.of_load(kind, subject.name, connections, run, run.result.requests, cpu))

    def _bulk(self, folder: Path) -> None:
        if not self.plan.parts & {"bulk", "raw"}:
            return
        data = folder / "data"
        with subjects.hydrobit(self.cores, folder, data=data) as ours:
            for batch in BATCHES:
                self._bulk_once(ours, batch)
        if "raw" in self.plan.parts:
            for batch in RAW_BATCHES:
                self._raw_once(data / DATABASE, folder / f"raw-{batch}.sqlite", batch)

    def _bulk_once(self, ours: Subject, batch: int) -> None:
        sessions = ours.open_sessions()
        target = wrk.Target(ours.server.url, ours.token, sessions)
        acknowledged = 0
        for seconds in (2 * self.plan.warm_up_seconds, self.plan.bulk_seconds):
            cpu_before = ours.server.cpu_seconds()
            run = wrk.bulk(
                target,
                batch=batch,
                connections=BULK_CONNECTIONS,
                seconds=seconds,
                seed=self._seed(),
                core=self.cores.load,
            )
            acknowledged += run.result.ok
        cpu = ours.server.cpu_seconds() - cpu_before
        ours.close_sessions(sessions, acknowledged=acknowledged, in_flight_max=2 * BULK_CONNECTIONS * batch)
        self._keep(Sample.of_load("bulk", ours.name, batch, run, run.result.ok, cpu))

    def _raw_once(self, source: Path, target: Path, batch: int) -> None:
        command = [
            sys.executable,
            "-m",
            "bench.peers.raw",
            str(source),
            str(target),
            str(batch),
            str(self.plan.seconds),
        ]
        core = self.cores.server
        done = subprocess.run(
            command, capture_output=True, text=True, preexec_fn=lambda: os.sched_setaffinity(0, {core})
        )
        if done.returncode:
            raise BenchError(f"The raw store failed.\n{done.stderr}")
        self._keep(Sample.of_rate("bulk", "raw", batch, float(done.stdout)))

    @contextmanager
    def _grown_store(self) -> Iterator[Path | None]:
        """A store with millions of records, filled once a run; None when growth is not measured."""
        if "growth" not in self.plan.parts:
            yield None
            return
        with self._folder("grown") as folder:
            data, total = folder / "data", self.plan.growth_records
            with subjects.hydrobit(self.cores, folder, data=data) as ours:
                assert ours.api is not None
                for written in fill(ours.api, total, self._seed()):
                    if written % (total // 10) == 0:
                        self.say(f"filling a store for the growth: {written:,} of {total:,} records")
            yield data

    @contextmanager
    def _crew_store(self) -> Iterator[Path | None]:
        """A store with a large crew, filled once a run; None when it is not asked for."""
        if "workers" not in self.plan.parts:
            yield None
            return
        with self._folder("crew") as folder:
            self.say(f"filling a store with {self.plan.crew:,} workers")
            ranch.fill_crew(folder / "data", self.plan.crew)
            yield folder / "data"

    def _workers(self, folder: Path, crew: Path) -> None:
        with subjects.hydrobit(self.cores, folder, data=crew) as ours:
            assert ours.api is not None
            for sample in ranch.measure_crew(ours.api, self.plan.crew, self.plan.crew_calls, self._seed()):
                self._keep(sample)

    def _growth(self, folder: Path, grown: Path) -> None:
        with (
            subjects.hydrobit(self.cores, folder, name="empty store") as empty,
            subjects.hydrobit(self.cores, folder, name="grown store", data=grown) as full,
        ):
            for subject in (empty, full):
                self._create_once(subject, GROWTH_CONNECTIONS, kind="growth")

    def _harvest(self, folder: Path) -> None:
        """Once a run: what counts is a limit that must hold, not a ratio."""
        data, records = folder / "data", self.plan.harvest_records
        self.say(f"filling a store for the harvest export: {records:,} records")
        harvest.fill(data, records, self._seed())
        with subjects.hydrobit(self.cores, folder, data=data) as ours:
            (session,) = ours.open_sessions()[:1]
            self.harvest = run = harvest.measure(ours.server, ours.token, session, records, self.plan.seconds)
        self.say(f"  harvest {run.export_s:.2f} s, {run.export_mb:.1f} MB, others' p99 {run.busy_p99_ms:.1f} ms")

    def _keep(self, sample: Sample) -> None:
        self.samples.append(sample)
        self.say(f"  {sample.kind} {sample.size:>5,}  {sample.subject:<16} {sample.rate:>10,.0f}/s")

    @contextmanager
    def _folder(self, name: str) -> Iterator[Path]:
        """A fresh folder, removed at once when its measurement is over: stores are large."""
        folder = self.scratch / name
        folder.mkdir()
        try:
            yield folder
        finally:
            shutil.rmtree(folder)

    def _seed(self) -> int:
        return self._seeds.randrange(2**31)
