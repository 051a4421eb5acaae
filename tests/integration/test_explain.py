"""What stands behind a worker's sum of a day: the answer to "why is this total 3 lower than the tickets"."""

import json
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from hydrobit.demo import company as demo
from tests import embedded
from tests.callers import SESSIONS, Caller, Json, element, fresh_day, record_id, refusal
from tests.commands import printed
from tests.embedded import ADMIN, DAWN, House, MovedClock
from tests.integration.test_command_line import refusal as refused
from tests.servers import PRODUCTION, RunningServer, event, opening


def explained(caller: Caller, worker: str, day: str, **query: Any) -> Json:
    answer = caller.get(f"{PRODUCTION}/workers/{worker}/days/{day}", params=query)
    assert answer.status_code == 200, answer.text
    data: Json = answer.json()["data"]
    return data


def states(day: Json) -> list[tuple[str, int, int]]:
    return [(line["state"], line["units"], line["runningUnits"]) for line in day["items"]]


@pytest.fixture
def day() -> str:
    return fresh_day()


def at(day: str, time: str) -> str:
    return f"{day}T{time}.000Z"


def test_a_day_without_movements_is_empty_and_zero(admin: Caller, day: str) -> None:
    worker = admin.registered(first_name="Ana", hire_date="2024-02-02")
    told = explained(admin, worker["worker_id"], day)
    assert (told["items"], told["sessions"], told["totals"]["netUnits"]) == ([], [], 0)
    assert told["summary"] == "Nothing was recorded."


def test_of_nobody_nothing_is_explained(admin: Caller, day: str) -> None:
    for nobody in ("QQ0101", "6507f1e3c9d8e2a4b1f9c3d5", "a:b", "x" * 65):
        refusal(admin.get(f"{PRODUCTION}/workers/{nobody}/days/{day}"), 404, "worker_not_found")


def test_a_day_that_the_calendar_lacks_is_refused(admin: Caller) -> None:
    for wrong in ("2025-02-30", "today", "2025-1-1"):
        told = refusal(admin.get(f"{PRODUCTION}/workers/JS0315/days/{wrong}"), 400, "invalid_value")
        assert told["error"].startswith("day ")


def test_a_worker_who_is_not_registered_is_found_by_their_records(admin: Caller, day: str) -> None:
    session_id = admin.opened(day=day)
    admin.counted(session_id, "evt_1", workerId="NN0909", worker_name="New One", units=4)
    told = explained(admin, "nn0909", day)
    assert (told["workerId"], told["names"], told["totals"]["netUnits"]) == ("NN0909", ["New One"], 4)
    assert explained(admin, "NN0909", fresh_day())["items"] == []


def test_a_worker_is_found_by_stored_id(admin: Caller, day: str) -> None:
    worker = admin.registered(first_name="Berta", hire_date="2024-03-03")
    admin.counted(admin.opened(day=day), "evt_1", workerId=worker["workerId"], units=2)
    for name in (worker["workerId"], worker["workerId"].upper(), worker["worker_id"].lower()):
        told = explained(admin, name, day)
        assert (told["workerId"], told["totals"]["netUnits"]) == (worker["worker_id"], 2)


def test_a_void_stands_beside_what_it_undoes_with_its_reason(admin: Caller, day: str) -> None:
    session_id = admin.opened(day=day)
    first = admin.counted(session_id, "evt_1", units=5, recordedAtUtc=at(day, "15:00:00"))
    twice = admin.counted(session_id, "evt_2", units=3, recordedAtUtc=at(day, "15:01:00"))
    void = record_id(admin.void(twice, "Scanned twice"))
    told = explained(admin, "JS0315", day)
    assert states(told) == [("counted", 5, 5), ("voided", 3, 8), ("void", -3, 5)]
    assert [line["recordId"] for line in told["items"]] == [first, twice, void]
    assert told["items"][1]["voidedBy"] == void
    assert (told["items"][2]["voidOf"], told["items"][2]["reason"]) == (twice, "Scanned twice")
    assert told["totals"] == {
        "netUnits": 5,
        "validUnits": 5,
        "recordCount": 2,
        "voidedCount": 1,
        "voidedUnits": 3,
        "heldCount": 0,
        "heldUnits": 0,
    }
    assert told["summary"] == "5 units. 2 records with 8 units; 1 of them voided, which takes off 3."
    (worker,) = admin.session(session_id)["workers"]
    assert (worker["units"], worker["recordCount"], worker["voidedCount"]) == (5, 2, 1)


def test_what_came_after_the_close_is_told_and_not_summed(admin: Caller, day: str) -> None:
    session_id = admin.opened(day=day)
    admin.counted(session_id, "evt_1", units=5, recordedAtUtc=at(day, "15:00:00"))
    admin.close_session(session_id)
    late = admin.count(session_id, "evt_2", units=2, recordedAtUtc=at(day, "14:59:00"), evidence={"gross": 2.5})
    held = refusal(late, 409, "session_closed")["heldId"]
    told = explained(admin, "JS0315", day)
    assert states(told) == [("held", 2, 0), ("counted", 5, 5)]
    assert (told["items"][0]["heldId"], told["items"][0]["evidence"]) == (held, {"gross": 2.5})
    assert (told["totals"]["netUnits"], told["totals"]["heldCount"], told["totals"]["heldUnits"]) == (5, 1, 2)
    assert told["summary"].endswith("Not in the sum: 1 record with 2 units that came after the close and is held.")
    (session,) = told["sessions"]
    assert (session["sessionId"], session["closedReason"], session["heldCount"]) == (session_id, "manual", 1)


def test_a_worker_of_whom_only_held_work_is_known_is_found(admin: Caller, day: str) -> None:
    session_id = admin.opened(day=day)
    admin.close_session(session_id)
    late = admin.count(session_id, "evt_1", workerId="HH0101", recordedAtUtc=at(day, "14:30:00"))
    refusal(late, 409, "session_closed")
    assert states(explained(admin, "HH0101", day)) == [("held", 1, 0)]


def test_a_line_tells_the_road_the_device_the_keys_and_the_evidence(admin: Caller, day: str) -> None:
    session_id = admin.opened(day=day)
    sent = element(session_id, "evt_1", recordedAtUtc=at(day, "15:00:00"), deviceId="scanner-9", deviceSeq=41)
    admin.bulk(sent | {"sentAtUtc": at(day, "15:02:00"), "evidence": {"tare": 0.5}, "idempotencyKey": f"own {day}"})
    admin.count(session_id, "evt_1", recordedAtUtc=at(day, "15:00:00"), idempotencyKey=f"other {day}")
    (line,) = explained(admin, "JS0315", day)["items"]
    assert (line["source"], line["auth0Id"]) == ("bulk", demo.ADMIN)
    assert (line["deviceId"], line["deviceSeq"], line["evidence"]) == ("scanner-9", 41, {"tare": 0.5})
    assert (line["sentAtUtc"], line["clientEventId"]) == (at(day, "15:02:00"), "evt_1")
    assert line["idempotencyKey"] == f"own {day}"
    assert [claim["idempotencyKey"] for claim in line["claimedKeys"]] == [f"other {day}"]


def test_the_day_is_the_local_day_of_the_session(admin: Caller, day: str) -> None:
    after_midnight_in_utc = opening(openedAt=f"{fresh_day()}T03:00:00.000Z")
    opened = admin.post(SESSIONS, json=after_midnight_in_utc).json()["data"]
    admin.counted(opened["sessionId"], "evt_1", units=7, recordedAtUtc=at("2025-10-19", "15:00:00"))
    told = explained(admin, "JS0315", opened["day"][:10])
    assert [line["units"] for line in told["items"]] == [7]


def test_a_day_of_two_sectors_sums_both_and_tells_each(admin: Caller, supervisor: Caller, day: str) -> None:
    first, second = admin.opened(day=day), supervisor.opened(day=day, sector="sector_002")
    admin.counted(first, "evt_1", units=5, recordedAtUtc=at(day, "15:00:00"))
    supervisor.counted(second, "evt_1", units=2.5, recordedAtUtc=at(day, "14:00:00"))
    admin.counted(first, "evt_2", workerId="MG0420", units=100)
    told = explained(admin, "JS0315", day)
    assert states(told) == [("counted", 2.5, 2.5), ("counted", 5, 7.5)]
    assert [(part["sessionId"], part["netUnits"]) for part in told["sessions"]] == [(first, 5), (second, 2.5)]
    assert told["totals"]["netUnits"] == 7.5


def test_pages_go_on_where_the_last_one_ended(admin: Caller, day: str) -> None:
    session_id = admin.opened(day=day)
    admin.bulk(*(element(session_id, f"evt_{n}", units=n, recordedAtUtc=at(day, "15:00:00")) for n in range(1, 6)))
    lines, query = [], {"limit": 2}
    while True:
        page = explained(admin, "JS0315", day, **query)
        assert page["totals"]["netUnits"] == 15
        lines += page["items"]
        if "next" not in page:
            break
        query["after"] = page["next"]
    assert [line["runningUnits"] for line in lines] == [1, 3, 6, 10, 15]


@pytest.mark.parametrize("after", ["1", "1-2-3", "-1-0-0", "a-0-0", "1-0-0-0", "9" * 30 + "-0-0"])
def test_a_place_that_no_page_gave_is_refused(admin: Caller, day: str, after: str) -> None:
    refused = admin.get(f"{PRODUCTION}/workers/JS0315/days/{day}", params={"after": after})
    assert refusal(refused, 400, "invalid_value")["error"].startswith("after ")


def test_another_company_sees_nothing_of_it(admin: Caller, neighbour: Caller, day: str) -> None:
    admin.counted(admin.opened(day=day), "evt_1", workerId="OO0101")
    refusal(neighbour.get(f"{PRODUCTION}/workers/OO0101/days/{day}"), 404, "worker_not_found")


# On the command line


def test_the_command_prints_the_day_for_a_person(server: RunningServer, admin: Caller, day: str) -> None:
    session_id = admin.opened(day=day)
    admin.counted(session_id, "evt_1", units=5, recordedAtUtc=at(day, "15:00:00"), deviceId="scanner-1", deviceSeq=7001)
    twice = admin.counted(session_id, "evt_2", units=3, recordedAtUtc=at(day, "15:01:02"))
    admin.void(twice, "Scanned twice")
    lines = told_by_command(server, "JS0315", day).splitlines()
    assert lines[0].startswith("JS0315 / John Smith")
    assert lines[1] == "5 units. 2 records with 8 units; 1 of them voided, which takes off 3."
    (counted,) = (line for line in lines if " counted " in line)
    assert "scanner-1 #7001" in counted
    (voided,) = (line for line in lines if " voided " in line and twice in line)
    there = datetime.fromisoformat(at(day, "15:01:02")).astimezone(ZoneInfo("America/Mexico_City"))
    assert f"{there:%H:%M:%S}" in voided, "the clock of the sector's place"
    assert sum(" void " in line and " Scanned twice;" in line for line in lines) == 1


def test_as_json_it_prints_what_the_operation_answers(server: RunningServer, admin: Caller, day: str) -> None:
    session_id = admin.opened(day=day)
    admin.bulk(*(element(session_id, f"evt_{n}", recordedAtUtc=at(day, "15:00:00")) for n in range(3)))
    assert json.loads(told_by_command(server, "js0315", day, "--json")) == explained(admin, "JS0315", day)


def test_the_command_refuses_what_the_operation_refuses(server: RunningServer, day: str) -> None:
    place = ("--company", demo.COMPANY, "--data", server.data)
    assert "QQ0101" in refused("explain", "QQ0101", day, *place)
    assert "day must be a calendar day" in refused("explain", "JS0315", "yesterday", *place)


def told_by_command(server: RunningServer, *words: str) -> str:
    return printed("explain", *words, "--company", demo.COMPANY, "--data", server.data)


# Against the session's own sums


@pytest.fixture
def clock() -> MovedClock:
    return MovedClock(DAWN)


class Sums:
    """What the session says and what the explained lines add up to, side by side."""

    def __init__(self, house: House, session_id: str) -> None:
        self._house, self._session_id = house, session_id

    async def agree(self) -> list[str]:
        """The states of the lines, once every sum agrees with the session's own."""
        session = (await self._house.call("getProductionSession", ADMIN, path={"sessionId": self._session_id})).data
        (worker,) = session["workers"]
        path = {"worker": "JS0315", "day": session["day"][:10]}
        day = (await self._house.call("explainWorkerDay", ADMIN, path=path)).data
        (part,) = day["sessions"]
        lines = day["items"]
        for sums in (day["totals"], part):
            assert (sums["netUnits"], sums["recordCount"]) == (worker["units"], worker["recordCount"])
            assert (sums["voidedCount"], sums["heldCount"]) == (worker["voidedCount"], session["heldCount"])
            assert sums["validUnits"] == sums["netUnits"]
        moved = [Decimal(line["units"]) for line in lines if line["state"] != "held"]
        assert sum(moved) == lines[-1]["runningUnits"] == session["totalUnits"]
        assert part["closedAt"] == session["closedAt"] if session["closedAt"] else "closedAt" not in part
        return [line["state"] for line in lines]


async def test_the_sum_is_the_sessions_own_through_voids_late_work_expiry_and_reopening(
    tmp_path: Path, clock: MovedClock
) -> None:
    async with embedded.running(tmp_path / "data", clock) as house:
        opened = await house.call("createProductionSession", ADMIN, opening(maxDurationHours=2))
        session_id = opened.data["sessionId"]
        sums, path = Sums(house, session_id), {"sessionId": session_id}

        async def count(event_id: str, units: float) -> dict[str, Any]:
            answer = await house.call("createProductionRecord", ADMIN, event(session_id, event_id, units=units))
            return answer.body

        await count("evt_1", 0.1)
        second = await count("evt_2", 2.5)
        assert await sums.agree() == ["counted", "counted"]
        void = {"auth0Id": demo.ADMIN, "reason": "Scanned twice"}
        await house.call(
            "voidProductionRecord", ADMIN, void, path={"recordId": second["data"]["payloadPreview"]["recordId"]}
        )
        assert sorted(await sums.agree()) == ["counted", "void", "voided"]
        clock.forward_hours(3)
        assert (await count("evt_3", 7))["held"] is True
        assert (await count("evt_4", 9))["held"] is True
        assert sorted(await sums.agree()) == ["counted", "held", "held", "void", "voided"]
        await house.run_jobs()
        assert sorted(await sums.agree()) == ["counted", "held", "held", "void", "voided"]
        await house.call("extendProductionSession", ADMIN, {"auth0Id": demo.ADMIN, "maxDurationHours": 6}, path=path)
        assert (await count("evt_3", 7))["data"]["idempotent"] is False
        assert sorted(await sums.agree()) == ["counted", "counted", "held", "void", "voided"]
        await house.call("closeProductionSession", ADMIN, {}, path=path)
        assert sorted(await sums.agree()) == ["counted", "counted", "held", "void", "voided"]
        house.verify()
