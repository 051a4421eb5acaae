"""Dead letters: kept until somebody saw to them, read as they came, handed in anew."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hydrobit.catalog import OPERATIONS
from hydrobit.demo import company as demo
from hydrobit.devices.keeping import Keeping
from hydrobit.errors import Code, Refused
from hydrobit.identity import service as identity
from hydrobit.operation import Caller, Device, Letter, Reply, Role, Scope
from hydrobit.wire import envelope
from tests.callers import refusal
from tests.embedded import ADMIN, NEIGHBOUR, Answer, House
from tests.gate import IOT, Gate, opened
from tests.servers import event
from tests.unit.ledger.books import open_session

LETTERS = f"{IOT}/dead-letters"
RECORDS = "control/production/records"
SENDING = Caller("device:scale-1", 1, demo.COMPANY, None, frozenset({Scope.write_iot}), device=Device("scale-1", "p"))


def keeping(house: House) -> Keeping:
    return Keeping(house.engine, house.clock, house.context.settings)


async def bury(house: House, caller: Caller = ADMIN, payload: bytes = b"{}", topic: str = RECORDS) -> str:
    return await keeping(house).bury(caller, "phone-1", topic, payload, "session_not_found", "There is none.", "r-1")


async def replay(house: House, letter: str) -> Answer:
    return await house.call("replayDeadLetter", ADMIN, {}, path={"letterId": letter})


async def listed(house: House, **query: Any) -> list[Any]:
    items: list[Any] = (await house.call("listDeadLetters", ADMIN, query=query)).data["items"]
    return items


def with_road(house: House) -> list[Letter]:
    """Gives the house what hands letters in anew; returns those that were."""
    handed: list[Letter] = []

    async def redeliver(letter: Letter) -> Reply:
        handed.append(letter)
        try:
            caller = await house.engine.look_up(identity.acting, letter.company, letter.subject, letter.device_id)
        except Refused as refused:
            return Reply(refused.status, envelope.error(refused, "test"))
        (row,) = (row for row in OPERATIONS if row.http.path == f"/api/{letter.topic}")
        answer = await house.call(row.name, caller, msgspec.json.decode(letter.payload))
        return Reply(answer.status, answer.body)

    house.context = replace(house.context, redeliver=redeliver)
    return handed


async def test_a_letter_is_read_as_it_came(gate: Gate) -> None:
    payload = '{"units": 5, "worker_name": "José"}'.encode()
    letter = await bury(gate.house, payload=payload)
    data = (await gate.get(f"{LETTERS}/{letter}")).json()["data"]
    assert data == {
        "letterId": letter,
        "status": "waiting",
        "receivedAtUtc": "2025-10-19T14:00:00.000Z",
        "auth0Id": demo.ADMIN,
        "clientId": "phone-1",
        "topic": RECORDS,
        "payloadBytes": len(payload),
        "code": "session_not_found",
        "error": "There is none.",
        "requestId": "r-1",
        "payload": payload.decode(),
        "payloadEncoding": "utf-8",
    }
    (line,) = (await gate.get(LETTERS)).json()["data"]["items"]
    assert line == {
        name: value for name, value in data.items() if not name.startswith("payload") or name == "payloadBytes"
    }


async def test_bytes_that_are_no_text_are_told_in_base64(gate: Gate) -> None:
    letter = await bury(gate.house, SENDING, b"\xff\x00")
    data = (await gate.get(f"{LETTERS}/{letter}")).json()["data"]
    assert (data["payload"], data["payloadEncoding"]) == ("/wA=", "base64")
    assert (data["auth0Id"], data["deviceId"]) == ("device:scale-1", "scale-1")


async def test_an_unknown_letter_is_told(gate: Gate) -> None:
    await bury(gate.house)
    for letter in ("letter_9", "letter_01", "letter_0", "letter_-1", "1", "letter_999999999999", "x"):
        for method, path in (("GET", ""), ("POST", "/replay")):
            refusal(await gate.call(method, f"{LETTERS}/{letter}{path}"), 404, "dead_letter_not_found")


async def test_letters_of_another_company_answer_as_unknown(gate: Gate) -> None:
    letter = await bury(gate.house)
    assert await bury(gate.house, NEIGHBOUR) == letter  # each company counts its own
    await bury(gate.house)
    answer = await gate.get(f"{LETTERS}/letter_2", user=demo.OTHER_USER)
    refusal(answer, 404, "dead_letter_not_found")
    assert (await gate.get(LETTERS, user=demo.OTHER_USER)).json()["data"]["total"] == 1


async def test_a_replay_counts_once_however_often_it_is_done(gate: Gate) -> None:
    house = gate.house
    handed = with_road(house)
    session_id = await open_session(house, ADMIN)
    letter = await bury(house, payload=envelope.encode(event(session_id, "evt_1")))
    for status in (201, 200):
        answer = await replay(house, letter)
        assert (answer.status, answer.data["statusCode"], answer.data["settled"]) == (200, status, True)
        assert answer.data["answer"]["status"] == "success"
    assert (handed[0].topic, handed[0].subject, handed[0].client_id) == (RECORDS, demo.ADMIN, "phone-1")
    (line,) = await listed(house, status="replayed")
    assert line["replayStatus"] == 200
    assert await listed(house, status="waiting") == []
    log = (await house.call("listAudit", ADMIN)).data["items"]
    assert [(entry["action"], entry["subject"], entry["after"]) for entry in log[:2]] == [
        ("dead-letter.replay", letter, {"replayStatus": 200}),
        ("dead-letter.replay", letter, {"replayStatus": 201}),
    ]


async def test_a_letter_whose_replay_is_refused_is_settled_with_the_refusal(gate: Gate) -> None:
    with_road(gate.house)
    letter = await bury(gate.house, payload=envelope.encode(event("6507f1e3c9d8e2a4b1f9c3d5", "evt_1")))
    answer = await replay(gate.house, letter)
    assert (answer.data["statusCode"], answer.data["settled"]) == (404, True)
    assert answer.data["answer"]["code"] == "session_not_found"
    (line,) = await listed(gate.house)
    assert (line["status"], line["replayStatus"]) == ("replayed", 404)


async def test_a_letter_is_judged_by_what_its_sender_may_do_now_and_waits_on(gate: Gate) -> None:
    house = gate.house
    with_road(house)
    session_id = await open_session(house, ADMIN)
    supervisor = Caller(demo.SUPERVISOR, 1, demo.COMPANY, Role.supervisor)
    letter = await bury(house, supervisor, envelope.encode(event(session_id, "evt_1", auth0Id=demo.SUPERVISOR)))
    await gate.post(f"/api/control/admin/users/{demo.SUPERVISOR}/disable")
    answer = await replay(house, letter)
    assert (answer.data["statusCode"], answer.data["answer"]["code"]) == (403, "no_company")
    assert not answer.data["settled"], "it waits for who may call again"


async def test_a_fault_that_passes_leaves_the_letter_waiting(gate: Gate) -> None:
    house = gate.house
    letter = await bury(house)
    refused = Refused(Code.busy, "Not now.")
    for reply in (Reply(503, envelope.error(refused, "test")), Reply(429, None)):

        async def redeliver(letter: Letter, reply: Reply = reply) -> Reply:
            return reply

        house.context = replace(house.context, redeliver=redeliver)
        answer = await replay(house, letter)
        assert (answer.data["statusCode"], answer.data["settled"]) == (reply.status, False)
    assert [line["letterId"] for line in await listed(house, status="waiting")] == [letter]


async def test_without_a_road_nothing_is_replayed(gate: Gate) -> None:
    letter = await bury(gate.house)
    refusal(await gate.post(f"{LETTERS}/{letter}/replay"), 503, "unavailable")


async def test_a_full_box_takes_no_more_until_somebody_saw_to_one(tmp_path: Path) -> None:
    async with opened(tmp_path, dead_letters_max=2) as gate:
        house = gate.house
        with_road(house)
        payload = envelope.encode(event("6507f1e3c9d8e2a4b1f9c3d5", "evt_1"))
        first, second = await bury(house, payload=payload), await bury(house)
        with pytest.raises(Refused) as full:
            await bury(house)
        assert full.value.code is Code.busy
        await bury(house, NEIGHBOUR)  # whose box is another
        await replay(house, first)
        third = await bury(house)
        assert [line["letterId"] for line in await listed(house)] == [third, second]
        assert len({first, second, third}) == 3
