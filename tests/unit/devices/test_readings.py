"""Readings of devices: each one once, exact, and read back by span and page."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from hydrobit.demo import company as demo
from hydrobit.kit.instants import read_instant, write_instant
from hydrobit.operation import Scope
from tests import engines
from tests import gate as gates
from tests.callers import refusal
from tests.gate import IOT, Gate

Json = dict[str, Any]
NOON = read_instant("2025-10-19T12:00:00Z")
SPAN = {"deviceId": "scale-1", "startTime": "2025-10-19", "endTime": "2025-10-19"}


def reading(minute: int = 0, **values: Any) -> Json:
    return {"recordedAtUtc": write_instant(NOON + minute * 60_000), "values": values or {"temperature": 21.5}}


async def send(gate: Gate, *readings: Any, kind: str = "weather", **options: Any) -> Any:
    return await gate.post(f"{IOT}/{kind}", {"deviceId": "scale-1", "readings": list(readings)}, **options)


async def sent(gate: Gate, *readings: Any, **options: Any) -> list[Json]:
    answer = await send(gate, *readings, **options)
    assert answer.status_code == 207, answer.text
    results: list[Json] = answer.json()["results"]
    return results


async def stored(gate: Gate, kind: str = "weather", **query: Any) -> list[Json]:
    answer = await gate.get(f"{IOT}/{kind}", params=SPAN | query)
    assert answer.status_code == 200, answer.text
    items: list[Json] = answer.json()["data"]["items"]
    return items


def codes(results: list[Json]) -> list[tuple[int, str | None]]:
    return [(result["statusCode"], result.get("code")) for result in results]


@pytest.fixture
async def scale(gate: Gate) -> Gate:
    await gate.add_device("scale-1")
    return gate


async def test_a_reading_that_comes_again_is_kept_once(scale: Gate) -> None:
    assert codes(await sent(scale, reading(0), reading(1))) == [(201, None)] * 2
    # the same instant and the same numbers, written in another way
    again = {"recordedAtUtc": "2025-10-19T06:00:00-06:00", "values": {"temperature": 2.15e1}}
    assert codes(await sent(scale, again, reading(2), reading(2))) == [(200, None), (201, None), (200, None)]
    assert [one["recordedAtUtc"][14:16] for one in await stored(scale)] == ["00", "01", "02"]


async def test_another_content_for_the_same_instant_is_a_conflict_that_shows_what_is_kept(scale: Gate) -> None:
    await sent(scale, reading(0, temperature=21.5))
    results = await sent(scale, reading(0, temperature=22), reading(1, a=1), reading(1, a=2))
    assert codes(results) == [(409, "idempotency_conflict"), (201, None), (409, "idempotency_conflict")]
    assert results[0]["existing"] == {"recordedAtUtc": "2025-10-19T12:00:00.000Z", "values": {"temperature": 21.5}}
    assert [one["values"] for one in await stored(scale)] == [{"temperature": 21.5}, {"a": 1}]


async def test_kinds_and_devices_do_not_stand_in_each_others_way(scale: Gate) -> None:
    await scale.add_device("scale-2")
    for kind in ("weather", "plant", "irrigation"):
        assert codes(await sent(scale, reading(0), kind=kind)) == [(201, None)]
        assert len(await stored(scale, kind)) == 1
    body = {"deviceId": "scale-2", "readings": [reading(0)]}
    assert codes((await scale.post(f"{IOT}/weather", body)).json()["results"]) == [(201, None)]
    assert len(await stored(scale, deviceId="scale-2")) == 1


async def test_one_that_is_wrong_does_not_stop_the_others(scale: Gate) -> None:
    results = await sent(
        scale,
        *(
            reading(1),
            "no object",
            {"values": {"a": 1}},
            {"recordedAtUtc": "yesterday", "values": {"a": 1}},
            {"recordedAtUtc": "2025-10-21T12:00:00Z", "values": {"a": 1}},
            reading(2) | {"values": {}},
            reading(2) | {"values": [1]},
            reading(2) | {"values": None},
            reading(2, a="1"),
            reading(2, a=True),
            reading(2, a={"b": 1}),
            reading(2, a=1e300),
            {"recordedAtUtc": reading(2)["recordedAtUtc"], "values": {"a b": 1}},
            {"recordedAtUtc": reading(2)["recordedAtUtc"], "values": {str(number): 1 for number in range(65)}},
            reading(3),
        ),
    )
    assert codes(results) == [
        *((201, None), (400, "wrong_type"), (400, "missing_field"), (400, "invalid_value"), (400, "clock_ahead")),
        *((400, "invalid_value"), (400, "wrong_type"), (400, "missing_field"), (400, "wrong_type")),
        *((400, "wrong_type"), (400, "wrong_type"), (400, "invalid_value"), (400, "invalid_value")),
        *((400, "invalid_value"), (201, None)),
    ]
    assert results[4]["serverTime"] == "2025-10-19T14:00:00.000Z"
    assert (results[8]["field"], results[8]["recordedAtUtc"]) == ("values.a", "2025-10-19T12:02:00.000Z")
    assert len(await stored(scale)) == 2


async def test_numbers_are_kept_with_all_of_their_decimals(scale: Gate) -> None:
    numbers = (
        '{"float32": 23.43752098083496, "tiny": 1.5e-20, "large": 12345678901234567890.5, "whole": 5.0, "zero": -0.0}'
    )
    body = f'{{"deviceId": "scale-1", "readings": [{{"recordedAtUtc": "2025-10-19T12:00:00Z", "values": {numbers}}}]}}'
    headers = {"authorization": f"Bearer {scale.token()}", "content-type": "application/json"}
    answer = await scale.client.post(f"{IOT}/plant", content=body, headers=headers)
    assert codes(answer.json()["results"]) == [(201, None)]
    told = (await scale.get(f"{IOT}/plant", params=SPAN)).text
    assert json.loads(told, parse_float=Decimal)["data"]["items"][0]["values"] == {
        "float32": Decimal("23.43752098083496"),
        "tiny": Decimal("1.5e-20"),
        "large": Decimal("12345678901234567890.5"),
        "whole": 5,
        "zero": 0,
    }


async def test_unknown_fields_are_named_where_they_stand(scale: Gate) -> None:
    body = {"deviceId": "scale-1", "battery": 3, "readings": [reading(0) | {"unit": "C"}]}
    answer = (await scale.post(f"{IOT}/weather", body)).json()
    assert answer["ignored"] == ["battery"]
    assert answer["results"][0]["ignored"] == ["unit"]


async def test_a_list_has_an_end(tmp_path: Path) -> None:
    async with gates.opened(tmp_path, readings_length_max=2) as gate:
        await gate.add_device("scale-1")
        assert (await send(gate)).json()["summary"] == {"ok": 0, "duplicated": 0, "failed": 0}
        refusal(await send(gate, *map(reading, range(3))), 400, "too_many_records")
        assert codes(await sent(gate, *map(reading, range(2)))) == [(201, None)] * 2


async def test_many_readings_are_read_beside_the_loop_with_the_same_outcome(scale: Gate) -> None:
    assert codes(await sent(scale, *map(reading, range(100)), "wrong")) == [(201, None)] * 100 + [(400, "wrong_type")]
    assert codes(await sent(scale, *map(reading, range(99, 102)))) == [(200, None), (201, None), (201, None)]


async def test_whose_reading_it_is_says_the_devices_token(scale: Gate) -> None:
    await scale.add_device("scale-2")
    headers = {"x-iot-token": await scale.device_token("scale-2")}
    answer = await scale.post(f"{IOT}/weather", {"readings": [reading(0)]}, headers=headers)
    assert codes(answer.json()["results"]) == [(201, None)]
    refusal(await send(scale, reading(0), headers=headers), 403, "device_mismatch")
    assert (await stored(scale), len(await stored(scale, deviceId="scale-2"))) == ([], 1)
    refusal(await scale.post(f"{IOT}/weather", {"readings": []}), 400, "missing_field")


async def test_a_key_sends_and_reads_by_its_scope(scale: Gate) -> None:
    sends = {"x-api-key": await scale.key(Scope.write_iot)}
    reads = {"x-api-key": await scale.key(Scope.read_iot)}
    assert codes(await sent(scale, reading(0), headers=sends)) == [(201, None)]
    answer = await scale.get(f"{IOT}/weather", params=SPAN, headers=reads)
    assert answer.json()["data"]["items"] == await stored(scale)
    refusal(await send(scale, reading(1), headers=reads), 403, "role_forbidden")
    refusal(await scale.get(f"{IOT}/weather", params=SPAN, headers=sends), 403, "role_forbidden")


async def test_a_revoked_device_sends_no_more_and_what_it_sent_is_read(scale: Gate) -> None:
    await sent(scale, reading(0))
    await scale.post(f"{IOT}/devices/scale-1/revoke")
    refusal(await send(scale, reading(1)), 404, "device_not_found")
    assert len(await stored(scale)) == 1


async def test_devices_of_another_company_answer_as_unknown(scale: Gate) -> None:
    await sent(scale, reading(0))
    for device_id in ("scale-1", "scale-9"):
        body = {"deviceId": device_id, "readings": [reading(0)]}
        refusal(await scale.post(f"{IOT}/weather", body, user=demo.OTHER_USER), 404, "device_not_found")
        query = SPAN | {"deviceId": device_id}
        refusal(await scale.get(f"{IOT}/weather", params=query, user=demo.OTHER_USER), 404, "device_not_found")


async def test_a_span_is_of_local_days_both_included(scale: Gate) -> None:
    midnight = read_instant("2025-10-19T06:00:00Z")  # in Mexico
    day = 86_400_000
    instants = [midnight - 1, midnight, midnight + day - 1, midnight + day]
    await sent(scale, *({"recordedAtUtc": write_instant(at), "values": {"a": 1}} for at in instants[:3]))
    scale.house.clock.forward_hours(24)
    await sent(scale, {"recordedAtUtc": write_instant(instants[3]), "values": {"a": 1}})
    assert [one["recordedAtUtc"] for one in await stored(scale)] == [write_instant(at) for at in instants[1:3]]
    assert len(await stored(scale, startTime="2025-10-18", endTime="2025-10-20")) == 4
    assert await stored(scale, startTime="1900-01-01", endTime="1900-01-31") == []
    assert await stored(scale, startTime="9999-12-01", endTime="9999-12-31") == []
    query = SPAN | {"startTime": "2025-01-01"}
    refusal(await scale.get(f"{IOT}/weather", params=query), 400, "invalid_value")


async def test_pages_follow_each_other_without_a_gap(scale: Gate) -> None:
    await sent(scale, *map(reading, range(7)))
    found: list[Json] = []
    query: Json = {"limit": 3}
    while True:
        data = (await scale.get(f"{IOT}/weather", params=SPAN | query)).json()["data"]
        found += data["items"]
        if "next" not in data:
            break
        query["after"] = data["next"]
    assert found == await stored(scale)
    assert len(found) == 7
    answer = await scale.get(f"{IOT}/weather", params=SPAN | {"after": "later"})
    assert refusal(answer, 400, "invalid_value")["field"] == "after"


async def test_a_repeat_of_thousands_costs_no_second_row(scale: Gate) -> None:
    readings = [reading(number) for number in range(1_000)]
    scale.house.clock.forward_hours(24)
    assert (await send(scale, *readings)).json()["summary"] == {"ok": 1_000, "duplicated": 0, "failed": 0}
    assert (await send(scale, *readings)).json()["summary"] == {"ok": 0, "duplicated": 1_000, "failed": 0}
    assert engines.rows(scale.house.data, "select count(*) from reading") == [(1_000,)]
