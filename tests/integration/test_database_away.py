"""The database ends under load and comes back: callers are told to come again, nothing is lost, and nobody helps."""

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from hydrobit.storage.queries import POSTGRES
from tests import books, engines, postgres
from tests.servers import PRODUCTION, RunningServer, event, open_session, running
from tests.sockets import Connection

RECORDS = f"{PRODUCTION}/records"
PHONES = 8
AWAY_S_MAX = 1
ANSWER_S_MAX = 10
"""The limit above, with room for a machine that does other things beside."""
BACK_S_MAX = 10


@pytest.fixture(scope="module")
def store_engine() -> str:
    """A file does not go away."""
    return POSTGRES


def test_callers_are_told_in_time_and_all_is_well_by_itself_when_it_is_back(tmp_path: Path) -> None:
    with postgres.running() as database:
        data = tmp_path / "data"
        engines.settle(data, database.add_database())
        settings = {"HYDROBIT_DATABASE_AWAY_S_MAX": str(AWAY_S_MAX)}
        with running(data, environment=settings) as server:
            with server.client() as client:
                session_id = open_session(client)
            told = count_through(server, database, session_id)
            lines = books.lines(data, session_id)
            assert Counter(line.client_event_id for line in lines if line.kind == books.COUNT) == Counter(told)
            books.verify(data)


def count_through(server: RunningServer, database: postgres.Postgres, session_id: str) -> list[str]:
    """Phones count on while the database is away; each sends a count until it is told of its record. Returns those."""
    told: list[str] = []
    away, back, refused = threading.Event(), threading.Event(), threading.Barrier(PHONES + 1)

    def count(number: int) -> None:
        was_refused = False
        with closing(Connection(server.address, server.token())) as connection:
            for turn in range(10_000):
                name, status = f"{number}-{turn}", 0
                while status not in (200, 201):
                    begun = time.monotonic()
                    answer = connection.call("POST", RECORDS, event(session_id, name))
                    assert time.monotonic() - begun < ANSWER_S_MAX
                    status = answer.status
                    assert status in (200, 201, 503), answer
                    if status == 503:
                        assert int(answer.headers["retry-after"]) >= 1
                        if away.is_set() and not was_refused:
                            was_refused = True
                            refused.wait(60)
                told.append(name)
                if was_refused and back.is_set():
                    return

    with ThreadPoolExecutor(PHONES) as phones:
        counting = [phones.submit(count, number) for number in range(PHONES)]
        while len(told) < PHONES:
            assert not any(phone.done() for phone in counting)
        database.end()
        away.set()
        refused.wait(60)
        database.go_on()
        back.set()
        for phone in counting:
            phone.result(BACK_S_MAX)
    return told
