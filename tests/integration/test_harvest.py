"""The harvest export over HTTP: what may be asked, what is answered, and how the answer travels."""

import gzip
import json
from datetime import date, timedelta
from typing import Any

import pytest

from hydrobit.demo import company as demo
from tests import sockets
from tests.callers import ADMIN_PROJECTS, VIEWER, Caller, fresh_day, refusal
from tests.servers import RunningServer

HARVEST = "/api/control/harvest"


def ask(caller: Caller, day: str, last: str | None = None, **query: Any) -> Any:
    return caller.get(HARVEST, params={"startTime": day, "endTime": last or day} | query)


def worked(caller: Caller, day: str, sector: str = "sector_001") -> str:
    """A session with two counts and a void."""
    session_id = caller.opened(day=day, sector=sector)
    caller.counted(session_id, "evt_1", units=2.5)
    caller.void(caller.counted(session_id, "evt_2", units=4))
    return session_id


def test_the_export_tells_the_sessions_of_a_day(admin: Caller) -> None:
    day = fresh_day()
    first, second = worked(admin, day), worked(admin, day, "sector_002")
    data = ask(admin, day).json()["data"]
    assert [told["sessionId"] for told in data] == [first, second]
    assert [told["totalUnits"] for told in data] == [2.5, 2.5]
    assert data[0]["workers"] == [
        {
            "workerId": "JS0315",
            "worker_name": "John Smith",
            "validUnits": 2.5,
            "netUnits": 2.5,
            "recordCount": 2,
            "voidedCount": 1,
            "qualityBreakdown": [],
        }
    ]


def test_project_and_sector_narrow_the_answer(admin: Caller) -> None:
    day = fresh_day()
    worked(admin, day)
    second = worked(admin, day, "sector_002")
    narrowed = ask(admin, day, projectId=demo.PROJECT, sectorId="sector_002").json()["data"]
    assert [told["sessionId"] for told in narrowed] == [second]
    assert len(ask(admin, day, projectId=demo.PROJECT).json()["data"]) == 2


def test_what_was_harvested_in_a_disabled_place_is_still_told(admin: Caller) -> None:
    project = admin.post(
        ADMIN_PROJECTS,
        json={"auth0Id": admin.user, "projectId": "old_ranch", "projectName": "Old", "timezone": "America/Mexico_City"},
    )
    assert project.status_code == 201, project.text
    sectors = f"{ADMIN_PROJECTS}/old_ranch/sectors"
    lot = {"auth0Id": admin.user, "sectorId": "old_lot", "sector_name": "Old lot", "crop": "Raspberry"}
    assert admin.post(sectors, json=lot).status_code == 201
    day = fresh_day()
    session_id = admin.opened(day=day, projectId="old_ranch", sector="old_lot")
    off = {"auth0Id": admin.user, "disabled": True}
    assert admin.patch(f"{sectors}/old_lot", json=off).status_code == 200
    assert admin.patch(f"{ADMIN_PROJECTS}/old_ranch", json=off).status_code == 200
    for narrow in ({}, {"projectId": "old_ranch"}, {"projectId": "old_ranch", "sectorId": "old_lot"}):
        (told,) = ask(admin, day, **narrow).json()["data"]
        assert (told["sessionId"], told["crop"]) == (session_id, "Raspberry")


@pytest.mark.parametrize(
    "place",
    [
        {"projectId": "proj_999"},
        {"projectId": demo.OTHER_PROJECT},
        {"sectorId": "sector_999"},
        {"sectorId": demo.OTHER_SECTOR},
        {"projectId": demo.PROJECT, "sectorId": demo.OTHER_SECTOR},
    ],
)
def test_a_place_that_is_not_the_company_s_is_refused(admin: Caller, place: dict[str, str]) -> None:
    assert refusal(ask(admin, "2025-10-19", **place), 403, "not_of_company")["field"] == list(place)[-1]


@pytest.mark.parametrize(
    ("first", "last", "code", "field"),
    [
        ("", "2025-10-19", "missing_field", "startTime"),
        ("2025-10-19", "", "missing_field", "endTime"),
        ("2025-10-19", "2025-10-18", "invalid_value", "endTime"),
        ("2025-10-19T00:00:00Z", "2025-10-19", "invalid_value", "startTime"),
        ("2025-02-30", "2025-10-19", "invalid_value", "startTime"),
        ("2025-10-19", "yesterday", "invalid_value", "endTime"),
        ("2025-01-01", "2025-06-30", "invalid_value", "endTime"),
    ],
)
def test_a_span_that_is_none_is_refused(admin: Caller, first: str, last: str, code: str, field: str) -> None:
    answer = admin.get(HARVEST, params={"startTime": first, "endTime": last})
    assert refusal(answer, 400, code)["field"] == field


def test_180_days_may_be_asked_for_and_one_more_may_not(admin: Caller) -> None:
    first = date(2025, 1, 1)
    assert ask(admin, first.isoformat(), (first + timedelta(days=179)).isoformat()).status_code == 200
    refusal(ask(admin, first.isoformat(), (first + timedelta(days=180)).isoformat()), 400, "invalid_value")


def test_a_viewer_reads_it_whoever_opened_the_session(server: RunningServer, supervisor: Caller) -> None:
    day = fresh_day()
    session_id = worked(supervisor, day)
    with Caller(server, VIEWER) as viewer:
        (told,) = ask(viewer, day).json()["data"]
    assert told["sessionId"] == session_id
    assert told["responsible"] == {"auth0Id": demo.SUPERVISOR, "name": "Demo Supervisor", "role": "supervisor"}


def test_it_travels_in_parts_packed_where_the_client_takes_it(admin: Caller) -> None:
    day = fresh_day()
    worked(admin, day)
    plain = admin.get(HARVEST, params={"startTime": day, "endTime": day}, headers={"accept-encoding": "identity"})
    packed = ask(admin, day)
    assert plain.headers["transfer-encoding"] == packed.headers["transfer-encoding"] == "chunked"
    assert "content-encoding" not in plain.headers
    assert (packed.headers["content-encoding"], packed.headers["vary"]) == ("gzip", "accept-encoding")
    assert plain.json() == packed.json()
    for answer in (plain, packed):
        assert answer.headers["content-type"] == "application/json"
        assert "content-length" not in answer.headers
        assert answer.headers["x-request-id"]
        assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("coding", ["identity", "gzip"])
def test_a_client_of_http_1_0_gets_it_whole(server: RunningServer, admin: Caller, coding: str) -> None:
    day = fresh_day()
    session_id = worked(admin, day)
    head = (
        f"GET {HARVEST}?startTime={day}&endTime={day} HTTP/1.0\r\nhost: x\r\n"
        f"authorization: {admin.headers['authorization']}\r\naccept-encoding: {coding}\r\n\r\n"
    )
    with sockets.Connection(server.address) as connection:
        connection.send(head.encode())
        answer = connection.rest()
    head_sent, _, body = answer.partition(b"\r\n\r\n")
    assert b"transfer-encoding" not in head_sent
    assert f"content-length: {len(body)}".encode() in head_sent
    text = gzip.decompress(body) if b"content-encoding: gzip" in head_sent else body
    assert [told["sessionId"] for told in json.loads(text)["data"]] == [session_id]


def test_a_head_is_not_taken(admin: Caller) -> None:
    answer = admin.head(HARVEST, params={"startTime": "2025-10-19", "endTime": "2025-10-19"})
    assert (answer.status_code, answer.headers["content-length"]) == (405, "0")
