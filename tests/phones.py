"""Phones that count while something happens behind the servers: each sends a count until it is told of its record."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from itertools import count, pairwise
from pathlib import Path
from typing import NamedTuple, Self

from tests import books
from tests.servers import PRODUCTION, RunningServer, event
from tests.sockets import Answer, Connection

RECORDS = f"{PRODUCTION}/records"
SEEN_S_MAX = 120
PAUSE_S = 0.05
"""After a refusal. A phone of the field waits as long as `Retry-After` says; these look more closely."""


class Told(NamedTuple):
    """What a phone was told of one event; times are monotonic."""

    phone: int
    event: str
    record_id: str
    sent_at: float
    told_at: float


class Load:
    """A context: so many phones on each of the servers, which count from its beginning to its end.

    Each phone repeats an event until the answer is 200 or 201, also at the end, so that every event that was ever sent
    is one that was told. An answer that is none of 200, 201 and a 503 with `Retry-After` raises AssertionError.
    """

    def __init__(
        self, servers: Sequence[RunningServer], session_id: str, phones: int, name: str, pause_s: float = 0
    ) -> None:
        self._servers, self._session_id, self._name, self._pause_s = servers, session_id, name, pause_s
        self._count = phones * len(servers)
        self.told: list[Told] = []
        self.refused: list[tuple[int, float]] = []
        """Which phone was told to come again, and when."""
        self.slowest_s = 0.0
        """The longest that any answer has taken."""
        self._changed = threading.Condition()
        self._ending, self._failed = threading.Event(), threading.Event()
        self._held = ExitStack()

    def __enter__(self) -> Self:
        pool = self._held.enter_context(ThreadPoolExecutor(self._count))
        self._held.callback(self._ending.set)  # before the pool waits for its threads
        self._phones = [
            pool.submit(self._call, number, self._servers[number % len(self._servers)]) for number in range(self._count)
        ]
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        if error is not None:
            self._failed.set()  # what they wait for may never come
        self._held.close()
        for phone in self._phones:
            phone.result()

    def until(self, happened: Callable[[], bool], what: str) -> None:
        """Looks whenever a phone was told something. Fails where it has not happened in time, or a phone has."""
        deadline = time.monotonic() + SEEN_S_MAX
        with self._changed:
            while not happened():
                for phone in self._phones:
                    if phone.done():
                        phone.result()
                assert time.monotonic() < deadline, f"not seen: {what}"
                self._changed.wait(1)

    def until_all_are_told(self, moment: float) -> float:
        """Every phone is told of an event that it first sent after the moment; returns when that was."""
        first: dict[int, float] = {}

        def happened() -> bool:
            for told in reversed(self.told):
                if told.told_at < moment:
                    break
                if told.sent_at > moment:
                    first[told.phone] = told.told_at
            return len(first) == self._count

        self.until(happened, "every phone counts again")
        return max(first.values())

    def until_all_are_refused(self, moment: float) -> None:
        """Every phone is told to come again after the moment."""
        self.until(
            lambda: len({phone for phone, at in self.refused if at > moment}) == self._count,
            "every phone is told to come again",
        )

    def until_one_is_refused(self, moment: float) -> None:
        """Some phone is told to come again after the moment."""
        self.until(lambda: any(at > moment for _, at in self.refused), "a phone is told to come again")

    def until_more_are_told(self, number: int) -> None:
        """So many events more than now."""
        wanted = len(self.told) + number
        self.until(lambda: len(self.told) >= wanted, f"{number} counts")

    def gap_s(self, moment: float) -> float:
        """The longest time without any acknowledgement that ended after the moment."""
        times = sorted(told.told_at for told in self.told)
        return max(after - before for before, after in pairwise(times) if after > moment)

    def _call(self, number: int, server: RunningServer) -> None:
        with closing(Connection(server.address, server.token(lifetime_s=86_400))) as connection:
            for turn in count():
                if self._ending.wait(self._pause_s) if self._pause_s else self._ending.is_set():
                    return
                self._send(number, connection, f"{self._name}-{number}-{turn}")

    def _send(self, number: int, connection: Connection, name: str) -> None:
        first = time.monotonic()
        while True:
            begun = time.monotonic()
            answer = connection.call("POST", RECORDS, event(self._session_id, name))
            with self._changed:
                now = time.monotonic()
                self.slowest_s = max(self.slowest_s, now - begun)
                if answer.status != 503:
                    self.told.append(Told(number, name, told_id(answer), first, now))
                    self._changed.notify_all()
                    return
                assert int(answer.headers["retry-after"]) >= 1
                self.refused.append((number, now))
                self._changed.notify_all()
            if self._failed.wait(PAUSE_S):
                return


def told_id(answer: Answer) -> str:
    """The record of an event that was accepted or known."""
    assert answer.status in (200, 201), answer
    record_id: str = answer.json()["data"]["payloadPreview"]["recordId"]
    return record_id


class Losses(NamedTuple):
    """How many acknowledged events are not there as they were told, and how many stand there more than once."""

    lost: int
    doubled: int


def losses(data: Path, session_id: str, told: Sequence[Told]) -> Losses:
    """Holds what was told against the store. Raises AssertionError where numbers are missing or a count is nobody's."""
    everything = books.lines(data)
    assert [line.seq for line in everything] == list(range(1, len(everything) + 1)), "seq has gaps"
    lines = [line for line in books.lines(data, session_id) if line.kind == books.COUNT]
    counted = Counter(line.client_event_id for line in lines)
    assert counted.keys() <= {each.event for each in told}, "a count that nobody sent"
    there = {(line.client_event_id, line.record_id) for line in lines}
    lost = sum((each.event, each.record_id) not in there for each in told)
    return Losses(lost, sum(times - 1 for times in counted.values()))
