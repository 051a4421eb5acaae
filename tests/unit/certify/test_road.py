"""The road: what a client's own HTTP meets on it, and what is written down."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import httpx
import pytest

from hydrobit.certify import counts, road, watch
from hydrobit.certify.faults import EXPIRED, KILLED_BEFORE, LOG_IN_PAGE, LOST_ANSWER, LOST_REQUEST, Fault, Plan, busy
from hydrobit.certify.road import Call, Reply, Road
from hydrobit.certify.watch import BULK, RECORDS, Watch
from tests.unit.certify.field import NOW

TOKEN = "its-token"
GIVEN = counts.made(NOW)


class Server:
    """Takes everything, and remembers it."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.kills = 0

    async def answer(self, call: Call) -> Reply:
        self.calls.append(call)
        body = json.dumps({"status": "success"}).encode()
        return Reply(201, {"content-type": "application/json"}, b"" if call.method == "HEAD" else body)

    async def kill(self) -> None:
        self.kills += 1


@asynccontextmanager
async def opened(server: Server, *faults: Fault) -> AsyncIterator[tuple[Road, Watch, httpx.AsyncClient]]:
    """A road on which the requests that carry the first count meet the faults."""
    log = Watch(GIVEN, Plan({1: faults}))
    made = Road(server.answer, log, asyncio.get_running_loop().time, server.kill)
    made.expect(1, TOKEN)
    headers = {"authorization": f"Bearer {TOKEN}"}
    try:
        async with httpx.AsyncClient(base_url=made.address, headers=headers, trust_env=False) as client:
            yield made, log, client
    finally:
        await made.close()


def one(number: int = 1) -> dict[str, object]:
    return GIVEN[number - 1].members


def statuses(log: Watch) -> Sequence[int | None]:
    return [request.status for request in log.requests]


async def test_who_calls_before_anybody_listens_is_refused() -> None:
    async with opened(server := Server()) as (made, _, client):
        with pytest.raises(httpx.ConnectError):
            await client.post(RECORDS, json=one())
        await made.listen()
        assert (await client.post(RECORDS, json=one())).status_code == 201
        assert len(server.calls) == 1


async def test_a_broken_connection_brings_no_answer_stored_or_not() -> None:
    async with opened(server := Server(), LOST_REQUEST, LOST_ANSWER) as (made, log, client):
        await made.listen()
        for stored in (0, 1):
            with pytest.raises(httpx.TransportError):
                await client.post(RECORDS, json=one())
            assert len(server.calls) == stored
        assert (await client.post(RECORDS, json=one())).status_code == 201
        assert statuses(log) == [None, None, 201]
        assert [request.is_heard for request in log.requests] == [False, False, True]


async def test_a_server_that_is_busy_says_so_and_a_network_speaks_for_itself() -> None:
    async with opened(server := Server(), busy(503, 7), LOG_IN_PAGE) as (made, log, client):
        await made.listen()
        told = await client.post(RECORDS, json=one())
        assert (told.status_code, told.headers["retry-after"], told.json()["code"]) == (503, "7", "busy")
        page = await client.post(RECORDS, json=one())
        assert (page.status_code, page.headers["content-type"]) == (200, "text/html")
        assert server.calls == []
        assert not any(request.is_heard for request in log.requests)


async def test_counts_in_bulk_and_packed_are_known_and_meet_one_fault_at_most() -> None:
    async with opened(Server(), LOST_REQUEST) as (made, log, client):
        await made.listen()
        body = gzip.compress(json.dumps({"records": [one(2), one(1)]}).encode())
        with pytest.raises(httpx.TransportError):
            await client.post(BULK, content=body, headers={"content-encoding": "gzip"})
        await client.post(BULK, content=body, headers={"content-encoding": "gzip"})
        assert [[carried.count for carried in request.counts] for request in log.requests] == [[GIVEN[1], GIVEN[0]]] * 2
        assert statuses(log) == [None, 201]


async def test_a_token_that_expired_is_refused_until_the_next_start() -> None:
    async with opened(Server(), EXPIRED) as (made, log, client):
        await made.listen()
        for _ in range(2):
            assert (await client.post(RECORDS, json=one())).status_code == 401
        made.expect(2, "another")
        assert (await client.post(RECORDS, json=one())).status_code == 401
        again = await client.post(RECORDS, json=one(), headers={"authorization": "bearer another"})
        assert again.status_code == 201
        assert [request.start for request in log.requests] == [1, 1, 2, 2]


async def test_a_kill_comes_in_the_place_of_the_answer() -> None:
    async with opened(server := Server(), KILLED_BEFORE) as (made, log, client):
        await made.listen()
        with pytest.raises(httpx.TransportError):
            await client.post(RECORDS, json=one())
        assert (server.kills, server.calls, statuses(log)) == (1, [], [None])


async def test_connections_are_kept_and_other_calls_pass() -> None:
    async with opened(Server()) as (made, log, client):
        await made.listen()
        assert (await client.head(f"{RECORDS}/check-idempotency", params={"key": "one"})).status_code == 201
        assert (await client.get("/api/control/projects")).json() == {"status": "success"}
        assert [request.counts for request in log.requests] == [(), ()]


async def test_more_than_anybody_needs_is_a_flood(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(road, "REQUESTS_MAX", 1)
    async with opened(Server()) as (made, _, client):
        await made.listen()
        await client.post(RECORDS, json=one())
        with pytest.raises(httpx.TransportError):
            await client.post(RECORDS, json=one())
        assert made.flooded.is_set()


async def test_what_is_not_http_ends_its_connection_alone() -> None:
    async with opened(Server()) as (made, _, client):
        await made.listen()
        reader, writer = await asyncio.open_connection(road.HOST, client.base_url.port)
        writer.write(b"\x16\x03\x01 this is TLS\r\n\r\n")
        assert await reader.read() == b""
        writer.close()
        assert (await client.post(RECORDS, json=one())).status_code == 201


def test_what_the_server_decides_of_each_count_of_many_is_written_down() -> None:
    log = Watch(GIVEN, Plan({}))
    log.came(1, 0.5, "POST", BULK, json.dumps({"records": [one(1), one(2)]}).encode())
    results = [{"statusCode": 201}, {"statusCode": 409, "code": "idempotency_conflict", "error": "Differs."}]
    log.decided(1, 207, json.dumps({"status": "success", "results": results}).encode())
    log.answered(1, 207, 0.75)
    (line,) = map(json.loads, watch.written(log.requests).splitlines())
    assert (line["outcomes"], line["answered"], line["answeredAt"]) == (["201", "409 idempotency_conflict"], 207, 0.75)


def test_a_body_that_nobody_can_read_carries_no_count() -> None:
    log = Watch(GIVEN, Plan({}))
    for body in (b"", b"[1]", b'{"records": 1}', b"\xff", watch.plain(b"no gzip", "gzip")):
        log.came(1, 0, "POST", BULK, body)
    assert [request.counts for request in log.requests] == [()] * 5
