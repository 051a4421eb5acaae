"""Crop health over HTTP: figures by sector and project, and single observations.

The forms are put into the store by `tests.observations`, so that days, scales and places can be chosen freely.
"""

from typing import Any

import pytest

from hydrobit.demo import company as demo
from hydrobit.phytosanitary import service
from tests.callers import ADMIN_PROJECTS, Caller, change_store, fresh_day, refusal
from tests.observations import LATITUDE, LONGITUDE, Form, Seen, hand_in
from tests.servers import RunningServer

PATH = "/api/control/phytosanitary"
SUMMARY, COMPANY_SUMMARY, RECORDS = (f"{PATH}/{name}" for name in ("summary", "company-summary", "company-records"))
Json = dict[str, Any]


def ask(caller: Caller, path: str, day: str, last: str | None = None, **query: Any) -> Any:
    return caller.get(path, params={"startTime": day, "endTime": last or day} | query)


def told(caller: Caller, path: str, day: str, last: str | None = None, **query: Any) -> Json:
    answer = ask(caller, path, day, last, **query)
    assert answer.status_code == 200, answer.text
    body: Json = answer.json()
    return body


@pytest.fixture
def day(server: RunningServer) -> str:
    """A day with three forms in two sectors, one without a sector, and one of the neighbour."""
    day = fresh_day()
    hand_in(
        server.data,
        Form(day, (Seen("Aphids", 12, 3), Seen("Botrytis", 0))),
        Form(day, (Seen("Aphids", 0), Seen("Botrytis", 2))),
        Form(day, (Seen("Aphids", 1, 1, 10),), sector_id="sector_002"),
        Form(day, (Seen("Aphids", 1, 5),), sector_id=None),
        Form(day, (Seen("Aphids", 1, 5),), project_id=None, sector_id=None),
        Form(day, (Seen("Mites", 7, 5),), demo.OTHER_PROJECT, demo.OTHER_SECTOR, company=2, user_id=demo.OTHER_USER),
    )
    return day


LOT_1 = {
    "sectorId": "sector_001",
    "sector_name": "Lote A-1",
    "incidence": 50,
    "severity": 60,
    "pests_diseases": [
        {"pest_disease_name": "Aphids", "incidence": 50, "severity": 60},
        {"pest_disease_name": "Botrytis", "incidence": 50},
    ],
}
LOT_2 = {
    "sectorId": "sector_002",
    "sector_name": "Lote A-2",
    "incidence": 100,
    "severity": 10,
    "pests_diseases": [{"pest_disease_name": "Aphids", "incidence": 100, "severity": 10}],
}
RANCH = {"projectId": demo.PROJECT, "projectName": "Rancho San Pedro", "sectors": [LOT_1, LOT_2]}


def test_a_company_s_summary_tells_sectors_and_projects(admin: Caller, day: str) -> None:
    assert told(admin, SUMMARY, day, companyId=demo.COMPANY) == {
        "status": "success",
        "scope": "company",
        "range": {"startTime": day, "endTime": day},
        "projectTimezone": "America/Mexico_City",
        "filters": {"companyId": demo.COMPANY, "projectId": None, "sectorId": None},
        "totalRecords": 5,
        "totalSectors": 2,
        "sectors": [LOT_1, LOT_2],
        "totalProjects": 1,
        "projects": [RANCH],
    }


def test_a_project_s_summary_leaves_out_what_has_no_project(admin: Caller, day: str) -> None:
    summary = told(admin, SUMMARY, day, projectId=demo.PROJECT)
    assert (summary["scope"], summary["totalRecords"], summary["sectors"]) == ("project", 4, [LOT_1, LOT_2])


def test_a_sector_s_summary_is_of_the_sector_alone(admin: Caller, day: str) -> None:
    for more in ({}, {"projectId": demo.PROJECT}, {"projectId": demo.PROJECT, "companyId": demo.COMPANY}):
        summary = told(admin, SUMMARY, day, sectorId="sector_002", **more)
        assert (summary["scope"], summary["totalRecords"], summary["sectors"]) == ("sector", 1, [LOT_2])
        assert summary["projects"] == [RANCH | {"sectors": [LOT_2]}]
        assert summary["filters"] == {"companyId": None, "projectId": None, "sectorId": "sector_002"} | more


def test_the_company_summary_groups_by_project(admin: Caller, neighbour: Caller, day: str) -> None:
    assert told(admin, COMPANY_SUMMARY, day) == {
        "status": "success",
        "scope": "company",
        "range": {"startTime": day, "endTime": day},
        "companyTimezone": "America/Mexico_City",
        "companyId": demo.COMPANY,
        "totalRecords": 5,
        "totalProjects": 1,
        "projects": [RANCH],
    }
    theirs = told(neighbour, COMPANY_SUMMARY, day)
    assert (theirs["companyTimezone"], theirs["totalRecords"]) == ("America/Monterrey", 1)
    assert theirs["projects"][0]["sectors"][0]["pests_diseases"][0]["pest_disease_name"] == "Mites"


def test_the_company_s_records_are_single_observations(server: RunningServer, admin: Caller) -> None:
    day = fresh_day()
    first = Form(day, (Seen("Aphids", 12, 3), Seen("Botrytis", 0.5)))
    bare = Form(day, (Seen("Aphids", 0),), None, None, has_place=False, has_start=False, user_id="user_long_gone")
    hand_in(server.data, first, bare)
    assert told(admin, RECORDS, day) == {
        "status": "success",
        "range": {"startTime": day, "endTime": day},
        "companyTimezone": "America/Mexico_City",
        "companyId": demo.COMPANY,
        "totalRecords": 2,
        "records": [
            {
                "record_id": first.record_id,
                "created_at": f"{day}T20:30:00.000Z",
                "record_time": f"{day}T20:29:00.000Z",
                "user_id": demo.ADMIN,
                "user_name": "Demo Admin",
                "projectId": demo.PROJECT,
                "project_name": "Rancho San Pedro",
                "sectorId": "sector_001",
                "sector_name": "Lote A-1",
                "crop": "Blueberry",
                "variety": "Biloxi",
                "latitude": LATITUDE,
                "longitude": LONGITUDE,
                "responses": [
                    {
                        "response_id": f"resp_{first.record_id[4:]}_0",
                        "variable_name": "aphids",
                        "variable_type": "pest",
                        "name": "Aphids",
                        "value_number": 12,
                        "severity": 3,
                    },
                    {
                        "response_id": f"resp_{first.record_id[4:]}_1",
                        "variable_name": "botrytis",
                        "variable_type": "pest",
                        "name": "Botrytis",
                        "value_number": 0.5,
                    },
                ],
            },
            {
                "record_id": bare.record_id,
                "created_at": f"{day}T20:30:00.000Z",
                "record_time": None,
                "user_id": "user_long_gone",
                "responses": [
                    {
                        "response_id": f"resp_{bare.record_id[4:]}_0",
                        "variable_name": "aphids",
                        "variable_type": "pest",
                        "name": "Aphids",
                        "value_number": 0,
                    }
                ],
            },
        ],
    }


def test_pages_and_days_are_put_together(server: RunningServer, admin: Caller) -> None:
    """More records than a page has, over more days than one read sums."""
    days = [fresh_day() for _ in range(service.SLICE_DAYS * 2 + 3)]
    count = service.RECORDS_A_PAGE + 7
    forms = [Form(days[number % len(days)], (Seen("Aphids", number % 2), Seen("Mites", 1))) for number in range(count)]
    hand_in(server.data, *forms)
    listed = told(admin, RECORDS, days[0], days[-1])
    expected = [form.record_id for form in sorted(forms, key=lambda form: (form.day, form.number))]
    assert [record["record_id"] for record in listed["records"]] == expected
    assert listed["totalRecords"] == count
    summary = told(admin, COMPANY_SUMMARY, days[0], days[-1])
    assert summary["totalRecords"] == count
    (sector,) = summary["projects"][0]["sectors"]
    assert [pest["incidence"] for pest in sector["pests_diseases"]] == [49.53, 100]  # 53 of 107
    assert told(admin, RECORDS, days[1], days[1])["totalRecords"] == sum(form.day == days[1] for form in forms)


def test_a_span_without_observations_is_empty(admin: Caller) -> None:
    day = fresh_day()
    assert told(admin, RECORDS, day) | {"range": None} == {
        "status": "success",
        "range": None,
        "companyTimezone": "America/Mexico_City",
        "companyId": demo.COMPANY,
        "totalRecords": 0,
        "records": [],
    }
    summary = told(admin, SUMMARY, day, sectorId="sector_001")
    assert (summary["totalRecords"], summary["totalSectors"], summary["projects"]) == (0, 0, [])


def test_what_was_observed_in_a_disabled_sector_is_still_told(server: RunningServer, admin: Caller) -> None:
    lot = {"auth0Id": admin.user, "sectorId": "lot_gone", "sector_name": "Lot gone"}
    assert admin.post(f"{ADMIN_PROJECTS}/{demo.PROJECT}/sectors", json=lot).status_code == 201
    day = fresh_day()
    hand_in(server.data, Form(day, (Seen("Aphids", 1),), sector_id="lot_gone"))
    off = {"auth0Id": admin.user, "disabled": True}
    assert admin.patch(f"{ADMIN_PROJECTS}/{demo.PROJECT}/sectors/lot_gone", json=off).status_code == 200
    (sector,) = told(admin, SUMMARY, day, sectorId="lot_gone")["sectors"]
    assert sector["sector_name"] == "Lot gone"


def test_the_company_s_zone_is_that_of_most_projects(server: RunningServer, admin: Caller) -> None:
    """Of two that are as frequent, the one of the first projectId."""

    def add(project_id: str, zone: str) -> None:
        body = {"auth0Id": admin.user, "projectId": project_id, "projectName": project_id, "timezone": zone}
        assert admin.post(ADMIN_PROJECTS, json=body).status_code == 201

    def zone() -> str:
        found: str = told(admin, COMPANY_SUMMARY, fresh_day())["companyTimezone"]
        return found

    add("proj_200", "America/Tijuana")
    assert zone() == "America/Mexico_City"
    add("proj_000", "America/Tijuana")
    assert zone() == "America/Tijuana"
    project = told(admin, SUMMARY, fresh_day(), projectId=demo.PROJECT)
    assert project["projectTimezone"] == "America/Mexico_City"
    change_store(server.data, "update project set disabled_at = 1 where project_id = ?", project_id="proj_000")
    assert zone() == "America/Mexico_City"
    change_store(server.data, "update project set disabled_at = 1 where project_id = ?", project_id="proj_200")


@pytest.mark.parametrize(
    ("place", "code", "field"),
    [
        ({"projectId": "proj_999"}, "project_not_found", "projectId"),
        ({"projectId": demo.OTHER_PROJECT}, "project_not_found", "projectId"),
        ({"sectorId": "sector_999"}, "sector_not_found", "sectorId"),
        ({"sectorId": demo.OTHER_SECTOR}, "sector_not_found", "sectorId"),
        ({"projectId": demo.PROJECT, "sectorId": demo.OTHER_SECTOR}, "sector_not_found", "sectorId"),
    ],
)
def test_a_place_that_is_not_the_company_s_is_unknown(
    admin: Caller, place: dict[str, str], code: str, field: str
) -> None:
    assert refusal(ask(admin, SUMMARY, "2025-10-19", **place), 404, code)["field"] == field


def test_one_of_the_three_ids_is_needed_and_the_company_is_the_caller_s(admin: Caller) -> None:
    refusal(ask(admin, SUMMARY, "2025-10-19"), 400, "missing_field")
    refusal(ask(admin, SUMMARY, "2025-10-19", companyId="", projectId=""), 400, "missing_field")
    for company in (demo.OTHER_COMPANY, "comp_999"):
        refusal(ask(admin, SUMMARY, "2025-10-19", companyId=company), 403, "other_company")


@pytest.mark.parametrize("path", [SUMMARY, COMPANY_SUMMARY, RECORDS])
@pytest.mark.parametrize(
    ("first", "last", "code", "field"),
    [
        ("", "2025-10-19", "missing_field", "startTime"),
        ("2025-10-19", "2025-10-18", "invalid_value", "endTime"),
        ("2025-13-01", "2025-10-19", "invalid_value", "startTime"),
        ("2025-01-01", "2025-06-30", "invalid_value", "endTime"),
    ],
)
def test_a_span_that_is_none_is_refused(admin: Caller, path: str, first: str, last: str, code: str, field: str) -> None:
    query = {"companyId": demo.COMPANY} if path == SUMMARY else {}
    answer = admin.get(path, params={"startTime": first, "endTime": last} | query)
    assert refusal(answer, 400, code)["field"] == field


def test_a_key_with_the_scope_reads_in_either_header_and_a_viewer_reads_too(
    server: RunningServer, admin: Caller, viewer: Caller, day: str
) -> None:
    made = admin.post(
        "/api/control/admin/keys",
        json={"auth0Id": admin.user, "name": "Agronomist", "scopes": ["read:phytosanitary"]},
    )
    key = made.json()["data"]["key"]
    expected = told(viewer, RECORDS, day)
    assert expected["totalRecords"] == 5
    for header in ({"x-api-key": key}, {"authorization": f"Bearer {key}"}):
        with Caller(server) as machine:
            del machine.headers["authorization"]
            machine.headers.update(header)
            assert told(machine, RECORDS, day) == expected
            refusal(
                machine.get("/api/control/harvest", params={"startTime": day, "endTime": day}), 403, "role_forbidden"
            )
