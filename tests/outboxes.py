"""What several tests do with an outbox: fill it, look at what a server then has, and take the room from its disk."""

import resource
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hydrobit.client import Outbox, count
from tests import books
from tests.dying_client import AT, WORKERS
from tests.postgres import roomy_memory
from tests.servers import RunningServer


def fill(outbox: Outbox, session_id: str, prefix: str, length: int) -> None:
    outbox.keep(
        [
            count(
                session_id,
                WORKERS[number % 3],
                "A Picker",
                client_event_id=f"{prefix}_{number:05}",
                recorded_at=AT,
            )
            for number in range(length)
        ]
    )


def assert_once_and_in_order(server: RunningServer, session_id: str, prefix: str, length: int) -> None:
    """Each event stands in the ledger once, and those of a worker in the order in which they were handed in."""
    events = [
        line.client_event_id or ""
        for line in books.lines(server.data, session_id)
        if line.kind == books.COUNT and (line.client_event_id or "").startswith(prefix)
    ]
    assert sorted(events) == [f"{prefix}_{number:05}" for number in range(length)]
    by_worker: dict[int, list[str]] = defaultdict(list)
    for event in events:
        by_worker[int(event.rpartition("_")[2]) % 3].append(event)
    assert all(found == sorted(found) for found in by_worker.values())


@contextmanager
def memory_folder() -> Iterator[Path]:
    """A folder for files that a killed process leaves; a kill takes nothing from memory that it leaves on a disk."""
    with tempfile.TemporaryDirectory(dir=roomy_memory(), prefix="outbox-") as folder:
        yield Path(folder)


@contextmanager
def room(length: int) -> Iterator[None]:
    """No file of this process grows beyond so many bytes, as on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (length, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
