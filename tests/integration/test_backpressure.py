"""When the store is slow, held by another, or full: every caller hears of it at once, and it passes by itself."""

import resource
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from hydrobit.demo import company as demo
from hydrobit.storage.queries import SQLITE
from tests import books, engines
from tests.servers import PRODUCTION, RunningServer, event, open_session, opening, running
from tests.sockets import Answer, Connection
from tests.tools import alone_on
from tests.watching import memory_peak_kib, metrics, requests, until

RECORDS = f"{PRODUCTION}/records"
QUEUE_LENGTH_MAX = 8
CALLERS = 40
TURNS_UNTIL_TAKEN = 20
"""Each answer is a turn of the server's loop at least; a batch waits for a few of them before it is taken."""

Phones = list[Connection]


@contextmanager
def phones_of(server: RunningServer, number: int) -> Iterator[Phones]:
    with ExitStack() as held:
        yield [held.enter_context(Connection(server.address, server.token())) for _ in range(number)]


def session_on(server: RunningServer) -> str:
    with server.client() as client:
        return open_session(client)


def send_all(phones: Phones, bodies: list[dict[str, Any]]) -> None:
    for phone, body in zip(phones, bodies, strict=True):
        phone.send_request("POST", RECORDS, body)


def assert_try_again(answer: Answer, code: str) -> None:
    assert (answer.status, answer.code) == (503, code)
    assert int(answer.headers["retry-after"]) >= 1


@pytest.fixture
def small_queue(tmp_path: Path) -> Iterator[RunningServer]:
    limits = {
        "HYDROBIT_QUEUE_LENGTH_MAX": str(QUEUE_LENGTH_MAX),
        "HYDROBIT_WRITER_CONNECTIONS": "1",
        "HYDROBIT_STORE_BUSY_MS_MAX": "60000",
    }
    with running(tmp_path / "data", environment=limits) as server:
        yield server


@contextmanager
def full_queue(server: RunningServer, phones: Phones, bodies: list[dict[str, Any]]) -> Iterator[tuple[Phones, Phones]]:
    """More phones send than the queue takes while another process holds the store: those refused, those who wait."""
    phones[0].call("GET", f"{PRODUCTION}/sessions")  # who it is, is known from now on, and needs no look at the store
    with Connection(server.address) as watcher, engines.locked(server.data):
        send_all(phones[:1], bodies[:1])
        for _ in range(TURNS_UNTIL_TAKEN):
            metrics(watcher)
        send_all(phones[1:], bodies[1:])
        refused = len(phones) - 1 - QUEUE_LENGTH_MAX
        until(lambda: requests(watcher, "createProductionRecord", 503) == refused, "a full queue")
        answered = [phone for phone in phones if not phone.is_quiet()]
        assert len(answered) == refused
        yield answered, [phone for phone in phones if phone not in answered]


def test_a_full_queue_is_said_at_once(small_queue: RunningServer) -> None:
    session_id = session_on(small_queue)
    bodies = [event(session_id, f"evt-{number}") for number in range(CALLERS)]
    with phones_of(small_queue, CALLERS) as phones:
        with full_queue(small_queue, phones, bodies) as (refused, waiting):
            for phone in refused:
                assert_try_again(phone.answer(), "busy")
            assert all(phone.is_quiet() for phone in waiting)

        assert {phone.answer().status for phone in waiting} == {201}
        again = [phone.call("POST", RECORDS, body).status for phone, body in zip(phones, bodies, strict=True)]
        assert sorted(again) == [200] * len(waiting) + [201] * len(refused)
    books.verify(small_queue.data)


def test_a_full_queue_refuses_a_bulk_call_and_takes_it_later(small_queue: RunningServer) -> None:
    session_id = session_on(small_queue)
    many = {"auth0Id": demo.ADMIN, "records": [event(session_id, f"bulk-{number}") for number in range(100)]}
    bodies = [event(session_id, f"evt-{number}") for number in range(CALLERS)]
    with phones_of(small_queue, CALLERS + 1) as (bulk, *phones):
        with full_queue(small_queue, phones, bodies):
            assert_try_again(bulk.call("POST", f"{RECORDS}/bulk", many), "busy")
        for phone in phones:
            phone.answer()

        assert bulk.call("POST", f"{RECORDS}/bulk", many).json()["summary"] == {"ok": 100, "duplicated": 0, "failed": 0}


def test_calls_that_a_full_queue_refuses_take_no_memory(small_queue: RunningServer) -> None:
    session_id = session_on(small_queue)
    bodies = [event(session_id, f"evt-{number}") for number in range(CALLERS)]
    with phones_of(small_queue, CALLERS) as phones, full_queue(small_queue, phones, bodies) as (refused, _):
        phone = refused[0]
        phone.answer()
        before = memory_peak_kib(small_queue)
        for number in range(5_000):
            assert phone.call("POST", RECORDS, event(session_id, f"more-{number}")).status == 503

        assert memory_peak_kib(small_queue) - before < 8_192


def test_a_store_held_by_another_process_is_said_and_passes(tmp_path: Path) -> None:
    with running(tmp_path / "data", environment={"HYDROBIT_STORE_BUSY_MS_MAX": "300"}) as server:
        session_id = session_on(server)
        bodies = [event(session_id, f"evt-{number}") for number in range(CALLERS)]
        with phones_of(server, CALLERS) as phones:
            with engines.locked(server.data):
                send_all(phones, bodies)
                for phone in phones:
                    assert_try_again(phone.answer(), "unavailable")
                assert_try_again(phones[0].call("POST", f"{PRODUCTION}/sessions", opening("2025-04-01")), "unavailable")
                assert phones[0].call("GET", f"{PRODUCTION}/sessions/{session_id}").status == 200
                assert phones[0].call("GET", "/readyz").status == 200

            assert {phone.call("POST", RECORDS, body).status for phone, body in zip(phones, bodies, strict=True)} == {
                201
            }
        books.verify(server.data)


@contextmanager
def full_disk(server: RunningServer, bytes_left: int) -> Iterator[None]:
    """The server's files may not grow past what they have and `bytes_left`, as on a disk that is full."""
    wal = server.data / "hydrobit.db-wal"
    pid = server.process.pid
    before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (wal.stat().st_size + bytes_left, before[1]))
    yield
    resource.prlimit(pid, resource.RLIMIT_FSIZE, before)


def no_space_at_all(server: RunningServer) -> int:
    return -(server.data / "hydrobit.db-wal").stat().st_size


def space_for_some(server: RunningServer) -> int:
    return 30_000


@alone_on(SQLITE, "the server's own files are what fills the disk")
@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="only Linux limits another process")
@pytest.mark.parametrize("left", [no_space_at_all, space_for_some])
def test_a_full_disk_is_said_to_every_caller_and_passes(tmp_path: Path, left: Callable[[RunningServer], int]) -> None:
    with running(tmp_path / "data") as server, phones_of(server, CALLERS) as phones:
        session_id = session_on(server)
        stored: list[str] = []
        refused = 0
        with full_disk(server, left(server)):
            for turn in range(5):
                bodies = [event(session_id, f"evt-{turn}-{number}") for number in range(CALLERS)]
                send_all(phones, bodies)
                answers = [phone.answer() for phone in phones]
                stored += [
                    body["clientEventId"] for body, told in zip(bodies, answers, strict=True) if told.status == 201
                ]
                for answer in answers:
                    if answer.status != 201:
                        assert_try_again(answer, "unavailable")
                        refused += 1
            assert refused, "the disk is not full"
            assert phones[0].call("GET", f"{PRODUCTION}/sessions/{session_id}").status == 200

        for turn in range(5):
            for number, phone in enumerate(phones):
                body = event(session_id, f"evt-{turn}-{number}")
                assert phone.call("POST", RECORDS, body).status == (200 if body["clientEventId"] in stored else 201)
        lines = books.lines(server.data)
        assert [line.seq for line in lines] == list(range(1, len(lines) + 1))
        assert sum(line.kind == books.COUNT for line in lines) == 5 * CALLERS
        books.verify(server.data)
