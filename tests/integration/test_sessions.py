"""Opening, reading, listing, changing, extending and closing a session (contract, "Sessions")."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from hydrobit.demo import company as demo
from hydrobit.kit.clock import SystemClock
from hydrobit.kit.instants import HOUR_MS, read_instant, write_instant
from tests.callers import SESSIONS, Caller, fresh_day, read_store, refusal
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


# Changing


def test_a_changed_price_values_the_whole_session_and_every_change_is_kept(
    server: RunningServer, admin: Caller
) -> None:
    session_id = admin.opened()
    changed = admin.change(session_id, pricePerUnit=6, samplingUnit="kg", notes="Updated notes")
    assert changed.json() == {"status": "success", "data": {"updated": True}}
    admin.change(session_id, bonus={"type": "flat", "value": 20})
    data = admin.session(session_id)
    assert (data["pricePerUnit"], data["samplingUnit"], data["notes"]) == (6, "kg", "Updated notes")
    assert data["bonus"] == {"type": "flat", "value": 20}
    kept = read_store(
        server.data,
        "select price, sampling_unit, bonus_value from session_terms as t join session as s using (company, session_no)"
        " where s.session_id = ? order by t.seq",
        session_id=session_id,
    )
    assert kept == [(5_500_000, "box", None), (6_000_000, "kg", None), (6_000_000, "kg", 20_000_000)]


@pytest.mark.parametrize("body", [{}, {"notes": None, "bonus": None, "pricePerUnit": None}, {"notes": " "}, {"x": 1}])
def test_a_change_of_nothing_is_refused(admin: Caller, body: dict[str, Any]) -> None:
    refusal(admin.change(admin.opened(), **body), 400, "nothing_to_change")


@pytest.mark.parametrize(
    "name",
    [
        "sessionId",
        "companyId",
        "projectId",
        "sectorId",
        "sector_name",
        "timezone",
        "day",
        "status",
        "openedAt",
        "closedAt",
        "maxDurationHours",
        "totalUnits",
        "finalNotes",
        "localId",
        "expiresAt",
        "closedBy",
        "closedReason",
        "heldCount",
        "workers",
    ],
)
def test_a_change_that_names_an_unchangeable_field_is_refused_whole(admin: Caller, name: str) -> None:
    session_id = admin.opened()
    refused = refusal(admin.change(session_id, notes="new", **{name: "x"}), 400, "unchangeable_field")
    assert refused["field"] == name
    assert "notes" not in admin.session(session_id)


def test_a_field_that_no_session_has_is_only_ignored_in_a_change(admin: Caller) -> None:
    answer = admin.change(admin.opened(), notes="new", colour="red")
    assert (answer.status_code, answer.json()["ignored"]) == (200, ["colour"])


def test_the_same_change_again_is_answered_the_same(admin: Caller) -> None:
    session_id = admin.opened()
    assert [admin.change(session_id, pricePerUnit=7).status_code for _ in range(2)] == [200, 200]


# Extending


def test_an_extension_sets_a_new_whole_length(admin: Caller) -> None:
    session_id = admin.opened()
    answer = admin.extend(session_id, 18)
    assert answer.json() == {"status": "success", "data": {"maxDurationHours": 18}}
    data = admin.session(session_id)
    assert data["maxDurationHours"] == 18
    assert data["expiresAt"] > from_now(17.9)


@pytest.mark.parametrize("hours", [12, 11, 1])
def test_a_length_that_is_not_longer_is_refused(admin: Caller, hours: int) -> None:
    refusal(admin.extend(admin.opened(), hours), 409, "session_over")


@pytest.mark.parametrize(
    ("hours", "code"),
    [
        (73, "invalid_value"),
        (0, "invalid_value"),
        (18.5, "invalid_value"),
        ("18", "wrong_type"),
        (None, "missing_field"),
    ],
)
def test_a_length_that_is_no_length_is_refused(admin: Caller, hours: object, code: str) -> None:
    assert refusal(admin.extend(admin.opened(), hours), 400, code)["field"] == "maxDurationHours"


def test_a_closed_session_is_never_extended(admin: Caller) -> None:
    session_id = admin.opened()
    admin.close_session(session_id)
    refusal(admin.extend(session_id, 18), 409, "session_closed")


# Closing


def test_a_close_answers_with_the_totals(admin: Caller) -> None:
    session_id = admin.opened()
    admin.counted(session_id, "evt_1", units=5)
    admin.void(admin.counted(session_id, "evt_2", units=2))
    answer = admin.close_session(session_id, auth0Id=demo.ADMIN, notes="Closed after the final count")
    data = answer.json()["data"]
    assert answer.status_code == 200
    assert from_now(-0.1) < data.pop("closedAt") < from_now(0.1)
    assert data == {
        "sessionId": session_id,
        "status": "closed",
        "totalUnits": 5,
        "heldCount": 0,
        "workers": [
            {"workerId": "JS0315", "names": ["John Smith"], "units": 5, "recordCount": 2, "voidedCount": 1},
        ],
    }


def test_a_closed_session_says_by_whom_and_why(admin: Caller) -> None:
    session_id = admin.opened()
    closed_at = admin.close_session(session_id, notes="Rain").json()["data"]["closedAt"]
    data = admin.session(session_id)
    assert (data["status"], data["closedAt"], data["finalNotes"]) == ("closed", closed_at, "Rain")
    assert (data["closedReason"], data["closedBy"]) == ("manual", "user")


def test_a_second_close_is_refused(admin: Caller) -> None:
    session_id = admin.opened()
    assert admin.close_session(session_id).status_code == 200
    refusal(admin.close_session(session_id), 409, "session_closed")


@pytest.mark.parametrize(
    "options", [{}, {"content": b"", "headers": {"content-type": "application/json"}}, {"content": b"{}"}]
)
def test_the_body_of_a_close_may_be_left_out(admin: Caller, options: dict[str, Any]) -> None:
    assert admin.post(f"{SESSIONS}/{admin.opened()}/close", **options).status_code == 200


def test_after_the_close_nothing_more_enters(admin: Caller) -> None:
    session_id = admin.opened()
    record = admin.counted(session_id, "evt_1", units=5)
    admin.close_session(session_id)
    refusal(admin.count(session_id, "evt_2", recordedAtUtc=from_now(1)), 409, "session_closed")
    refusal(admin.void(record), 409, "session_closed")
    refusal(admin.change(session_id, pricePerUnit=6), 409, "session_closed")
    assert admin.session(session_id)["totalUnits"] == 5


def test_only_its_owner_changes_a_session(admin: Caller, supervisor: Caller) -> None:
    session_id = admin.opened()
    for answer in writes(supervisor, session_id):
        refusal(answer, 403, "not_owner")


def test_an_unknown_session_is_not_found(admin: Caller) -> None:
    for unknown in ("6507f1e3c9d8e2a4b1f9c3d5", "none", "ffff" * 6, "%20", "é", "a" * 500):
        refusal(admin.get(f"{SESSIONS}/{unknown}"), 404, "session_not_found")
        for answer in writes(admin, unknown):
            refusal(answer, 404, "session_not_found")


def writes(caller: Caller, session_id: str) -> list[httpx.Response]:
    """Every change of a session that a caller may try."""
    return [
        caller.change(session_id, notes="new"),
        caller.extend(session_id, 18),
        caller.close_session(session_id),
        caller.close_session(session_id, notes="Done"),
    ]


def test_all_published_examples_open_a_session(admin: Caller) -> None:
    body = opening(openedAt="2025-10-19T08:00:00.000Z") | FULL
    assert admin.post(SESSIONS, json=body).status_code == 201
