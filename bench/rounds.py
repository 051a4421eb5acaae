"""The measurements, in rounds: within a round the subjects take turns, so that a slow minute hits all of them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench import harvest, ranch, subjects
from bench.errors import BenchError
from bench.harvest import HarvestRun
from bench.measuring import Measuring
from bench.plan import (
    BATCHES,
    CONNECTIONS,
    GROWTH_CONNECTIONS,
    POOL_SIZES,
    RAW_BATCHES,
    TYPICAL_CONNECTIONS,
)
from bench.report import Sample
from hydrobit.storage.directory import DATABASE


@dataclass(slots=True)
class Rounds:
    """Measures what stands on the embedded store."""

    at: Measuring
    harvest: HarvestRun | None = None

    def run(self) -> None:
        """Measure everything the plan names. Raises BenchError at the first figure that would be wrong."""
        if "harvest" in self.at.plan.parts:
            with self.at.folder("harvest") as folder:
                self._harvest(folder)
        with self._grown_store() as grown, self._crew_store() as crew:
            for number in range(1, self.at.plan.rounds + 1):
                self.at.say(f"round {number} of {self.at.plan.rounds}")
                with self.at.folder("create") as folder:
                    self._create(folder)
                with self.at.folder("bulk") as folder:
                    self._bulk(folder)
                if grown is not None:
                    with self.at.folder("growth") as folder:
                        self._growth(folder, grown)
                if crew is not None:
                    with self.at.folder("workers") as folder:
                        self._workers(folder, crew)
                if "places" in self.at.plan.parts:
                    with self.at.folder("places") as folder:
                        self.at.keep(ranch.measure_places(folder, self.at.plan.points, self.at.seed()))

    def _create(self, folder: Path) -> None:
        parts = self.at.plan.parts
        with ExitStack() as running:
            ours = running.enter_context(subjects.hydrobit(self.at.cores, folder)) if "hydrobit" in parts else None
            bare = (False, True) if "echo" in parts else ()
            echoes = [running.enter_context(subjects.echo(self.at.cores, folder, bare=each)) for each in bare]
            pools = POOL_SIZES if "typical" in parts else ()
            typical = [running.enter_context(subjects.typical(self.at.cores, folder, pool_size=size)) for size in pools]
            for connections in CONNECTIONS:
                peers = typical if connections in TYPICAL_CONNECTIONS else []
                for subject in (*echoes, ours, *peers):
                    if subject is not None:
                        self.at.create_once(subject, connections, kind="create")
            if ours is not None:
                self.at.resident_mb.append(ours.server.resident_mb_peak())

    def _bulk(self, folder: Path) -> None:
        if not self.at.plan.parts & {"bulk", "raw"}:
            return
        data = folder / "data"
        with subjects.hydrobit(self.at.cores, folder, data=data) as ours:
            for batch in BATCHES:
                self.at.bulk_once(ours, batch)
        if "raw" in self.at.plan.parts:
            for batch in RAW_BATCHES:
                self._raw_once(data / DATABASE, folder / f"raw-{batch}.sqlite", batch)

    def _raw_once(self, source: Path, target: Path, batch: int) -> None:
        command = [
            sys.executable,
            "-m",
            "bench.peers.raw",
            str(source),
            str(target),
            str(batch),
            str(self.at.plan.seconds),
        ]
        core = self.at.cores.server
        done = subprocess.run(
            command, capture_output=True, text=True, preexec_fn=lambda: os.sched_setaffinity(0, {core})
        )
        if done.returncode:
            raise BenchError(f"The raw store failed.\n{done.stderr}")
        self.at.keep(Sample.of_rate("bulk", "raw", batch, float(done.stdout)))

    @contextmanager
    def _grown_store(self) -> Iterator[Path | None]:
        """A store with millions of records, filled once a run; None when growth is not measured."""
        if "growth" not in self.at.plan.parts:
            yield None
            return
        with self.at.folder("grown") as folder:
            data = folder / "data"
            with subjects.hydrobit(self.at.cores, folder, data=data) as ours:
                self.at.grow(ours)
            yield data

    @contextmanager
    def _crew_store(self) -> Iterator[Path | None]:
        """A store with a large crew, filled once a run; None when it is not asked for."""
        if "workers" not in self.at.plan.parts:
            yield None
            return
        with self.at.folder("crew") as folder:
            self.at.say(f"filling a store with {self.at.plan.crew:,} workers")
            ranch.fill_crew(folder / "data", self.at.plan.crew)
            yield folder / "data"

    def _workers(self, folder: Path, crew: Path) -> None:
        with subjects.hydrobit(self.at.cores, folder, data=crew) as ours:
            assert ours.api is not None
            for sample in ranch.measure_crew(ours.api, self.at.plan.crew, self.at.plan.crew_calls, self.at.seed()):
                self.at.keep(sample)

    def _growth(self, folder: Path, grown: Path) -> None:
        with (
            subjects.hydrobit(self.at.cores, folder, name="empty store") as empty,
            subjects.hydrobit(self.at.cores, folder, name="grown store", data=grown) as full,
        ):
            for subject in (empty, full):
                self.at.create_once(subject, GROWTH_CONNECTIONS, kind="growth")

    def _harvest(self, folder: Path) -> None:
        """Once a run: what counts is a limit that must hold, not a ratio."""
        data, records = folder / "data", self.at.plan.harvest_records
        self.at.say(f"filling a store for the harvest export: {records:,} records")
        harvest.fill(data, records, self.at.seed())
        with subjects.hydrobit(self.at.cores, folder, data=data) as ours:
            (session,) = ours.open_sessions()[:1]
            self.harvest = run = harvest.measure(ours.server, ours.token, session, records, self.at.plan.seconds)
        self.at.say(f"  harvest {run.export_s:.2f} s, {run.export_mb:.1f} MB, others' p99 {run.busy_p99_ms:.1f} ms")
