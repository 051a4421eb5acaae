"""Letters that are handed in anew, by those who would make the server do so for ever."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from hydrobit import catalog
from hydrobit.demo import company as demo
from hydrobit.devices.keeping import Keeping
from hydrobit.transport.dispatch import Dispatcher
from hydrobit.transport.metrics import Metrics
from hydrobit.transport.mqtt.redelivery import redeliver
from hydrobit.transport.mqtt.road import Fate, Message, Road, Sender
from tests import gate as gates
from tests.embedded import ADMIN
from tests.gate import Gate
from tests.servers import event, opening

RECORDS, SESSIONS = "control/production/records", "control/production/sessions"
LETTERS = "control/iot/dead-letters"
ROOM = 4_000
WAIT_S_MAX = 20


@pytest.fixture
async def gate(tmp_path: Path) -> AsyncIterator[Gate]:
    async with gates.opened(tmp_path) as gate:
        yield gate


@pytest.fixture
def road(gate: Gate) -> Road:
    return Road(catalog.OPERATIONS, gate.dispatcher, lambda _row: ROOM)


@pytest.mark.parametrize("topic", [f"{LETTERS}/letter_1/replay", f"/api/{LETTERS}/letter_2/replay"])
async def test_a_letter_hands_in_no_letter_and_so_not_itself(gate: Gate, topic: str) -> None:
    house = gate.house
    whole = replace(house.context, redeliver=lambda letter: hand_in(letter))
    dispatcher = Dispatcher(whole, gate.identity, Metrics())
    road = Road(catalog.OPERATIONS, dispatcher, lambda _row: ROOM)
    hand_in = partial(redeliver, road, dispatcher, gate.identity)
    keeping = Keeping(house.engine, house.clock, house.context.settings)
    for to in (topic, f"{LETTERS}/letter_1/replay"):
        await keeping.bury(ADMIN, "phone-1", to, b"{}", "dead_letter_not_found", "There is none.", "r-1")
    async with asyncio.timeout(WAIT_S_MAX):
        (answer,) = await road.answer(Sender(gate.token()), [Message(f"{LETTERS}/letter_1/replay", b"{}")])
    told = json.loads(answer.body())["data"]
    assert (told["statusCode"], told["settled"]) == (200, True)
    nested = told["answer"]["data"]
    assert (nested["statusCode"], nested["answer"]["code"]) == (400, "invalid_value")


async def test_rights_that_change_while_a_letter_is_handed_in_are_looked_up_once_more(gate: Gate, road: Road) -> None:
    (answer,) = await road.answer(Sender(gate.token()), [Message(SESSIONS, json.dumps(opening()).encode())])
    session_id = json.loads(answer.body())["data"]["sessionId"]
    caller = await gate.identity.acting(1, demo.ADMIN, None)
    assert caller.access_no is not None
    before = replace(caller, access_no=caller.access_no - 1)
    async with asyncio.timeout(WAIT_S_MAX):
        count = Message(RECORDS, json.dumps(event(session_id, "evt_1")).encode())
        (counted,) = await road.answer(Sender(before), [count])
    assert (counted.fate, counted.status) == (Fate.done, 201)
