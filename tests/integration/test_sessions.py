"""Opening, reading and listing sessions (contract, "Sessions")."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from hydrobit.demo import company as demo
from hydrobit.kit.clock import SystemClock
from hydrobit.kit.instants import HOUR_MS, read_instant, write_instant
from tests.callers import SESSIONS, Caller, fresh_day, refusal
from tests.servers import RunningServer, opening

FULL = {
    "samplingUnit": "kg",
    "pricePerUnit": 6.25,
    "bonus": {"type": "percent", "value": 10, "note": "High quality bonus"},
    "maxDurationHours": 18,
    "notes": "Good weather today",
}


def from_now(hours: float) -> str:
    return write_instant(SystemClock().now() + int(hours * HOUR_MS))


# Opening


def test_an_opened_session_says_what_it_is(admin: Caller) -> None:
    answer = admin.open(day="2019-10-19")
    data = answer.json()["data"]
    assert answer.status_code == 201
    assert len(data["sessionId"]) == 24
    assert {name: data[name] for name in ("companyId", "projectId", "auth0Id", "sectorId", "sector_name")} == {
        "companyId": demo.COMPANY,
        "projectId": demo.PROJECT,
        "auth0Id": demo.ADMIN,
        "sectorId": "sector_001",
        "sector_name": "Lote A-1",
    }
    assert (data["timezone"], data["day"]) == ("America/Mexico_City", "2019-10-19T00:00:00.000Z")
    assert (data["status"], data["openedAt"], data["closedAt"]) == ("open", "2019-10-19T14:00:00.000Z", None)
    assert data["totalUnits"] == 0


def test_what_is_left_out_comes_from_the_project(admin: Caller) -> None:
    data = admin.open().json()["data"]
    assert (data["samplingUnit"], data["pricePerUnit"], data["maxDurationHours"]) == ("box", 5.5, 12)
    assert "bonus" not in data
    assert "notes" not in data


def test_what_is_sent_is_kept(admin: Caller) -> None:
    session_id = admin.opened(**FULL)
    data = admin.session(session_id)
    assert {name: data[name] for name in FULL} == FULL


def test_an_opening_after_midnight_in_utc_is_still_the_local_day(admin: Caller) -> None:
    answer = admin.open(openedAt="2018-10-20T03:00:00Z")
    assert answer.json()["data"]["day"] == "2018-10-19T00:00:00.000Z"


def test_an_opening_long_ago_is_open_when_it_is_answered(admin: Caller) -> None:
    data = admin.open(openedAt="2017-10-19T12:00:00Z").json()["data"]
    assert data["status"] == "open"
    assert data["expiresAt"] > from_now(11.9)


def test_a_session_ends_so_many_hours_after_an_opening_to_come(admin: Caller) -> None:
    opened_at = from_now(20)
    data = admin.open(openedAt=opened_at, maxDurationHours=1).json()["data"]
    assert data["expiresAt"] == write_instant(read_instant(opened_at) + HOUR_MS)


def test_an_opening_more_than_a_day_ahead_is_told_the_servers_time(admin: Caller) -> None:
    refused = refusal(admin.open(openedAt=from_now(24.1)), 400, "clock_ahead")
    assert refused["field"] == "openedAt"
    assert from_now(-0.1) < refused["serverTime"] < from_now(0.1)


def test_one_open_session_for_a_project_day_and_sector(admin: Caller) -> None:
    day = fresh_day()
    session_id = admin.opened(day=day)
    refused = refusal(admin.open(day=day), 409, "session_already_open")
    assert refused["existing"] == {"sessionId": session_id, "openedAt": f"{day}T14:00:00.000Z"}


def test_who_does_not_own_the_open_session_is_not_told_its_id(admin: Caller, supervisor: Caller) -> None:
    day = fresh_day()
    session_id = admin.opened(day=day)
    refused = refusal(supervisor.open(day=day), 409, "session_already_open")
    assert "existing" not in refused
    assert session_id not in str(refused)


def test_another_sector_and_another_day_have_their_own_session(admin: Caller) -> None:
    day = fresh_day()
    found = {admin.opened(day=day), admin.opened(day=day, sector="sector_002"), admin.opened()}
    assert len(found) == 3


def test_another_company_on_the_same_day_has_its_own_session(admin: Caller, neighbour: Caller) -> None:
    day = fresh_day()
    admin.opened(day=day)
    neighbour.opened(day=day, projectId=demo.OTHER_PROJECT, sector=demo.OTHER_SECTOR)


def test_of_parallel_openings_exactly_one_wins(server: RunningServer) -> None:
    day = fresh_day()

    def open_once(_: int) -> int:
        with Caller(server) as calling:
            return calling.open(day=day).status_code

    with ThreadPoolExecutor(8) as threads:
        statuses = sorted(threads.map(open_once, range(8)))
    assert statuses == [201] + [409] * 7


def test_after_its_close_the_place_is_free_again(admin: Caller) -> None:
    day = fresh_day()
    first = admin.opened(day=day)
    admin.close_session(first)
    assert admin.opened(day=day) != first


def test_the_same_local_id_again_is_answered_with_the_stored_session(admin: Caller) -> None:
    day = fresh_day()
    session_id = admin.opened(day=day, localId="phone-1", notes="first")
    again = admin.open(day=day, localId="phone-1")
    assert (again.status_code, again.json()["data"]["sessionId"]) == (200, session_id)
    assert again.json()["data"]["localId"] == "phone-1"


def test_a_local_id_is_answered_also_after_the_close(admin: Caller) -> None:
    day = fresh_day()
    session_id = admin.opened(day=day, localId="phone-2")
    admin.close_session(session_id)
    again = admin.open(day=day, localId="phone-2")
    assert (again.status_code, again.json()["data"]["status"]) == (200, "closed")


def test_a_local_id_with_another_opening_is_a_conflict_that_names_the_difference(admin: Caller) -> None:
    session_id = admin.opened(localId="phone-3")
    refused = refusal(admin.open(localId="phone-3", sector="sector_002"), 409, "idempotency_conflict")
    assert "sectorId: stored sector_001, sent sector_002" in refused["error"]
    assert refused["existing"]["sessionId"] == session_id


def test_another_users_local_id_is_a_conflict_that_shows_nothing(admin: Caller, supervisor: Caller) -> None:
    day = fresh_day()
    session_id = admin.opened(day=day, localId="phone-4")
    refused = refusal(supervisor.open(day=day, localId="phone-4"), 409, "idempotency_conflict")
    assert session_id not in str(refused)


def test_another_company_may_use_the_same_local_id(admin: Caller, neighbour: Caller) -> None:
    admin.opened(localId="phone-5")
    neighbour.opened(localId="phone-5", projectId=demo.OTHER_PROJECT, sector=demo.OTHER_SECTOR)


def test_of_parallel_openings_with_one_local_id_all_get_one_session(server: RunningServer) -> None:
    day = fresh_day()

    def open_once(_: int) -> tuple[int, str]:
        with Caller(server) as calling:
            answer = calling.open(day=day, localId="phone-6")
            return answer.status_code, answer.json()["data"]["sessionId"]

    with ThreadPoolExecutor(6) as threads:
        answers = list(threads.map(open_once, range(6)))
    assert sorted(status for status, _ in answers) == [200] * 5 + [201]
    assert len({session_id for _, session_id in answers}) == 1


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"projectId": "proj_999"}, "project_not_found"),
        ({"projectId": demo.OTHER_PROJECT}, "project_not_found"),
        ({"sectorId": "sector_999"}, "sector_not_found"),
        ({"sectorId": demo.OTHER_SECTOR}, "sector_not_found"),
    ],
)
def test_a_place_that_is_not_there_is_not_found(admin: Caller, changes: dict[str, str], code: str) -> None:
    refusal(admin.open(**changes), 404, code)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"maxDurationHours": 0}, "maxDurationHours"),
        ({"maxDurationHours": 73}, "maxDurationHours"),
        ({"maxDurationHours": 12.5}, "maxDurationHours"),
        ({"pricePerUnit": -0.01}, "pricePerUnit"),
        ({"pricePerUnit": 1_000_001}, "pricePerUnit"),
        ({"pricePerUnit": 5.1234567}, "pricePerUnit"),
        ({"bonus": {"type": "percent", "value": 100.5}}, "bonus.value"),
        ({"bonus": {"type": "percent", "value": -1}}, "bonus.value"),
        ({"bonus": {"type": "flat", "value": 0}}, "bonus.value"),
        ({"bonus": {"type": "share", "value": 1}}, "bonus.type"),
        ({"notes": "x" * 2_001}, "notes"),
        ({"sector_name": "x" * 201}, "sector_name"),
        ({"localId": "x" * 201}, "localId"),
        ({"openedAt": "2025-10-19"}, "openedAt"),
    ],
)
def test_a_value_out_of_bounds_is_refused_by_name(admin: Caller, changes: dict[str, Any], field: str) -> None:
    assert refusal(admin.open(**changes), 400, "invalid_value")["field"] == field


@pytest.mark.parametrize(
    "changes",
    [
        {"maxDurationHours": 1},
        {"maxDurationHours": 72},
        {"maxDurationHours": 12.0},
        {"pricePerUnit": 0},
        {"pricePerUnit": 1_000_000},
        {"bonus": {"type": "percent", "value": 0}},
        {"bonus": {"type": "percent", "value": 100}},
        {"bonus": {"type": "flat", "value": 0.000001}},
        {"notes": "x" * 2_000},
        {"sector_name": "x" * 200},
        {"localId": "x" * 200},
        {"samplingUnit": None, "pricePerUnit": None, "bonus": None, "maxDurationHours": None, "notes": None},
    ],
)
def test_both_bounds_are_allowed(admin: Caller, changes: dict[str, Any]) -> None:
    admin.opened(**changes)


def test_all_published_examples_open_a_session(admin: Caller) -> None:
    body = opening(openedAt="2025-10-19T08:00:00.000Z") | FULL
    assert admin.post(SESSIONS, json=body).status_code == 201


# Reading


def test_a_session_carries_the_sums_per_worker(admin: Caller) -> None:
    session_id = admin.opened()
    admin.counted(session_id, "evt_1", units=5)
    admin.counted(session_id, "evt_2", units=2.5, worker_name="Johnny Smith")
    voided = admin.counted(session_id, "evt_3", units=3)
    admin.counted(session_id, "evt_4", units=1, workerId="AG0110", worker_name="Ana García")
    admin.void(voided)
    data = admin.session(session_id)
    assert data["totalUnits"] == 8.5
    assert data["workers"] == [
        {"workerId": "AG0110", "names": ["Ana García"], "units": 1, "recordCount": 1, "voidedCount": 0},
        {
            "workerId": "JS0315",
            "names": ["John Smith", "Johnny Smith"],
            "units": 7.5,
            "recordCount": 3,
            "voidedCount": 1,
        },
    ]


def test_only_its_owner_reads_a_session(admin: Caller, supervisor: Caller, neighbour: Caller) -> None:
    session_id = admin.opened()
    refusal(supervisor.get(f"{SESSIONS}/{session_id}"), 403, "not_owner")
    refusal(neighbour.get(f"{SESSIONS}/{session_id}"), 404, "session_not_found")


# Listing


def test_a_replacement_phone_finds_the_callers_own_sessions(server: RunningServer, supervisor: Caller) -> None:
    day = fresh_day()
    mine = supervisor.opened(day=day)
    with Caller(server) as admin:
        admin.opened(day=day, sector="sector_002")
    page = supervisor.get(SESSIONS, params={"day": day, "auth0Id": demo.SUPERVISOR}).json()["data"]
    assert (page["total"], page["page"], page["pageSize"]) == (1, 1, 25)
    assert [item["sessionId"] for item in page["items"]] == [mine]


def test_the_list_is_chosen_by_day_and_status_and_paged(supervisor: Caller) -> None:
    day = fresh_day()
    closed = supervisor.opened(day=day, sector="sector_002")
    supervisor.close_session(closed)
    still_open = supervisor.opened(day=day, sector="sector_002")

    def ids(**params: Any) -> list[str]:
        page = supervisor.get(SESSIONS, params={"day": day} | params).json()["data"]
        return [item["sessionId"] for item in page["items"]]

    assert ids() == [still_open, closed]
    assert ids(status="open") == [still_open]
    assert ids(status="closed") == [closed]
    assert ids(limit=1, page=2) == [closed]
    assert ids(status="", page="", limit="") == [still_open, closed], "an empty parameter counts as absent"


def test_beyond_the_last_page_the_list_is_empty_and_the_total_true(supervisor: Caller) -> None:
    day = fresh_day()
    supervisor.opened(day=day)
    page = supervisor.get(SESSIONS, params={"day": day, "page": 1_000_000}).json()["data"]
    assert (page["total"], page["items"]) == (1, [])


def test_the_latest_day_comes_first(supervisor: Caller) -> None:
    supervisor.opened(day="2016-03-02")
    supervisor.opened(day="2016-03-01")
    items = supervisor.get(SESSIONS, params={"limit": 100}).json()["data"]["items"]
    days = [item["day"] for item in items]
    assert days == sorted(days, reverse=True)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("limit", "101"),
        ("limit", "0"),
        ("limit", "ten"),
        ("limit", "-1"),
        ("limit", "1.5"),
        ("limit", "9" * 30),
        ("page", "0"),
        ("status", "closing"),
        ("status", "OPEN"),
        ("day", "19.10.2025"),
        ("day", "2025-W42-7"),
        ("day", "2025-10-19T00:00:00.000Z"),
    ],
)
def test_a_parameter_that_cannot_be_used_is_named(admin: Caller, name: str, value: str) -> None:
    assert refusal(admin.get(SESSIONS, params={name: value}), 400, "invalid_value")["field"] == name


def test_a_list_tells_the_total_that_the_session_tells_open_and_closed(admin: Caller) -> None:
    day = fresh_day()
    session_id = admin.opened(day=day)
    admin.counted(session_id, "evt_1", units=2.5, worker_name="John Smith")
    admin.counted(session_id, "evt_2", units=4, worker_name="J. Smith")
    admin.void(admin.counted(session_id, "evt_3", units=8))
    for _ in range(2):
        (listed,) = admin.get(SESSIONS, params={"day": day}).json()["data"]["items"]
        read = admin.session(session_id)
        assert listed["totalUnits"] == read["totalUnits"] == 6.5
        (worker,) = read["workers"]
        assert (worker["names"], worker["units"]) == (["J. Smith", "John Smith"], 6.5)
        assert (worker["recordCount"], worker["voidedCount"]) == (3, 1)
        admin.close_session(session_id)
