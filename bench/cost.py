"""What one record costs on each engine: the processors' time, bytes on the disk, bytes written, and syncs.

Records come one by one over 64 connections, then by bulk calls of 1,000. Costs hardly move when others use the machine.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import astuple, dataclass
from pathlib import Path

import httpx
import psycopg

from bench import subjects, wrk
from bench.errors import BenchError
from bench.measuring import Measuring
from bench.plan import COST_BATCH, COST_CONNECTIONS
from bench.postgres import OPTIONS, database_of
from bench.processes import ServerProcess
from bench.subjects import Subject
from hydrobit.storage.directory import DATABASE
from tests import postgres
from tests.postgres import Postgres

COMMITS = re.compile(r"^hydrobit_commit_rows_count (\S+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Meters:
    """What has been used so far."""

    server_s: float
    database_s: float
    disk_bytes: int
    written_bytes: int
    commits: float


Read = Callable[[ServerProcess], Meters]


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one record: processor time of our process and of the database's, in us; bytes that it takes on the disk, and
    bytes written until it was there (a log and what is written again included); and commits, each of which is one sync.
    """

    server_us: float
    database_us: float
    disk_bytes: float
    written_bytes: float
    syncs: float


def measure(at: Measuring) -> dict[str, Cost]:
    """The costs by engine and way."""
    with at.folder("cost") as folder, subjects.hydrobit(at.cores, folder, data=folder / "data") as ours:
        found = _of_engine(at, "sqlite", ours, lambda server: _on_sqlite(server, folder / "data"))
    with (
        postgres.running(*OPTIONS, parent=at.scratch.parent) as database,
        database_of(database) as url,
        at.folder("cost") as folder,
        subjects.hydrobit(at.cores, folder, database=url) as ours,
    ):
        return found | _of_engine(at, "postgres", ours, lambda server: _on_postgres(server, database, url))


def _of_engine(at: Measuring, engine: str, ours: Subject, read: Read) -> dict[str, Cost]:
    sessions, seconds = ours.open_sessions(), at.plan.seconds * 2
    target = wrk.Target(ours.server.url, ours.token, sessions)

    ways: dict[str, Callable[[], int]] = {
        "create": lambda: at.create(target, COST_CONNECTIONS, seconds).result.requests,
        "bulk": lambda: at.bulk(target, COST_BATCH, seconds).result.ok,
    }
    return {f"{engine}_{way}": _cost(at, f"{engine} {way}", ours, read, load) for way, load in ways.items()}


def _cost(at: Measuring, name: str, ours: Subject, read: Read, load: Callable[[], int]) -> Cost:
    load()  # names, prepared statements and the first pages are there already
    before = astuple(read(ours.server))
    records = load()
    server_s, database_s, disk, written, commits = (
        now - then for now, then in zip(astuple(read(ours.server)), before, strict=True)
    )
    cost = Cost(
        round(server_s * 1e6 / records, 1),
        round(database_s * 1e6 / records, 1),
        round(disk / records, 1),
        round(written / records, 1),
        round(commits / records, 4),
    )
    at.say(f"  cost of one record, {name}: {cost}")
    return cost


def _on_sqlite(server: ServerProcess, data: Path) -> Meters:
    """The log beside the file is emptied again and again, so only the file counts as what a record takes."""
    disk = (data / DATABASE).stat().st_size
    return Meters(server.cpu_seconds(), 0.0, disk, _written(server.pid), _commits(server))


def _on_postgres(server: ServerProcess, database: Postgres, url: str) -> Meters:
    """What is written is the log, and pages once more when they are dirty at a checkpoint."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("checkpoint")
        (disk,) = connection.execute("select pg_database_size(current_database())").fetchone() or (0,)
        (written,) = connection.execute(
            "select pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')"
            " + (select coalesce(sum(write_bytes), 0) from pg_stat_io where object = 'relation')"
        ).fetchone() or (0,)
    return Meters(server.cpu_seconds(), _cpu_of_all(database.process.pid), int(disk), int(written), _commits(server))


def _cpu_of_all(postmaster: int) -> float:
    """Of a PostgreSQL: its own time and that of processes that ended, and of those that live."""
    living = 0.0
    for child in Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split():
        with suppress(FileNotFoundError, ProcessLookupError):  # it ended meanwhile, and its time is its parent's
            living += sum(_times(int(child))[:2])
    return living + sum(_times(postmaster))


def _times(pid: int) -> tuple[float, ...]:
    """User, system, and both again of its ended children, in seconds."""
    after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return tuple(int(ticks) / os.sysconf("SC_CLK_TCK") for ticks in after_name[11:15])


def _written(pid: int) -> int:
    for line in Path(f"/proc/{pid}/io").read_text().splitlines():
        if line.startswith("write_bytes:"):
            return int(line.split()[1])
    raise BenchError(f"Process {pid} tells nothing about what it has written.")


def _commits(server: ServerProcess) -> float:
    found = COMMITS.search(httpx.get(f"{server.url}/metrics").raise_for_status().text)
    if found is None:
        raise BenchError("The server's metrics tell nothing about its commits.")
    return float(found[1])
