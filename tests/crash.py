"""kill -9 under load, again and again on one data directory: what was acknowledged must stand there exactly once.

By hand: python -m tests.crash --rounds 200 --seed 7
"""

import argparse
import json
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import Any

from hydrobit.demo import company as demo
from tests import books
from tests.servers import PRODUCTION, RunningServer, event, open_session, running
from tests.sockets import Answer, Broken, Connection

RECORDS = f"{PRODUCTION}/records"
ACKNOWLEDGED_MAX = 900
"""A round is killed after a seeded number of acknowledgements, at most this many."""
BULK_LENGTH_MAX = 60
KNOWN_AT_ONCE = 5_000
LOAD_S_MAX = 60
FIRST_DAY = date(2025, 1, 1)


@dataclass
class Count:
    """One event that a phone sent at least once, and the id that it was told, if it was told one."""

    body: dict[str, Any]
    round: str
    record_id: str | None = None

    @property
    def units(self) -> int:
        units: int = self.body["units"]
        return units


@dataclass
class Book:
    """What the phones remember, over all rounds."""

    counts: dict[str, Count] = field(default_factory=dict)
    voids: dict[str, str | None] = field(default_factory=dict)
    """The void's id by the id of the record it takes back; None while the phone was told nothing."""

    def unknown(self) -> list[Count]:
        return [count for count in self.counts.values() if count.record_id is None]


@dataclass(frozen=True)
class Figures:
    """One round, as it is printed by hand."""

    acknowledged: int
    unknown: int
    found: int
    voids: int
    entries: int
    restart_s: float

    def __str__(self) -> str:
        return (
            f"killed after {self.acknowledged:4} acknowledgements; {self.unknown:3} outcomes unknown, {self.found:3} of"
            f" them stored; {self.voids:5} voids, {self.entries:7} entries in all; up again in {self.restart_s:.2f} s"
        )


class Load:
    """The phones of one round. They call until the connection breaks; `enough` is set when it is time to kill."""

    def __init__(self, server: RunningServer, book: Book, session_ids: list[str], name: str, wanted: int) -> None:
        self.address, self.token, self.book, self.session_ids = server.address, server.token(), book, session_ids
        self.name = name
        self.enough = threading.Event()
        self.acknowledged = 0
        self.wanted, self._counting = wanted, threading.Lock()
        self._told: list[Count] = []

    def phones(self) -> list[Callable[[], None]]:
        """What calls at the same time; each has its own seed."""
        habits = [self._single, self._single, self._single, self._repeat, self._leave, self._bulk, self._void]
        return [self._until_broken(habit, f"{self.name}-{number}") for number, habit in enumerate(habits)]

    def _until_broken(self, habit: Callable[[Connection, Random, str], None], name: str) -> Callable[[], None]:
        def run() -> None:
            random, number = Random(name), 0
            try:
                with suppress(Broken, ConnectionError), closing(Connection(self.address, self.token)) as connection:
                    while True:
                        number += 1
                        habit(connection, random, f"{name}-{number}")
            finally:
                self.enough.set()

        return run

    def _single(self, connection: Connection, random: Random, name: str) -> None:
        count = self._new(random, name)
        self._told_of(count, connection.call("POST", RECORDS, count.body), (201,))

    def _repeat(self, connection: Connection, random: Random, name: str) -> None:
        """The answer was taken for lost, and the same event is sent again."""
        count = self._new(random, name)
        self._told_of(count, connection.call("POST", RECORDS, count.body), (201,))
        self._told_of(count, connection.call("POST", RECORDS, count.body), (200,))

    def _leave(self, connection: Connection, random: Random, name: str) -> None:
        """The signal breaks right after the sending; the phone comes back with the same event."""
        count = self._new(random, name)
        with closing(Connection(self.address, self.token)) as broken:
            broken.send_request("POST", RECORDS, count.body)
        self._told_of(count, connection.call("POST", RECORDS, count.body), (200, 201))

    def _bulk(self, connection: Connection, random: Random, name: str) -> None:
        counts = [self._new(random, f"{name}-{place}") for place in range(random.randint(1, BULK_LENGTH_MAX))]
        for count, result in zip(counts, send_bulk(connection, counts), strict=True):
            assert result["statusCode"] == 201, result
            self._remember(count, result["payloadPreview"]["recordId"])

    def _void(self, connection: Connection, random: Random, name: str) -> None:
        if not self._told:
            self._single(connection, random, name)
        record_id = random.choice(self._told).record_id
        assert record_id is not None
        known = self.book.voids.setdefault(record_id, None)
        void_id, was_known = send_void(connection, record_id)
        assert was_known == (known is not None), "a void counts as a repeat exactly when it was told before"
        assert known in (None, void_id)
        self.book.voids[record_id] = void_id
        self._count()

    def _new(self, random: Random, name: str) -> Count:
        body = event(
            random.choice(self.session_ids),
            f"evt-{name}",
            workerId=random.choice(demo.CREW).worker_id,
            units=random.randint(1, 9),
        )
        if random.random() < 0.1:
            body["idempotencyKey"] = f"own-{name}"
        count = self.book.counts[f"evt-{name}"] = Count(body, self.name)
        return count

    def _told_of(self, count: Count, answer: Answer, statuses: tuple[int, ...]) -> None:
        assert answer.status in statuses, answer
        self._remember(count, answer.json()["data"]["payloadPreview"]["recordId"])

    def _remember(self, count: Count, record_id: str) -> None:
        assert count.record_id in (None, record_id), "an event was given a second record id"
        if count.record_id is None:
            count.record_id = record_id
            self._told.append(count)
        self._count()

    def _count(self) -> None:
        with self._counting:
            self.acknowledged += 1
            if self.acknowledged >= self.wanted:
                self.enough.set()


def play(data: Path, rounds: int, seed: int) -> Iterator[Figures]:
    """Kills a server `rounds` times under load and checks the ledger after each restart. Raises AssertionError."""
    book = Book()
    with ExitStack() as held:
        server = held.enter_context(running(data))
        session_ids = [open_on(server, FIRST_DAY)]
        for number in range(1, rounds + 1):
            session_ids[1:] = [open_on(server, FIRST_DAY + timedelta(days=number))]
            wanted = Random(f"{seed}-{number}").randint(1, ACKNOWLEDGED_MAX)
            load = Load(server, book, session_ids, f"{seed}-{number}", wanted)
            kill_under(load, server)
            held.close()
            begun = time.monotonic()
            server = held.enter_context(running(data))
            yield check(server, book, load, time.monotonic() - begun)
        with closing(Connection(server.address, server.token())) as phone:
            check_known(phone, list(book.counts.values()))
        assert server.stop() == 0


def open_on(server: RunningServer, day: date) -> str:
    with server.client() as client:
        return open_session(client, openedAt=f"{day}T14:00:00.000Z")


def kill_under(load: Load, server: RunningServer) -> None:
    """Runs the load and kills the server as soon as the load has had enough."""
    phones = load.phones()
    with ThreadPoolExecutor(len(phones)) as pool:
        calling = [pool.submit(phone) for phone in phones]
        try:
            assert load.enough.wait(LOAD_S_MAX), "the load came to a halt"
            had_enough = load.acknowledged >= load.wanted
        finally:
            server.kill()
        for phone in calling:
            phone.result(LOAD_S_MAX)
    assert had_enough, "a connection broke before the server was killed"


def check(server: RunningServer, book: Book, load: Load, restart_s: float) -> Figures:
    """Looks at what the restarted server found, then sends again what had no answer, and looks once more."""
    unknown = book.unknown()
    found = check_found(server.data, book)
    with closing(Connection(server.address, server.token())) as phone:
        send_again(phone, book, found)
        check_known(phone, [count for count in book.counts.values() if count.round == load.name])
        entries = check_complete(server.data, book)
        check_totals(phone, book)
    books.verify(server.data)
    stored = sum(count.body["clientEventId"] in found for count in unknown)
    return Figures(load.acknowledged, len(unknown), stored, len(book.voids), entries, restart_s)


def check_found(data: Path, book: Book) -> dict[str, str]:
    """What the kill left: every acknowledged event once, unknown ones once or never. Record ids by event id."""
    lines = books.lines(data)
    records = {line.client_event_id or "": line for line in lines if line.kind == books.COUNT}
    assert len(records) == sum(line.kind == books.COUNT for line in lines), "an event was counted twice"
    assert records.keys() <= book.counts.keys(), "a count that nobody sent"
    for event_id, count in book.counts.items():
        line = records.get(event_id)
        if line is None:
            assert count.record_id is None, f"{event_id} was acknowledged and is lost"
            continue
        assert count.record_id in (None, line.record_id)
        assert line.units == count.units * books.MILLION
    return {event_id: line.record_id for event_id, line in records.items()} | check_voids(book, lines)


def check_voids(book: Book, lines: list[books.Line]) -> dict[str, str]:
    """The same of the voids: the void's id by the id of the record it takes back."""
    by_seq = {line.seq: line for line in lines}
    voids = {by_seq[line.answers or 0].record_id: line for line in lines if line.kind == books.VOID}
    assert len(voids) == sum(line.kind == books.VOID for line in lines), "a record was taken back twice"
    assert voids.keys() <= book.voids.keys(), "a void that nobody sent"
    for record_id, void_id in book.voids.items():
        assert void_id is None or voids[record_id].record_id == void_id, f"the void of {record_id} is lost"
    return {record_id: line.record_id for record_id, line in voids.items()}


def send_again(phone: Connection, book: Book, found: dict[str, str]) -> None:
    """What had no answer is sent again: 200 exactly where it was found stored, 201 otherwise."""
    for count in book.unknown():
        stored = found.get(count.body["clientEventId"])
        answer = phone.call("POST", RECORDS, count.body)
        assert answer.status == (201 if stored is None else 200), answer
        count.record_id = answer.json()["data"]["payloadPreview"]["recordId"]
        assert stored in (None, count.record_id)
    for record_id in [record_id for record_id, void_id in book.voids.items() if void_id is None]:
        book.voids[record_id], was_known = send_void(phone, record_id)
        assert was_known == (record_id in found)


def check_known(phone: Connection, counts: list[Count]) -> None:
    """Every one of them, sent once more in bulk, is a repeat of the record that it was."""
    for first in range(0, len(counts), KNOWN_AT_ONCE):
        part = counts[first : first + KNOWN_AT_ONCE]
        for count, result in zip(part, send_bulk(phone, part), strict=True):
            assert (result["statusCode"], result["payloadPreview"]["recordId"]) == (200, count.record_id)


def check_complete(data: Path, book: Book) -> int:
    """Now every event and every void stands there exactly once, with no number left out. Returns the last one."""
    lines = books.lines(data)
    kinds = Counter(line.kind for line in lines)
    assert (kinds[books.COUNT], kinds[books.VOID]) == (len(book.counts), len(book.voids))
    assert [line.seq for line in lines] == list(range(1, len(lines) + 1))
    assert sum(line.units for line in lines) == sum(expected_totals(book).values()) * books.MILLION
    return len(lines)


def check_totals(phone: Connection, book: Book) -> None:
    """What the server says of each session is the sum of what the phones counted and did not take back."""
    for session_id, units in expected_totals(book).items():
        session = phone.call("GET", f"{PRODUCTION}/sessions/{session_id}").json()["data"]
        assert session["totalUnits"] == units == sum(worker["units"] for worker in session["workers"])


def expected_totals(book: Book) -> Counter[str]:
    """Units by session."""
    totals: Counter[str] = Counter()
    for count in book.counts.values():
        totals[count.body["sessionId"]] += 0 if count.record_id in book.voids else count.units
    return totals


def send_bulk(phone: Connection, counts: list[Count]) -> list[dict[str, Any]]:
    """The results of one bulk call, in the order of the counts."""
    body = {"auth0Id": demo.ADMIN, "records": [count.body for count in counts]}
    answer = phone.call("POST", f"{RECORDS}/bulk", body)
    assert answer.status == 207, answer
    results: list[dict[str, Any]] = answer.json()["results"]
    return results


def send_void(phone: Connection, record_id: str) -> tuple[str, bool]:
    """The void's id, and whether the server knew it already."""
    answer = phone.call("POST", f"{RECORDS}/{record_id}/void", {"auth0Id": demo.ADMIN, "reason": "Counted twice"})
    assert answer.status == 200, answer
    preview = answer.json()["data"]["payloadPreview"]
    return preview["recordId"], preview.get("idempotent", False)


def main() -> None:
    parser = argparse.ArgumentParser(description="Kill the server under load and look for what it lost.")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    chosen = parser.parse_args()
    print(json.dumps(vars(chosen)))
    with tempfile.TemporaryDirectory() as folder:
        for number, figures in enumerate(play(Path(folder) / "data", chosen.rounds, chosen.seed), 1):
            print(f"round {number}: {figures}", flush=True)
    print("nothing lost, nothing doubled")


if __name__ == "__main__":
    main()
