"""SIGTERM: no more is accepted, what is queued is committed, everyone who sent something hears of it, exit status 0."""

import signal
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests import books, engines
from tests.servers import PRODUCTION, RunningServer, event, open_session, opening, running
from tests.sockets import Answer, Broken, Connection, request
from tests.watching import accepts, metrics, until

RECORDS = f"{PRODUCTION}/records"
EXIT_S_MAX = 10
PHONES = 16
CALLS_BEFORE_STOP = 300


def told_to_stop(server: RunningServer) -> float:
    """Sends SIGTERM and waits until no more is accepted; returns when it was sent."""
    told_at = time.monotonic()
    server.process.send_signal(signal.SIGTERM)
    until(lambda: not accepts(server), "a refused connection")
    return told_at


def assert_ended_well(server: RunningServer, told_at: float) -> None:
    assert server.process.wait(EXIT_S_MAX) == 0
    assert time.monotonic() - told_at < EXIT_S_MAX


def test_what_is_queued_at_sigterm_is_committed_and_answered(tmp_path: Path) -> None:
    patient = {"HYDROBIT_STORE_BUSY_MS_MAX": "60000"}
    with running(tmp_path / "data", environment=patient) as server, ExitStack() as held:
        with server.client() as client:
            session_id = open_session(client)
        watcher = held.enter_context(Connection(server.address))
        phones: list[Connection] = []

        def one_more_is_queued() -> bool:
            """The first ones are in the batch that waits for the store already."""
            phones.append(held.enter_context(Connection(server.address, server.token())))
            phones[-1].send_request("POST", RECORDS, event(session_id, f"evt-{len(phones)}"))
            return metrics(watcher)["hydrobit_queue_rows"] > 0

        with engines.locked(server.data):
            until(one_more_is_queued, "a queued record")
            told_at = told_to_stop(server)
            assert all(phone.is_quiet() for phone in phones)
        answers = [phone.answer() for phone in phones]
        assert_ended_well(server, told_at)

        assert {answer.status for answer in answers} == {201}
        assert {answer.headers["connection"] for answer in answers} == {"close"}
        stored = [line.record_id for line in books.lines(server.data, session_id) if line.kind == books.COUNT]
        assert sorted(answer.json()["data"]["payloadPreview"]["recordId"] for answer in answers) == sorted(stored)
        books.verify(server.data)


@dataclass
class Phone:
    """Counts until the server is gone. `unanswered` is when the call was sent that got no answer."""

    server: RunningServer
    session_id: str
    name: str
    answers: list[Answer] = field(default_factory=list)
    unanswered: float | None = None
    received_of_it: bytes = b""

    def run(self, one_more: Callable[[], None]) -> None:
        with suppress(ConnectionError), closing(Connection(self.server.address, self.server.token())) as connection:
            while True:
                body = event(self.session_id, f"{self.name}-{len(self.answers)}")
                sent_at = None
                try:
                    connection.send_request("POST", RECORDS, body)
                    sent_at = time.monotonic()
                    self.answers.append(connection.answer())
                except Broken as e:
                    self.unanswered, self.received_of_it = sent_at, e.received
                    return
                one_more()


def stopped_under_load(server: RunningServer, session_id: str) -> tuple[list[Phone], float]:
    """What phones were told that count until the server is gone, and when it was told to stop; it ends well."""
    phones = [Phone(server, session_id, f"phone-{number}") for number in range(PHONES)]
    enough = threading.Semaphore(0)
    with ThreadPoolExecutor(PHONES) as threads:
        calling = [threads.submit(phone.run, enough.release) for phone in phones]
        for _ in range(CALLS_BEFORE_STOP):
            assert enough.acquire(timeout=EXIT_S_MAX)
        told_at = told_to_stop(server)
        for phone in calling:
            phone.result()
    assert_ended_well(server, told_at)
    return phones, told_at


def told_of(phones: Iterable[Phone]) -> set[str]:
    """The records that phones were told of, each once; fails where one was refused, or its answer was cut off."""
    answers = [answer for phone in phones for answer in phone.answers]
    assert {answer.status for answer in answers} == {201}
    assert [phone.name for phone in phones if phone.received_of_it] == [], "an answer was cut off"
    told = {answer.json()["data"]["payloadPreview"]["recordId"] for answer in answers}
    assert len(told) == len(answers), "one record was told twice"
    return told


def test_under_load_every_call_sent_before_sigterm_is_answered(tmp_path: Path) -> None:
    with running(tmp_path / "data") as server:
        with server.client() as client:
            session_id = open_session(client)
        phones, told_at = stopped_under_load(server, session_id)

        told = told_of(phones)
        assert [phone.name for phone in phones if phone.unanswered is not None and phone.unanswered < told_at] == []
        stored = {line.record_id for line in books.lines(server.data, session_id) if line.kind == books.COUNT}
        assert told <= stored
        books.verify(server.data)


@pytest.mark.parametrize("sent_before", [20, -10], ids=["half a head", "half a body"])
def test_a_request_that_had_begun_may_still_arrive(tmp_path: Path, sent_before: int) -> None:
    with running(tmp_path / "data") as server, Connection(server.address, server.token()) as phone:
        with server.client() as client:
            session_id = open_session(client)
        whole = request("POST", RECORDS, phone.token, event(session_id, "evt"))
        phone.send(whole[:sent_before])
        assert_server_has_read(server)
        told_at = told_to_stop(server)
        phone.send(whole[sent_before:])
        answer = phone.answer()
        assert_ended_well(server, told_at)

        assert (answer.status, answer.headers["connection"]) == (201, "close")


def test_a_request_that_never_ends_is_answered_when_the_stop_cannot_wait_longer(tmp_path: Path) -> None:
    with (
        running(tmp_path / "data", environment={"HYDROBIT_STOP_S_MAX": "1"}) as server,
        Connection(server.address, server.token()) as phone,
    ):
        phone.send(request("POST", RECORDS, phone.token, {"never": "ends"})[:-5])
        assert_server_has_read(server)
        told_at = told_to_stop(server)
        answer = phone.answer()
        assert_ended_well(server, told_at)

        assert (answer.status, answer.code) == (503, "unavailable")


def test_idle_connections_do_not_delay_the_stop(tmp_path: Path) -> None:
    with (
        running(tmp_path / "data") as server,
        Connection(server.address) as used,
        Connection(server.address) as fresh,
    ):
        assert used.call("GET", "/healthz").status == 200
        told_at = told_to_stop(server)

        assert (used.rest(), fresh.rest()) == (b"", b"")
        assert_ended_well(server, told_at)


def test_a_store_that_another_process_holds_delays_the_stop_no_longer_than_set(tmp_path: Path) -> None:
    limits = {"HYDROBIT_STOP_S_MAX": "2", "HYDROBIT_STORE_BUSY_MS_MAX": "1500"}
    with running(tmp_path / "data", environment=limits) as server, ExitStack() as held:
        phones = [held.enter_context(Connection(server.address, server.token())) for _ in range(8)]
        with engines.locked(server.data):
            for number, phone in enumerate(phones):
                phone.send_request("POST", f"{PRODUCTION}/sessions", opening(f"2025-02-{number + 1:02}"))
            assert_server_has_read(server)
            told_at = told_to_stop(server)
            answers = [phone.answer() for phone in phones]
            assert_ended_well(server, told_at)

        assert {(answer.status, answer.code) for answer in answers} == {(503, "unavailable")}


def assert_server_has_read(server: RunningServer) -> None:
    """A later call on another connection is answered, so what was sent before it has been read."""
    with Connection(server.address) as other:
        assert other.call("GET", "/healthz").status == 200
