"""Durable means on the disk before the answer. kill -9 cannot show it, the order of the system calls does."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from hydrobit.demo import company as demo
from hydrobit.storage.queries import SQLITE
from tests.servers import PRODUCTION, RunningServer, event, open_session
from tests.sockets import Connection
from tests.tools import alone_on, needs
from tests.traces import SystemCall, answered_writes, read_trace, traced

RECORDS = f"{PRODUCTION}/records"
PHONES, EVENTS = 8, 5

ARRIVAL = r'7 read(18<socket:[5]>, "POST /api/control/production/records HTTP", 256000) = 43'
WRITE = r'8 pwrite64(14</data/hydrobit.db-wal>, "\r\17\321\0"..., 4096, 41256) = 4096'
SYNC = "8 fdatasync(14</data/hydrobit.db-wal>) = 0"
SYNC_BEGUN = "8 fdatasync(14</data/hydrobit.db-wal> <unfinished ...>"
SYNC_ENDED = "8 <... fdatasync resumed>)            = 0"
ANSWER = r'7 write(18<socket:[5]>, "HTTP/1.1 201 Created\r\n"..., 230) = 230'


@alone_on(SQLITE, "PostgreSQL syncs in its own process; the engine asks it whether it does")
@needs("strace")
def test_every_write_is_synced_before_its_answer_is_begun(tmp_path: Path) -> None:
    with traced(tmp_path / "data") as (server, trace):
        sent = write_in_every_way(server)
        assert server.stop() == 0

        writes = answered_writes(trace.finish())

    assert len(writes) == sent, "an answer is missing in the trace: the reader of the trace is wrong"
    assert [write.answer.text for write in writes if not write.is_durable] == []


def write_in_every_way(server: RunningServer) -> int:
    """Calls every operation that writes, records also from many phones at once; returns the number of calls."""
    with server.client() as client, ThreadPoolExecutor(PHONES) as phones:
        session_id = open_session(client)
        for _ in phones.map(lambda phone: count(server, session_id, phone), range(PHONES)):
            pass
        record_id = client.post(RECORDS, json=event(session_id, "alone")).json()["data"]["payloadPreview"]["recordId"]
        undone = {"auth0Id": demo.ADMIN, "reason": "Counted twice"}
        assert client.post(f"{RECORDS}/{record_id}/void", json=undone).status_code == 200
        many = {"auth0Id": demo.ADMIN, "records": [event(session_id, f"bulk-{number}") for number in range(50)]}
        assert client.post(f"{RECORDS}/bulk", json=many).status_code == 207
        longer = {"auth0Id": demo.ADMIN, "maxDurationHours": 20}
        assert client.post(f"{PRODUCTION}/sessions/{session_id}/extend", json=longer).status_code == 200
        closing_call = {"auth0Id": demo.ADMIN}
        assert client.post(f"{PRODUCTION}/sessions/{session_id}/close", json=closing_call).status_code == 200
    return 1 + PHONES * EVENTS + 5


def count(server: RunningServer, session_id: str, phone: int) -> None:
    with closing(Connection(server.address, server.token())) as connection:
        for number in range(EVENTS):
            body = event(session_id, f"phone-{phone}-{number}")
            assert connection.call("POST", RECORDS, body).status == 201


@pytest.mark.parametrize(
    ("lines", "is_durable"),
    [
        ([ARRIVAL, WRITE, SYNC, ANSWER], True),
        ([ARRIVAL, WRITE, SYNC_BEGUN, SYNC_ENDED, ANSWER], True),
        ([ARRIVAL, WRITE, ANSWER], False),
        ([ARRIVAL, WRITE, ANSWER, SYNC], False),
        ([ARRIVAL, WRITE, SYNC_BEGUN, ANSWER, SYNC_ENDED], False),
        ([ARRIVAL, SYNC, WRITE, ANSWER], False),
        ([WRITE, SYNC, ARRIVAL, ANSWER], False),
        ([WRITE, ARRIVAL, SYNC, ANSWER], False),
        ([ARRIVAL, WRITE, SYNC.replace("-wal", ""), ANSWER], False),
        ([ARRIVAL, WRITE, SYNC.replace("= 0", "= -1 EIO (Input/output error)"), ANSWER], False),
    ],
)
def test_the_reader_of_traces_sees_an_answer_that_came_too_early(lines: list[str], is_durable: bool) -> None:
    (write,) = answered_writes(read_trace(lines))

    assert write.is_durable is is_durable


def test_the_reader_of_traces_joins_a_call_that_others_interrupted() -> None:
    calls = read_trace(
        [
            "7 read(18<socket:[5]>,  <unfinished ...>",
            '8 write(9<anon_inode:[eventfd]>, "\\1\\0", 8) = 8',
            '7 <... read resumed>"POST /api", 256000) = 9',
        ]
    )

    assert calls[0] == SystemCall("read", "socket:[5]", '18<socket:[5]>,  "POST /api", 256000', 0, 2, 9)
