"""The measurements on PostgreSQL, in rounds as those of the embedded store: each service has a database of its own.

The database is the one of the tests, from PyPI, with its files on the scratch folder's disk. It may use both cores: no
service waits for a processor that it holds alone, and what it takes from the load it takes from all of them alike.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from bench import subjects
from bench.errors import BenchError
from bench.measuring import Measuring
from bench.plan import GROWTH_CONNECTIONS, PG_BATCH, PG_CONNECTIONS, PG_POOL_SIZES, PG_WORKERS
from bench.report import Sample
from tests import postgres
from tests.postgres import Postgres

OPTIONS = ("shared_buffers=512MB", "max_wal_size=4GB")
"""What an operator of such a machine would set; everything else is as PostgreSQL ships, syncs above all."""
STATEMENTS = ("executemany", "copy")


@dataclass(frozen=True, slots=True)
class Grown:
    """A database, and the data directory with the keys that it knows."""

    url: str
    data: Path


@dataclass(slots=True)
class PgRounds:
    """Measures what stands on PostgreSQL."""

    at: Measuring

    def run(self) -> None:
        """Measure what the plan names of PostgreSQL. Raises BenchError at the first figure that would be wrong."""
        if not self.at.plan.on_postgres:
            return
        with postgres.running(*OPTIONS, parent=self.at.scratch.parent) as server, self._grown(server) as grown:
            for number in range(1, self.at.plan.rounds + 1):
                self.at.say(f"PostgreSQL, round {number} of {self.at.plan.rounds}")
                with self.at.folder("pg_create") as folder:
                    self._create(server, folder)
                with self.at.folder("pg_bulk") as folder:
                    self._bulk(server, folder)
                with self.at.folder("pg_workers") as folder:
                    self._workers(server, folder)
                if grown is not None:
                    with self.at.folder("pg_growth") as folder:
                        self._growth(server, folder, grown)

    def _create(self, server: Postgres, folder: Path) -> None:
        if "pg_create" not in self.at.plan.parts:
            return
        with ExitStack() as running:
            urls = [running.enter_context(database_of(server)) for _ in (0, *PG_POOL_SIZES)]
            echo = running.enter_context(subjects.echo(self.at.cores, folder))
            ours = running.enter_context(subjects.hydrobit(self.at.cores, folder, database=urls.pop()))
            typical = [
                running.enter_context(subjects.typical(self.at.cores, folder, pool_size=size, database=url))
                for size, url in zip(PG_POOL_SIZES, urls, strict=True)
            ]
            for connections in PG_CONNECTIONS:
                for subject in (echo, ours, *typical):
                    self.at.create_once(subject, connections, kind="pg create")

    def _bulk(self, server: Postgres, folder: Path) -> None:
        if "pg_bulk" not in self.at.plan.parts:
            return
        with database_of(server) as url:
            with subjects.hydrobit(self.at.cores, folder, database=url) as ours:
                self.at.bulk_once(ours, PG_BATCH, kind="pg bulk")
            for statement in STATEMENTS:
                with database_of(server, url) as target:
                    self._raw(url, target, statement)

    def _workers(self, server: Postgres, folder: Path) -> None:
        """One server process, then two on the same port, free to use every core as they would be."""
        for workers in PG_WORKERS if "pg_workers" in self.at.plan.parts else ():
            with (
                database_of(server) as url,
                subjects.hydrobit(
                    self.at.cores, folder, database=url, name=f"processes {workers}", workers=workers
                ) as ours,
            ):
                self.at.create_once(ours, max(PG_CONNECTIONS), kind="pg workers")

    def _raw(self, source: str, target: str, statement: str) -> None:
        words = [source, target, statement, str(PG_BATCH), str(self.at.plan.seconds)]
        core = self.at.cores.server
        done = subprocess.run(
            [sys.executable, "-m", "bench.peers.raw_postgres", *words],
            capture_output=True,
            text=True,
            preexec_fn=lambda: os.sched_setaffinity(0, {core}),
        )
        if done.returncode:
            raise BenchError(f"The raw store on PostgreSQL failed.\n{done.stderr}")
        self.at.keep(Sample.of_rate("pg bulk", f"raw {statement}", PG_BATCH, float(done.stdout)))

    @contextmanager
    def _grown(self, server: Postgres) -> Iterator[Grown | None]:
        """A database with millions of records, filled once a run; None when growth is not measured."""
        if "pg_growth" not in self.at.plan.parts:
            yield None
            return
        with database_of(server) as url, self.at.folder("pg_grown") as folder:
            grown = Grown(url, folder / "data")
            with subjects.hydrobit(self.at.cores, folder, data=grown.data, database=url) as ours:
                self.at.grow(ours)
            settle(url)
            yield grown

    def _growth(self, server: Postgres, folder: Path, grown: Grown) -> None:
        with (
            database_of(server) as fresh,
            subjects.hydrobit(self.at.cores, folder, name="empty store", database=fresh) as empty,
            subjects.hydrobit(self.at.cores, folder, name="grown store", data=grown.data, database=grown.url) as full,
        ):
            for subject in (empty, full):
                self.at.create_once(subject, GROWTH_CONNECTIONS, kind="pg growth")


def settle(url: str) -> None:
    """Do at once what PostgreSQL does by itself within minutes after so many rows came at once.

    A store that grew over a season has no such minutes; with them the vacuum of the fill would be measured.
    """
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("vacuum analyze")
        connection.execute("checkpoint")


@contextmanager
def database_of(server: Postgres, like: str = "") -> Iterator[str]:
    """A database, empty or as another one that nobody uses, dropped at once when it is not needed: stores are large."""
    url = server.add_database(like)
    try:
        yield url
    finally:
        server.drop_database(url)
