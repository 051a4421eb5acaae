"""The harvest export says what the sessions themselves say, to the millionth."""

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from hydrobit.harvest import service
from tests import embedded
from tests.embedded import ADMIN, NEIGHBOUR, SUPERVISOR, House, MovedClock
from tests.servers import event
from tests.unit.ledger.books import count, describe, open_session, void

Json = dict[str, Any]
SPAN = {"startTime": "2025-10-01", "endTime": "2025-10-31"}


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with embedded.running(tmp_path / "data", MovedClock()) as house:
        yield house


async def harvest(house: House, **changes: Any) -> list[Json]:
    answer = await house.call("getHarvest", ADMIN, query=SPAN | changes)
    assert answer.status == 200, answer
    found: list[Json] = answer.body["data"]
    return found


async def session_of(house: House, session_id: str) -> Json:
    return (await house.call("getProductionSession", ADMIN, path={"sessionId": session_id})).data


def sums(session: Json) -> list[tuple[object, ...]]:
    """What both reads say of a session's workers."""
    return [
        (worker["workerId"], worker.get("units", worker.get("netUnits")), worker["recordCount"], worker["voidedCount"])
        for worker in session["workers"]
    ]


async def assert_the_same(house: House, session_id: str) -> Json:
    """The export's figures of a session are those of its own read."""
    (told,) = [each for each in await harvest(house) if each["sessionId"] == session_id]
    own = await session_of(house, session_id)
    assert sums(told) == sums(own)
    shared = ("totalUnits", "status", "closedAt", "openedAt", "day", "maxDurationHours", "sector_name", "timezone")
    assert {name: told[name] for name in shared} == {name: own[name] for name in shared}
    assert told["closedBy"] == own.get("closedBy")
    assert told["closedReason"] == own.get("closedReason")
    assert [worker["validUnits"] for worker in told["workers"]] == [worker["units"] for worker in own["workers"]]
    assert told["totalUnits"] == sum(worker["netUnits"] for worker in told["workers"])
    return told


async def test_sums_are_those_of_the_session_with_voids_and_odd_amounts(house: House) -> None:
    session_id = await open_session(house, ADMIN)
    for number, units in enumerate((0.000001, 2.5, 18.950000000000003, 1_000_000, 0, 0.1, 0.2)):
        await count(house, ADMIN, session_id, f"e{number}", units=units)
    await count(house, ADMIN, session_id, "e8", workerId="AG0110", worker_name="Ana García", units=0.333333)
    await void(house, ADMIN, await count(house, ADMIN, session_id, "e9", units=7.000007))
    told = await assert_the_same(house, session_id)
    assert told["totalUnits"] == Decimal("1000022.083334")
    assert told["workerCount"] == 2


async def test_a_close_answers_the_same_sums(house: House) -> None:
    session_id = await open_session(house, ADMIN)
    await count(house, ADMIN, session_id, "e1", units=2.000001)
    await void(house, ADMIN, await count(house, ADMIN, session_id, "e2", units=1))
    closed = (await house.call("closeProductionSession", ADMIN, {}, path={"sessionId": session_id})).data
    told = await assert_the_same(house, session_id)
    assert (told["totalUnits"], sums(told)) == (closed["totalUnits"], sums(closed))


async def test_held_work_is_not_counted_and_work_after_a_reopening_is(house: House) -> None:
    session_id = await open_session(house, ADMIN, maxDurationHours=1)
    await count(house, ADMIN, session_id, "e1", units=3)
    house.clock.forward_hours(2)
    held = await house.call("createProductionRecord", ADMIN, event(session_id, "late", units=50))
    assert (held.status, held.body["held"]) == (409, True)
    told = await assert_the_same(house, session_id)
    assert (told["totalUnits"], told["status"], told["closedBy"], told["closedReason"]) == (
        3,
        "closed",
        "system",
        "expired",
    )
    await house.run_jobs()
    assert await assert_the_same(house, session_id) == told
    body = {"auth0Id": ADMIN.user_id, "maxDurationHours": 9}
    await house.call("extendProductionSession", ADMIN, body, path={"sessionId": session_id})
    await count(house, ADMIN, session_id, "e2", units=4)
    told = await assert_the_same(house, session_id)
    assert (told["totalUnits"], told["status"], told["closedAt"], told["closedBy"]) == (7, "open", None, None)


async def test_the_whole_published_shape_is_told(house: House) -> None:
    session_id = await open_session(house, ADMIN, localId="l1", notes="Good weather")
    await count(house, ADMIN, session_id, "e1", worker_name="John", units=120)
    await count(house, ADMIN, session_id, "e2", worker_name="Aaron Smith", units=0)
    graded = [
        {"qualityId": "Q1", "qualityName": "Primera", "units": 90, "workerId": "JS0315"},
        {"qualityId": "Q2", "qualityName": "Segunda", "units": 30, "workerId": "JS0315"},
    ]
    await describe(
        house,
        session_id,
        harvestUnitId="unit_1",
        harvestLotCode="HL-1",
        license_plate="ABC-123",
        driver_name="Juan Perez",
        qualityBreakdown=graded,
    )
    graded_at = house.clock.now()
    house.clock.forward_hours(1)
    await house.call("closeProductionSession", ADMIN, {"notes": "Final count"}, path={"sessionId": session_id})
    (told,) = await harvest(house)
    shares = [
        {"qualityId": "Q1", "qualityName": "Primera", "units": 90, "percent": 75},
        {"qualityId": "Q2", "qualityName": "Segunda", "units": 30, "percent": 25},
    ]
    assert graded_at == embedded.DAWN
    assert told == {
        "sessionId": session_id,
        "localId": "l1",
        "projectId": "proj_123",
        "sectorId": "sector_001",
        "sector_name": "Lote A-1",
        "crop": "Blueberry",
        "variety": "Biloxi",
        "day": "2025-10-19T00:00:00.000Z",
        "openedAt": "2025-10-19T14:00:00.000Z",
        "closedAt": "2025-10-19T15:00:00.000Z",
        "createdAt": "2025-10-19T14:00:00.000Z",
        "status": "closed",
        "closedBy": "user",
        "closedReason": "manual",
        "timezone": "America/Mexico_City",
        "unit": "box",
        "maxDurationHours": 12,
        "harvestUnitId": "unit_1",
        "harvestLotCode": "HL-1",
        "workerCount": 1,
        "notes": "Good weather",
        "finalNotes": "Final count",
        "license_plate": "ABC-123",
        "driver_name": "Juan Perez",
        "totalUnits": 120,
        "needsRecalc": False,
        "qualityBreakdownAt": "2025-10-19T14:00:00.000Z",
        "responsible": {"auth0Id": ADMIN.user_id, "name": "Demo Admin", "role": "admin"},
        "qualityBreakdown": shares,
        "workers": [
            {
                "workerId": "JS0315",
                "worker_name": "Aaron Smith",
                "validUnits": 120,
                "netUnits": 120,
                "recordCount": 2,
                "voidedCount": 0,
                "qualityBreakdown": shares,
            }
        ],
    }


async def test_pages_hold_every_session_once_in_the_order_of_their_days(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = []
    for number in range(25):
        day = f"2025-10-{1 + number % 13:02d}T14:00:00.000Z"
        sector = "sector_001" if number < 13 else "sector_002"
        session_id = await open_session(house, SUPERVISOR, sector=sector, openedAt=day)
        await count(house, SUPERVISOR, session_id, "e1", units=number)
        await count(house, SUPERVISOR, session_id, "e2", workerId="AG0110", units=number)
        wanted.append((day[:10], number, session_id))
    other = await open_session(house, NEIGHBOUR, projectId="proj_678", sector="sector_901", sector_name="Lote B-1")
    expected = [session_id for _, _, session_id in sorted(wanted)]
    for sessions, workers in ((5, 250), (10, 250), (25, 250), (26, 250), (10, 1), (10, 3)):
        monkeypatch.setattr(service, "SESSIONS_A_PAGE", sessions)
        monkeypatch.setattr(service, "WORKERS_A_PAGE", workers)
        found = [told["sessionId"] for told in await harvest(house)]
        assert found == expected
        assert other not in found
    assert len(await harvest(house, sectorId="sector_002")) == 12
    assert len(await harvest(house, startTime="2025-10-02", endTime="2025-10-03")) == 4
    assert await harvest(house, startTime="2025-11-01", endTime="2025-11-01") == []


async def test_exports_that_run_at_once_tell_the_same(house: House) -> None:
    for number in range(service.SESSIONS_A_PAGE * 3):
        session_id = await open_session(house, ADMIN, openedAt=f"2025-10-{1 + number:02d}T14:00:00.000Z")
        await count(house, ADMIN, session_id, "e1", units=number)
    first, *others = await asyncio.gather(*(harvest(house) for _ in range(6)))
    assert len(first) == service.SESSIONS_A_PAGE * 3
    assert others == [first] * 5


async def test_a_session_is_chosen_by_its_local_day(house: House) -> None:
    """03:00 in UTC is still the evening before in Mexico City."""
    session_id = await open_session(house, ADMIN, openedAt="2025-10-20T03:00:00.000Z")
    assert [told["sessionId"] for told in await harvest(house, startTime="2025-10-19", endTime="2025-10-19")] == [
        session_id
    ]
    assert await harvest(house, startTime="2025-10-20", endTime="2025-10-20") == []
