"""The fault dial: what was done, what the client hears of it, and how our own client gets through."""

import asyncio
import json
import tempfile
import time
from collections.abc import AsyncIterator

import httpx
import pytest

from hydrobit.client import AsyncClient, Outbox, State
from hydrobit.kit.amounts import MILLION
from hydrobit.kit.instants import HOUR_MS, read_instant
from hydrobit.ledger import read as sums
from hydrobit.mock import faults
from hydrobit.mock.faults import FaultKind
from hydrobit.mock.seeds import SESSION_SEQ
from hydrobit.mock.spaces import by_header, by_token
from tests.mocks import RECORDS, RunningMock, event, running

SESSION = "6507f1e3c9d8e2a4b1f9c3d5"
USER = "user_of_the_phone"


@pytest.fixture(scope="module")
async def mock() -> AsyncIterator[RunningMock]:
    async with running() as found:
        yield found


async def count(mock: RunningMock, space: str, fault: str = "", number: int = 1) -> httpx.Response:
    headers = {"x-mock-fault": fault} if fault else {}
    return await mock.call("createProductionRecord", space, body=event(number), headers=headers)


async def test_a_lost_answer_was_done_and_a_repeat_says_so(mock: RunningMock) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        await count(mock, "lost", "lose-answer")
    repeat = await count(mock, "lost")
    assert (repeat.status_code, repeat.json()["data"]["idempotent"]) == (200, True)


async def test_500_comes_after_the_commit_in_our_envelope(mock: RunningMock) -> None:
    failed = await count(mock, "failed", "500-after-commit")
    assert (failed.status_code, failed.json()["code"]) == (500, "internal")
    assert (await count(mock, "failed")).json()["data"]["idempotent"]


async def test_a_duplicate_delivery_is_answered_with_the_second_outcome(mock: RunningMock) -> None:
    answer = await count(mock, "twice", "duplicate-delivery")
    assert (answer.status_code, answer.json()["data"]["idempotent"]) == (200, True)


async def test_slow_waits_as_long_as_it_is_told(mock: RunningMock) -> None:
    begun = time.monotonic()
    assert (await count(mock, "slow", "slow;ms=120")).status_code == 201
    assert time.monotonic() - begun >= 0.12


async def test_a_clock_that_is_behind_refuses_what_lies_ahead_and_tells_its_time(mock: RunningMock) -> None:
    refused = await count(mock, "behind", "clock-skew")
    body = refused.json()
    assert (refused.status_code, body["code"]) == (400, "clock_ahead")
    behind = time.time() * 1000 - read_instant(body["serverTime"])
    assert abs(behind - 87_600 * HOUR_MS) < 60_000
    assert (await count(mock, "behind")).status_code == 201


async def test_busy_does_nothing_and_says_when_to_come_again(mock: RunningMock) -> None:
    busy = await count(mock, "busy", "busy;s=7")
    assert (busy.status_code, busy.json()["code"], busy.headers["retry-after"]) == (503, "busy", "7")
    assert (await count(mock, "busy")).status_code == 201


async def test_several_faults_come_together(mock: RunningMock) -> None:
    answer = await count(mock, "several", "duplicate-delivery, 500-after-commit, slow;ms=1")
    assert answer.status_code == 500
    assert answer.headers["x-mock-fault"] == "duplicate-delivery, 500-after-commit, slow;ms=1"
    space = await mock.spaces.space(by_token("several"))
    assert [str(one) for one in space.log[-1].faults] == [
        "duplicate-delivery",
        "500-after-commit",
        "slow;ms=1",
    ]


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ("loose-answer", "there are lose-answer, slow, 500-after-commit, duplicate-delivery, clock-skew, busy"),
        ("slow;ms=30001", "slow takes ms= a whole number up to 30000"),
        ("slow;hours=1", "slow takes ms="),
        ("lose-answer;ms=1", "lose-answer takes no parameter"),
        ("slow,slow,slow,slow,slow", "names 5 faults"),
    ],
)
async def test_a_fault_that_there_is_not_is_told(mock: RunningMock, said: str, sentence: str) -> None:
    answer = await count(mock, "wrong", said)
    body = answer.json()
    assert (answer.status_code, body["code"], body["field"]) == (400, "invalid_value", "x-mock-fault")
    assert sentence in body["error"]


async def test_a_space_tells_in_its_process_what_it_heard_and_what_became_of_it(mock: RunningMock) -> None:
    space = await mock.spaces.space(by_header("watched"))
    space.plan = lambda heard: (faults.fault(FaultKind.lose_answer),) if heard.number == 1 else ()
    headers = {"x-mock-space": "watched"}
    with pytest.raises(httpx.RemoteProtocolError):
        await mock.call("createProductionRecord", body=event(1), headers=headers)
    await mock.call("createProductionRecord", body=event(1), headers=headers)
    first, second = space.log
    assert (first.number, first.operation, first.path) == (1, "createProductionRecord", RECORDS)
    assert json.loads(first.body) == event(1)
    assert (first.outcome, first.status, second.outcome, second.status) == (201, None, 200, 200)
    assert first.digest == second.digest
    assert first.began < (first.ended or 0) <= second.began


@pytest.mark.parametrize("kind", FaultKind)
async def test_our_own_client_gets_through_with_each_record_once(mock: RunningMock, kind: FaultKind) -> None:
    """Every other call meets the fault, from the first on."""
    token = f"phone {kind}"
    space = await mock.spaces.space(by_token(token))
    space.plan = faults.every(2, [faults.fault(kind, 1 if kind is FaultKind.slow else None)])
    with tempfile.TemporaryDirectory() as folder, Outbox(f"{folder}/counts.outbox") as outbox:
        for number in range(12):
            outbox.record(SESSION, f"W{number % 3}", "A Picker", units=1, client_event_id=f"e{number:02}")
        async with AsyncClient(mock.address, token, user=USER, sleep=lambda seconds: asyncio.sleep(0)) as client:
            await client.deliver(outbox)
            for letter in outbox.items(State.refused):  # what a clock that was behind refused is handed in anew
                assert letter.code == "clock_ahead"
                outbox.again(letter.number)
            await client.deliver(outbox)
        assert outbox.counts()[State.delivered] == 12
    assert any(heard.faults for heard in space.log)
    found = await space.read(sums.session_sums, 1, SESSION_SEQ)
    assert {one.worker_id: (one.units, one.records) for one in found} == {
        "JS0315": (5 * MILLION, 1),
        **dict.fromkeys(("W0", "W1", "W2"), (4 * MILLION, 4)),
    }
