"""A day that leaves an entry of every kind, for tests that read or break a ledger."""

from pathlib import Path
from typing import Any

from hydrobit.kit.instants import write_instant
from hydrobit.ledger.verify import Verified
from hydrobit.operation import Caller
from tests import embedded, engines
from tests.embedded import ADMIN, NEIGHBOUR, SUPERVISOR, Answer, House, MovedClock
from tests.servers import event, opening


async def write_a_day(data: Path) -> list[Verified]:
    """Plays a day of two companies in a new directory, with a restore in the middle of it."""
    clock, first = MovedClock(), data.with_name(f"{data.name}-before")
    async with embedded.running(first, clock) as house:
        await _morning(house)
    engines.back_up(first, data)
    engines.forget(first)
    async with embedded.running(data, clock) as house:
        await _evening(house)
        return house.verify()


async def _morning(house: House) -> None:
    session = await open_session(house, ADMIN, sector="sector_001", notes="Good weather", localId="l1")
    evidence = {"gross": 21.5, "badgeId": "b7"}
    await count(house, ADMIN, session, "e1", idempotencyKey="k1", evidence=evidence, units=2.5)
    await count(house, ADMIN, session, "e1", idempotencyKey="k2", units=2.5)
    await count(house, ADMIN, session, "e2", deviceId="d1", deviceSeq=1, sentAtUtc=write_instant(house.clock.now()))
    wrong = await count(house, ADMIN, session, "e3", workerId="AG0110", worker_name="Ana García", units=300)
    await void(house, ADMIN, wrong)
    await house.call(
        "updateProductionSession",
        ADMIN,
        {"auth0Id": ADMIN.user_id, "pricePerUnit": 6, "bonus": {"type": "flat", "value": 1}, "notes": "Rain"},
        path={"sessionId": session},
    )
    await describe(house, session, harvestUnitId="unit_1", license_plate="ABC-123", driver_name="Juan Perez")
    other = await open_session(
        house, NEIGHBOUR, projectId="proj_678", sector="sector_901", sector_name="Lote B-1", localId="l1"
    )
    await count(house, NEIGHBOUR, other, "e1", idempotencyKey="k1")
    short = await open_session(house, SUPERVISOR, sector="sector_002", maxDurationHours=1)
    await count(house, SUPERVISOR, short, "e1")
    house.clock.forward_hours(2)
    await house.run_jobs()
    await _expect(409, house, "createProductionRecord", SUPERVISOR, event(short, "late", auth0Id=SUPERVISOR.user_id))
    body = {"auth0Id": SUPERVISOR.user_id, "maxDurationHours": 9}
    await _expect(200, house, "extendProductionSession", SUPERVISOR, body, sessionId=short)
    await count(house, SUPERVISOR, short, "e2")


async def _evening(house: House) -> None:
    listed = await house.call("listProductionSessions", ADMIN)
    session = listed.data["items"][0]["sessionId"]
    await count(house, ADMIN, session, "e4", units=0)
    await _expect(200, house, "closeProductionSession", ADMIN, {"notes": "A good day"}, sessionId=session)
    graded = [{"qualityId": "Q1", "qualityName": "Primera", "units": 2.5, "workerId": "JS0315"}]
    await describe(house, session, harvestLotCode="HL-1", driver_name="Pedro Ruiz", qualityBreakdown=graded)
    house.clock.forward_hours(13)
    await house.run_jobs()


async def describe(house: House, session_id: str, **told: Any) -> None:
    body = {"auth0Id": ADMIN.user_id} | told
    await _expect(200, house, "updateProductionSession", ADMIN, body, sessionId=session_id)


async def open_session(house: House, caller: Caller, **changes: Any) -> str:
    body = opening(**{"auth0Id": caller.user_id} | changes)
    answer = await _expect(201, house, "createProductionSession", caller, body)
    session_id: str = answer.data["sessionId"]
    return session_id


async def count(house: House, caller: Caller, session_id: str, name: str, **changes: Any) -> str:
    """Sends a count, new or repeated, and returns its recordId."""
    body = event(session_id, name, **{"auth0Id": caller.user_id} | changes)
    answer = await house.call("createProductionRecord", caller, body)
    assert answer.status in (200, 201), answer
    record_id: str = answer.data["payloadPreview"]["recordId"]
    return record_id


async def void(house: House, caller: Caller, record_id: str) -> None:
    body = {"auth0Id": caller.user_id, "reason": "Counted twice"}
    await _expect(200, house, "voidProductionRecord", caller, body, recordId=record_id)


async def _expect(status: int, house: House, name: str, caller: Caller, body: dict[str, Any], **path: str) -> Answer:
    answer = await house.call(name, caller, body, path=path)
    assert answer.status == status, answer
    return answer
