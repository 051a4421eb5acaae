"""From messages to what became of them, in a house of its own on each engine."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from hydrobit import catalog
from hydrobit.errors import Code
from hydrobit.operation import Operation
from hydrobit.transport.mqtt.road import METHOD, Answered, Fate, Message, Road, Sender
from tests import gate as gates
from tests.gate import Gate
from tests.servers import event, opening

RECORDS, SESSIONS = "control/production/records", "control/production/sessions"
ROOM = 4_000


@pytest.fixture
async def gate(tmp_path: Path) -> AsyncIterator[Gate]:
    async with gates.opened(tmp_path) as gate:
        yield gate


def room(row: Operation) -> int:
    return ROOM


@pytest.fixture
def road(gate: Gate) -> Road:
    return Road(catalog.OPERATIONS, gate.dispatcher, room)


@pytest.fixture
def token(gate: Gate) -> str:
    return gate.token()


def message(body: object, topic: str = RECORDS, method: str | None = None) -> Message:
    facts = () if method is None else ((METHOD, method),)
    return Message(topic, body if isinstance(body, bytes) else json.dumps(body).encode(), facts)


def told(answer: Answered) -> Any:
    return json.loads(answer.body())


async def opened(road: Road, token: str) -> str:
    (answer,) = await road.answer(Sender(token), [message(opening(), SESSIONS)])
    session_id: str = told(answer)["data"]["sessionId"]
    return session_id


async def test_messages_are_answered_in_their_order_whatever_becomes_of_each(road: Road, token: str) -> None:
    session_id = await opened(road, token)
    counts = [event(session_id, f"evt_{number}") for number in range(3)]
    bodies = [counts[0], b"{", counts[1], counts[0], counts[0] | {"units": 9}, bytes(ROOM + 1), counts[2]]
    answers = await road.answer(Sender(token), [message(body) for body in bodies])
    assert [answer.status for answer in answers] == [201, 400, 201, 200, 409, 413, 201]
    assert [answer.reason for answer in answers] == [0, 0x99, 0, 0, 0x83, 0x97, 0]
    fates = [Fate.done, Fate.refused, Fate.done, Fate.done, Fate.refused, Fate.refused, Fate.done]
    assert [answer.fate for answer in answers] == fates
    assert answers[1].sentence.startswith("invalid_json: ")
    assert len({answer.request_id for answer in answers}) == len(answers)


async def test_only_messages_of_one_row_are_answered_together(road: Road, token: str) -> None:
    session_id = await opened(road, token)
    count = message(event(session_id, "evt_1"))
    others = [count, message(event(session_id, "evt_2"), f"/api/{RECORDS}"), message(b"", SESSIONS, "GET"), count]
    assert [answer.status for answer in await road.answer_first(Sender(token), others)] == [201, 201]
    assert [answer.status for answer in await road.answer_first(Sender(token), others[2:])] == [200]
    assert [answer.status for answer in await road.answer(Sender(token), others)] == [200, 200, 200, 200]


async def test_a_read_has_its_parameters_as_its_message(road: Road, token: str) -> None:
    session_id = await opened(road, token)
    path = f"{SESSIONS}/{session_id}"
    (answer,) = await road.answer(Sender(token), [message(b"", path, "GET")])
    assert told(answer)["data"]["sessionId"] == session_id
    topic = f"{RECORDS}/check-idempotency"
    (answer,) = await road.answer(Sender(token), [message({"key": "k"}, topic)])
    assert (answer.status, answer.fate, answer.body()) == (404, Fate.done, b"null"), "HEAD has no error to tell"
    unreadable: tuple[object, ...] = ([], b"{", {"key": {}}, b"\xff")
    for body in unreadable:
        (answer,) = await road.answer(Sender(token), [message(body, topic)])
        assert (answer.status, answer.fate) == (400, Fate.refused), body


async def test_what_has_no_row_or_no_such_method_is_refused_by_its_topic(road: Road, token: str) -> None:
    answers = await road.answer(
        Sender(token), [message({}, "$SYS/x"), message({}, RECORDS, "DELETE"), message({}, "connect/a/b/c")]
    )
    assert [(answer.error and answer.error.code, answer.reason) for answer in answers] == [
        (Code.unknown_path, 0x90),
        (Code.method_not_allowed, 0x90),
        (Code.device_mismatch, 0x87),
    ]


async def test_what_must_come_again_is_the_last_that_is_told(road: Road, token: str) -> None:
    answers = await road.answer(Sender("no token"), [message({}), message({}, SESSIONS)])
    assert [(answer.fate, answer.status) for answer in answers] == [(Fate.stranger, 401)]
