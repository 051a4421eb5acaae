"""A session is closed while many phones still count into it: its totals are final, and what came late is held."""

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from random import Random
from typing import Any

import httpx
import pytest

from hydrobit.demo import company as demo
from tests import books
from tests.commands import printed
from tests.servers import PRODUCTION, RunningServer, event, open_session
from tests.sockets import Answer, Connection

SINGLES, BULKS, CLOSERS = 28, 4, 2
BULK_LENGTH = 7
BEFORE_CLOSE_MAX = 250
REFUSALS_WANTED = 3
"""Each phone goes on until this many of its calls came too late."""
COUNTS_MAX = 2_000


@dataclass
class Told:
    """What one phone was told of one event; `sent_late`: the close had been answered before the event was sent."""

    body: dict[str, Any]
    status: int
    held_id: str | None
    sent_late: bool


@dataclass
class Race:
    """One session, the phones that count into it and the people who close it."""

    server: RunningServer
    session_id: str
    seed: int
    told: list[Told] = field(default_factory=list)
    time_to_close: threading.Event = field(default_factory=threading.Event)
    was_closed: threading.Event = field(default_factory=threading.Event)

    def run(self) -> list[Answer]:
        """Lets everyone go at once; returns the answers of those who closed."""
        self._close_after = Random(f"{self.seed}").randint(1, BEFORE_CLOSE_MAX)
        with ThreadPoolExecutor(SINGLES + BULKS + CLOSERS) as threads:
            closers = [threads.submit(self._close) for _ in range(CLOSERS)]
            phones = [threads.submit(self._phone, number, 1) for number in range(SINGLES)]
            phones += [threads.submit(self._phone, SINGLES + number, BULK_LENGTH) for number in range(BULKS)]
            try:
                for phone in phones:
                    phone.result()
            finally:
                self.time_to_close.set()
            return [closer.result() for closer in closers]

    def _close(self) -> Answer:
        with closing(self.connection()) as connection:
            self.time_to_close.wait()
            answer = connection.call("POST", f"{PRODUCTION}/sessions/{self.session_id}/close", {"auth0Id": demo.ADMIN})
        self.was_closed.set()
        return answer

    def _phone(self, number: int, length: int) -> None:
        random, refusals = Random(f"{self.seed}-{number}"), 0
        send = self.send if length == 1 else self.send_bulk
        with closing(self.connection()) as connection:
            for turn in range(COUNTS_MAX):
                names = [f"{self.seed}-{number}-{turn}-{place}" for place in range(length)]
                told = send(connection, [self._event(random, name) for name in names], self.was_closed.is_set())
                self.told += told
                if len(self.told) >= self._close_after:
                    self.time_to_close.set()
                refusals += any(one.status != 201 for one in told)
                if refusals == REFUSALS_WANTED:
                    return

    def _event(self, random: Random, name: str) -> dict[str, Any]:
        worker = random.choice(demo.CREW)
        return event(self.session_id, name, workerId=worker.worker_id, units=random.randint(1, 9))

    def connection(self) -> Connection:
        return Connection(self.server.address, self.server.token())

    def send(self, connection: Connection, bodies: list[dict[str, Any]], late: bool) -> list[Told]:
        return [told(body, connection.call("POST", f"{PRODUCTION}/records", body), late) for body in bodies]

    def send_bulk(self, connection: Connection, bodies: list[dict[str, Any]], late: bool) -> list[Told]:
        sent = {"auth0Id": demo.ADMIN, "records": bodies}
        answer = connection.call("POST", f"{PRODUCTION}/records/bulk", sent)
        assert answer.status == 207, answer
        return [
            Told(body, result["statusCode"], result.get("heldId"), late)
            for body, result in zip(bodies, answer.json()["results"], strict=True)
        ]

    @property
    def accepted(self) -> dict[str, int]:
        return {told.body["clientEventId"]: told.body["units"] for told in self.told if told.status == 201}

    @property
    def refused(self) -> dict[str, str | None]:
        return {told.body["clientEventId"]: told.held_id for told in self.told if told.status == 409}


def told(body: dict[str, Any], answer: Answer, late: bool) -> Told:
    if answer.status == 409:
        assert answer.code == "session_closed"
        assert answer.json()["held"] is True
    return Told(body, answer.status, answer.json().get("heldId"), late)


@pytest.fixture(scope="module", params=range(5))
def raced(request: pytest.FixtureRequest, server: RunningServer) -> tuple[Race, dict[str, Any]]:
    """A race that was run, and the answer of the one close that counted."""
    with server.client() as client:
        session_id = open_session(client, day=f"2025-03-{request.param + 1:02}")
    race = Race(server, session_id, request.param)
    closed = race.run()
    assert sorted(answer.status for answer in closed) == [200, *[409] * (CLOSERS - 1)]
    assert all(answer.code == "session_closed" for answer in closed if answer.status == 409)
    return race, next(answer.json()["data"] for answer in closed if answer.status == 200)


Raced = tuple[Race, dict[str, Any]]


def test_nothing_enters_a_session_after_its_close_was_answered(raced: Raced) -> None:
    race, _ = raced

    assert {told.status for told in race.told} == {201, 409}
    assert [told for told in race.told if told.sent_late and told.status == 201] == []
    lines = books.lines(race.server.data, race.session_id)
    (close,) = [line.seq for line in lines if line.kind == books.CLOSE]
    assert max(line.seq for line in lines) == close
    assert {line.client_event_id for line in lines if line.kind == books.COUNT} == race.accepted.keys()


def test_the_totals_of_the_close_are_the_sums_of_the_ledger(raced: Raced) -> None:
    race, closed = raced

    with race.server.client() as client:
        session = client.get(f"{PRODUCTION}/sessions/{race.session_id}").json()["data"]
    in_ledger = sum(line.units for line in books.lines(race.server.data, race.session_id)) / books.MILLION

    assert closed["totalUnits"] == session["totalUnits"] == in_ledger == sum(race.accepted.values())
    assert closed["workers"] == session["workers"]
    assert sum(worker["units"] for worker in closed["workers"]) == in_ledger
    books.verify(race.server.data)


def test_what_came_too_late_is_held_once(raced: Raced) -> None:
    race, _ = raced

    assert None not in race.refused.values()
    assert race.refused == books.held_events(race.server.data, race.session_id)
    listed = [json.loads(line) for line in printed("held", "list", "--json", "--data", race.server.data).splitlines()]
    ids = [line["heldId"] for line in listed if line["sessionId"] == race.session_id]
    assert sorted(ids) == sorted(str(held_id) for held_id in race.refused.values())


@pytest.mark.parametrize("way", [Race.send, Race.send_bulk])
def test_sending_a_late_count_again_gives_the_same_held_id(raced: Raced, way: Callable[..., list[Told]]) -> None:
    race, _ = raced
    late = [told.body for told in race.told if told.status == 409]

    with closing(race.connection()) as connection:
        again = way(race, connection, late, True)

    assert {told.body["clientEventId"]: told.held_id for told in again} == race.refused
    with race.server.client() as client:
        session = client.get(f"{PRODUCTION}/sessions/{race.session_id}").json()["data"]
    assert session["heldCount"] == len(late)


def test_a_count_that_was_accepted_is_known_after_the_close(raced: Raced, client: httpx.Client) -> None:
    race, _ = raced
    accepted = [told.body for told in race.told if told.status == 201]

    with closing(race.connection()) as connection:
        again = race.send_bulk(connection, accepted, True)

    assert {told.status for told in again} == {200}
