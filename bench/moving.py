"""`python -m bench.moving`: how long `hydrobit copy` takes for a million records, killed in the middle and repeated.

Records are written through the public bulk call of a real server. The PostgreSQL is the one of the tests: from PyPI,
with fsync on, its files in memory where there is room.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time

from cyclopts import App
from rich.console import Console

from bench import machine, subjects
from bench.errors import BenchError
from bench.growth import fill
from bench.processes import Cores
from bench.subjects import HYDROBIT
from tests import postgres

app = App(name="bench.moving", help="Time `hydrobit copy` from SQLite to PostgreSQL and back.")
console = Console(highlight=False, soft_wrap=True)


@app.default
def bench(*, records: int = 1_000_000, killed_after: float = 10.0, seed: int = 7) -> None:
    """Fill a store, move it, kill -9 on the way, repeat, and move it back into a fresh directory.

    Args:
        records: how many are written, 1,000 a session.
        killed_after: seconds after which the first copy is killed.
        seed: of the records.
    """
    with machine.scratch_directory() as scratch, postgres.running("max_wal_size=4GB") as server:
        data, begun = scratch / "data", time.monotonic()
        with subjects.hydrobit(Cores.of_this_machine(), scratch, data=data) as ours:
            if ours.api is None:
                raise BenchError("The server has no API.")
            for _ in fill(ours.api, records, seed):
                pass
        console.print(f"{records} records written through the bulk call in {time.monotonic() - begun:.0f} s")
        there, url = f"sqlite://{data}", server.add_database()
        _copy(there, url, killed_after=killed_after)
        _copy(there, url)
        _copy(url, f"sqlite://{scratch / 'back'}", "--from-data", str(data))


def _copy(source: str, target: str, *flags: str, killed_after: float | None = None) -> None:
    command = [str(HYDROBIT), "copy", "--from", source, "--to", target, *flags]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("HYDROBIT_")}
    console.print(f"\n$ {' '.join(['hydrobit', *command[1:]])}")
    begun, spent = time.monotonic(), _processor_s()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=clean)
    try:
        printed, _ = process.communicate(timeout=killed_after)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        console.print(f"kill -9 after {time.monotonic() - begun:.1f} s")
        return
    if process.returncode:
        raise BenchError(f"The copy ended with {process.returncode}.")
    peak_mb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    console.print(
        f"{printed}exit status 0 after {time.monotonic() - begun:.1f} s, of which the command itself took"
        f" {_processor_s() - spent:.1f} s of a processor; no process above {peak_mb:.0f} MB"
    )


def _processor_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    try:
        app()
    except BenchError as error:
        console.print(f"bench: {error}", style="red")
        sys.exit(1)
