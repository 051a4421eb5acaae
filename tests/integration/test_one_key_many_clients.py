"""Many clients send one event at the same moment: it is counted once, and all of them hear the same."""

from collections import Counter
from collections.abc import Sequence

import httpx
import pytest

from tests import books
from tests.crowd import Told, send_at_once
from tests.servers import PRODUCTION, RunningServer, event, open_session

RECORDS = f"{PRODUCTION}/records"
PROCESSES, THREADS = 4, 64


@pytest.fixture(scope="module")
def session_id(server: RunningServer) -> str:
    with server.client() as client:
        return open_session(client)


def assert_counted_once(told: Sequence[Told]) -> None:
    assert Counter(answer.status for answer in told) == {201: 1, 200: PROCESSES * THREADS - 1}
    assert len({answer.record_id for answer in told}) == 1
    assert all(answer.idempotent == (answer.status == 200) for answer in told)


def test_one_event_from_many_clients_at_once_is_counted_once(
    server: RunningServer, client: httpx.Client, session_id: str
) -> None:
    events = [event(session_id, f"evt-{number}", units=3) for number in range(5)]

    answers = send_at_once(server.address, RECORDS, server.token(), events, processes=PROCESSES, threads=THREADS)

    for told in answers:
        assert_counted_once(told)
    counted = [line.client_event_id for line in books.lines(server.data, session_id) if line.kind == books.COUNT]
    assert sorted(counted, key=str) == [f"evt-{number}" for number in range(5)]
    assert client.get(f"/api/control/production/sessions/{session_id}").json()["data"]["totalUnits"] == 15


def test_one_own_key_from_many_clients_at_once_is_claimed_once(server: RunningServer, session_id: str) -> None:
    events = [event(session_id, "evt-own", idempotencyKey="one-own-key")]

    (told,) = send_at_once(server.address, RECORDS, server.token(), events, processes=PROCESSES, threads=THREADS)

    assert_counted_once(told)
    books.verify(server.data)
