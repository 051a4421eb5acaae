"""Several server processes on one port: one server to its callers, whatever happens to one of them."""

import asyncio
import os
import signal
import socket
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from hydrobit.processes import Processes
from hydrobit.storage.queries import POSTGRES, SQLITE
from tests import books, engines
from tests.commands import hydrobit
from tests.integration.test_stop import EXIT_S_MAX, stopped_under_load, told_of
from tests.servers import PRODUCTION, RunningServer, event, open_session, running
from tests.sockets import Broken, Connection
from tests.watching import metrics, requests, until

RECORDS = f"{PRODUCTION}/records"
TWO = ("--workers", "2")
PHONES, COUNTS = 16, 30


@pytest.fixture(scope="module")
def store_engine() -> Iterator[str]:
    """A file is owned by one process."""
    with engines.chosen(POSTGRES):
        yield POSTGRES


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running(tmp_path_factory.mktemp("processes") / "data", *TWO) as started:
        yield started


def processes(server: RunningServer) -> list[int]:
    """The ids of those that serve."""
    children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text().split()
    return [int(child) for child in children]


def one_of_each(server: RunningServer) -> dict[str, Connection]:
    """Connections that two processes serve, by what each begins its request ids with."""
    found: dict[str, Connection] = {}

    def connect() -> bool:
        connection = Connection(server.address, server.token())
        boot = connection.call("GET", f"{PRODUCTION}/sessions").headers["x-request-id"].partition("-")[0]
        if boot in found:
            connection.close()
        found.setdefault(boot, connection)
        return len(found) == 2

    until(connect, "two processes that serve")
    return found


def test_each_process_answers_and_tells_the_counts_of_all(server: RunningServer) -> None:
    first, second = one_of_each(server).values()
    with closing(first), closing(second), server.client() as client:
        session_id = open_session(client, day="2025-06-01")
        before = requests(first, "createProductionRecord", 201)
        rows = metrics(first)["hydrobit_commit_rows_sum"]
        for number in range(6):
            connection = first if number % 2 else second
            assert connection.call("POST", RECORDS, event(session_id, f"evt-{number}")).status == 201
        assert requests(first, "createProductionRecord", 201) == before + 6
        assert requests(second, "createProductionRecord", 201) == before + 6
        assert metrics(second)["hydrobit_commit_rows_sum"] == rows + 6
        until(lambda: metrics(first)["hydrobit_connections"] >= 2, "the connections of both")


def test_a_process_killed_under_load_is_replaced_and_no_record_is_lost_or_doubled(server: RunningServer) -> None:
    with server.client() as client:
        session_id = open_session(client, day="2025-06-02")
    before, counted = processes(server), threading.Semaphore(0)

    def count(place: int) -> list[str]:
        """Sends each count until it is told of it, over another connection where one breaks."""
        told: list[str] = []
        connection = Connection(server.address, server.token())
        while len(told) < COUNTS:
            try:
                answer = connection.call("POST", RECORDS, event(session_id, f"{place}-{len(told)}"))
            except Broken:
                connection.close()
                connection = Connection(server.address, server.token())
                continue
            assert answer.status in (200, 201), answer
            told.append(answer.json()["data"]["payloadPreview"]["recordId"])
            counted.release()
        connection.close()
        return told

    with ThreadPoolExecutor(PHONES) as phones:
        counting = [phones.submit(count, place) for place in range(PHONES)]
        for _ in range(PHONES * 2):
            assert counted.acquire(timeout=EXIT_S_MAX)
        os.kill(before[0], signal.SIGKILL)
        told = [record_id for phone in counting for record_id in phone.result()]
    stored = [line.record_id for line in books.lines(server.data, session_id) if line.kind == books.COUNT]
    assert Counter(told) == dict.fromkeys(stored, 1)
    assert len(stored) == PHONES * COUNTS
    until(lambda: len(set(processes(server)) - {before[0]}) == 2, "another process in its place")
    for connection in one_of_each(server).values():
        with closing(connection):
            assert requests(connection, "createProductionRecord", 201) >= PHONES * COUNTS - PHONES
    books.verify(server.data)


def test_at_sigterm_every_process_answers_what_it_has_in_hand(tmp_path: Path) -> None:
    with running(tmp_path / "data", *TWO) as server:
        with server.client() as client:
            session_id = open_session(client)
        phones, _ = stopped_under_load(server, session_id)
        assert told_of(phones) <= {
            line.record_id for line in books.lines(server.data, session_id) if line.kind == books.COUNT
        }


def is_alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_what_keeps_all_of_them_from_starting_is_said_once(tmp_path: Path) -> None:
    data = tmp_path / "data"
    (data / "keys").mkdir(parents=True)
    (data / "keys" / "signing.pem").write_text("no key")
    (data / "keys" / "signing.pem").chmod(0o600)
    done = hydrobit("serve", *TWO, "--port", "0", "--data", data)
    assert done.returncode == 1
    assert done.stderr.count("is no unencrypted private key in PEM") == 1, done.stderr


def test_a_store_in_a_file_has_one_process(tmp_path: Path) -> None:
    with engines.chosen(SQLITE):
        done = hydrobit("serve", *TWO, "--port", "0", "--data", tmp_path / "data")
    assert (done.returncode, done.stdout) == (1, "")
    assert "which one process owns" in done.stderr


def test_no_process_outlives_the_one_that_started_it(server: RunningServer) -> None:
    serving = processes(server)
    server.kill()
    until(lambda: not any(map(is_alive, serving)), "the end of all")


async def test_a_process_that_finds_no_room_is_started_again() -> None:
    """As when the system is short of memory for a moment: callers wait in its socket, which nobody else looks at."""
    serves, started = "import os; print('serves', flush=True); os.read(0, 1)", asyncio.Event()
    starts = 0

    def command(place: int) -> list[str]:
        nonlocal starts
        starts += 1
        if starts == 1:
            return [sys.executable, "-c", "print('serves')"]
        if starts == 3:
            started.set()
        return ["/nowhere"] if starts == 2 else [sys.executable, "-c", serves]

    with socket.create_server(("127.0.0.1", 0)) as listening:
        house = Processes(command, [listening], stop_s_max=1, started=lambda: None)
        running = asyncio.ensure_future(house.run())
        await asyncio.wait_for(started.wait(), EXIT_S_MAX)
        os.kill(os.getpid(), signal.SIGTERM)
        assert await asyncio.wait_for(running, EXIT_S_MAX) == 0
