"""Filled forms: checked against the version they name, placed, stored once, and read again."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from hydrobit.demo import company as demo
from hydrobit.kit.clock import SystemClock
from hydrobit.kit.instants import write_instant
from tests.callers import ADMIN_FORMS, ADMIN_PROJECTS, FORM_RECORD, FORMS, Caller, Json, fresh_day, read_store, refusal
from tests.servers import RunningServer

CALLERS = 16
IN_LOT_1 = {"latitude": 19.4326, "longitude": -99.1332}
IN_LOT_2 = {"latitude": 19.4326, "longitude": -99.13147}
ON_THE_TRACK = {"latitude": 19.4324, "longitude": -99.132423}
IN_TOWN = {"latitude": 19.4, "longitude": -99.2}

APHIDS = {"name": "aphids", "label": "Aphids", "type": "pest", "maximum": 500, "scale": 4}
EVERY_PLAIN_TYPE: list[Json] = [
    {"name": "remark", "type": "text", "lengthMax": 10},
    {"name": "ph", "type": "number", "minimum": 0.5, "maximum": 14},
    {"name": "plants", "type": "integer", "minimum": 1},
    {"name": "wet", "type": "boolean"},
    {"name": "sown", "type": "date"},
    {"name": "seen", "type": "datetime"},
    {"name": "vigour", "type": "choice", "options": [{"value": "good"}, {"value": "poor", "label": "Poor"}]},
    {"name": "signs", "type": "multichoice", "options": [{"value": "spots"}, {"value": "wilt"}]},
    {"name": "trap", "type": "location"},
    APHIDS,
]
GOOD: Json = {
    "remark": "  dry  ",
    "ph": 6.5,
    "plants": 12.0,
    "wet": False,
    "sown": "2025-03-15",
    "seen": "2025-10-09T05:00:00-05:00",
    "vigour": "poor",
    "signs": ["wilt", "spots"],
    "trap": {"latitude": 19.43261234999, "longitude": -99.1332},
    "aphids": {"value": 12, "severity": 2.5},
}


@pytest.fixture(scope="module")
def plain(server: RunningServer) -> str:
    """A form with a field of every type that is no medium."""
    with Caller(server) as admin:
        return admin.add_form(*EVERY_PLAIN_TYPE)


def counted(server: RunningServer, *tables: str) -> list[tuple[Any, ...]]:
    return read_store(server.data, f"select {', '.join(f'(select count(*) from {table})' for table in tables)}")


def stored(server: RunningServer) -> list[tuple[Any, ...]]:
    return counted(server, "form_record", "pest_observation", "object")


# Answers


def test_the_published_example_is_stored(admin: Caller) -> None:
    answer = admin.submitted(
        demo.FORM,
        None,
        **IN_LOT_1,
        form_id=demo.FORM,
        inicio="2025-10-09T10:00:00Z",
        segundos=120,
    )
    assert answer["status"] == "success"
    assert answer["verification"] == {"project": True, "sector": True}
    assert (answer["projectId"], answer["sectorId"], answer["version"]) == (demo.PROJECT, "sector_001", 1)
    assert answer["idempotent"] is False
    assert "task" not in answer
    assert "ignored" not in answer


def test_answers_come_back_exactly_as_the_form_reads_them(admin: Caller, plain: str) -> None:
    handed_in = admin.submitted(plain, GOOD, inicio="2025-10-10T03:00:00Z", segundos=90.5, clientEventId="evt_good")
    (record, *_) = admin.form_records(plain)
    assert record["recordId"] == handed_in["recordId"]
    assert {one["field"]: one["value"] for one in record["form_values"]} == {
        **GOOD,
        "remark": "dry",
        "plants": 12,
        "seen": "2025-10-09T10:00:00.000Z",
        "trap": {"latitude": 19.4326123, "longitude": -99.1332},
    }
    told = ("formId", "version", "userId", "day", "inicio", "segundos", "clientEventId")
    assert [record[name] for name in told] == [
        *(plain, 1, demo.ADMIN, "2025-10-09", "2025-10-10T03:00:00.000Z", 90.5, "evt_good")
    ]


def test_numbers_are_kept_to_the_last_digit(admin: Caller, plain: str) -> None:
    admin.submitted(plain, {"ph": 0.1 + 0.2 + 6})
    answer = admin.get(f"{ADMIN_FORMS}/{plain}/records")
    assert '{"field":"ph","value":6.3}' in answer.text


WRONG: dict[str, tuple[object, ...]] = {
    "remark": (5, True, ["x"], {"a": 1}, "a\u0000b", "x" * 11, "data:" + "x" * 3_000),
    "ph": ("5", True, [5], {"value": 5}, 0.4, 14.000001, 1.23456789, 1e300),
    "plants": ("5", 0, 2.5, False, [1]),
    "wet": ("true", 0, 1, [], {}),
    "sown": (20250315, "15.03.2025", "2025-02-30", "2025-03-15T00:00:00Z", []),
    "seen": (1, "2025-10-09", "2025-10-09T10:00:00", True),
    "vigour": ("Poor", 1, ["poor"], True, {"value": "poor"}),
    "signs": ("wilt", ["wilt", "wilt"], ["wilt", "other"], [1], {"wilt": True}, [None], [["wilt"]]),
    "trap": (
        "19.4,-99.1",
        [19.4, -99.1],
        {"latitude": 19.4},
        {"longitude": 19.4},
        {},
        {"latitude": 91, "longitude": 0},
        {"latitude": 0, "longitude": 180.1},
        {"latitude": "19.4", "longitude": "-99.1"},
        {"latitude": 0, "longitude": 0},
    ),
    "aphids": (
        "5",
        True,
        [5],
        -1,
        500.5,
        {"severity": 2},
        {"value": None},
        {"value": "5"},
        {"value": 5, "severity": 4.1},
        {"value": 5, "severity": -1},
        {"value": 5, "severity": "high"},
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_answer_is_refused_by_the_name_of_its_field_and_leaves_nothing(
    server: RunningServer, admin: Caller, plain: str, name: str
) -> None:
    before = stored(server)
    for value in WRONG[name]:
        answer = admin.submit(plain, GOOD | {name: value})
        assert answer.status_code == 400, (value, answer.text)
        body = answer.json()
        assert body["code"] in ("wrong_type", "invalid_value", "missing_field"), answer.text
        assert body["field"].startswith(f"form_values.{name}"), answer.text
        assert body["error"].startswith(body["field"]), answer.text
    assert stored(server) == before


def test_a_field_that_the_form_lacks_or_that_stands_twice_is_refused_by_name(admin: Caller, plain: str) -> None:
    assert refusal(admin.submit(plain, {"weevils": 1}), 400, "invalid_value")["field"] == "form_values.weevils"
    twice = [{"field": "wet", "value": True}, {"field": "wet", "value": None}]
    assert refusal(admin.submit(plain, form_values=twice), 400, "invalid_value")["field"] == "form_values.wet"


@pytest.mark.parametrize("value", [None, "", "  ", []])
def test_a_required_field_without_an_answer_is_refused_by_name(admin: Caller, value: object) -> None:
    kind = "photo" if value == [] else "text"
    form = admin.add_form({"name": "must", "type": kind, "required": True}, {"name": "may", "type": kind})
    for answers in ({"must": value}, {}):
        assert refusal(admin.submit(form, answers), 400, "missing_field")["field"] == "form_values.must"


def test_null_and_blank_answers_count_as_left_out(admin: Caller, plain: str) -> None:
    admin.submitted(plain, {"remark": "  ", "ph": None, "signs": [], "vigour": "", "sown": " "})
    assert admin.form_records(plain)[0]["form_values"] == []


@pytest.mark.parametrize(
    ("values", "code", "field"),
    [
        ({"aphids": 5}, "wrong_type", "form_values"),
        ("aphids", "wrong_type", "form_values"),
        ([5], "wrong_type", "form_values[0]"),
        ([[]], "wrong_type", "form_values[0]"),
        ([None], "wrong_type", "form_values[0]"),
        ([{"value": 5}], "missing_field", "form_values[0].field"),
        ([{"field": None, "value": 5}], "missing_field", "form_values[0].field"),
        ([{"field": 5, "value": 5}], "wrong_type", "form_values[0].field"),
        ([{"field": "wet"}] * 301, "invalid_value", "form_values"),
        ([{"field": "x", "value": json.loads("[" * 40 + "]" * 40)}], "invalid_value", "form_values.x"),
    ],
)
def test_what_is_no_list_of_answers_is_refused(admin: Caller, plain: str, values: Any, code: str, field: str) -> None:
    assert refusal(admin.submit(plain, form_values=values), 400, code)["field"] == field


def test_members_that_nobody_asked_for_are_named_and_not_stored(admin: Caller, plain: str) -> None:
    values = [{"field": "aphids", "value": {"value": 1, "photo": "x"}, "label": "Aphids"}]
    answer = admin.submitted(plain, form_values=values, battery=80)
    assert sorted(answer["ignored"]) == [
        "record.battery",
        "record.form_values.aphids.label",
        "record.form_values.aphids.photo",
    ]


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"_id": None}, "missing_field", "_id"),
        ({"type": None}, "missing_field", "type"),
        ({"type": "harvest"}, "invalid_value", "type"),
        ({"auth0Id": None}, "missing_field", "auth0Id"),
        ({"form_id": "form_other"}, "invalid_value", "form_id"),
        ({"latitude": 19.4}, "missing_field", "longitude"),
        ({"longitude": 19.4}, "missing_field", "latitude"),
        ({"latitude": 90.1, "longitude": 0}, "invalid_value", "latitude"),
        ({"latitude": "19.4", "longitude": 0}, "wrong_type", "latitude"),
        ({"inicio": "yesterday"}, "invalid_value", "inicio"),
        ({"inicio": "2199-01-01T00:00:00Z"}, "clock_ahead", "inicio"),
        ({"segundos": -1}, "invalid_value", "segundos"),
        ({"segundos": "120"}, "wrong_type", "segundos"),
        ({"version": 0}, "invalid_value", "version"),
        ({"version": 2}, "invalid_value", "version"),
        ({"version": "1"}, "wrong_type", "version"),
        ({"clientEventId": " "}, "invalid_value", "clientEventId"),
    ],
)
def test_a_wrong_member_of_the_record_is_refused_by_name(
    admin: Caller, plain: str, changes: Json, code: str, field: str
) -> None:
    assert refusal(admin.submit(plain, **changes), 400, code)["field"] == field


@pytest.mark.parametrize("record", [None, 5, [], "x"])
def test_a_record_has_to_be_an_object(admin: Caller, record: object) -> None:
    body = refusal(
        admin.post(FORM_RECORD, json={"record": record}), 400, "missing_field" if record is None else "wrong_type"
    )
    assert body["field"] == "record"


def test_a_record_of_another_user_is_refused(admin: Caller, plain: str) -> None:
    for other in (demo.SUPERVISOR, "nobody", f" {demo.ADMIN}"):
        refusal(admin.submit(plain, auth0Id=other), 403, "caller_mismatch")


# Versions


def test_a_version_that_was_fetched_last_week_is_accepted_against_that_version(admin: Caller) -> None:
    old, new = {"name": "old", "type": "integer", "required": True}, {"name": "new", "type": "text", "required": True}
    form = admin.add_form(old)
    definition = {"name": "Changed", "type": "inspection", "fields": [new]}
    changed = admin.patch(f"{ADMIN_FORMS}/{form}", json={"definition": definition})
    assert changed.json()["data"]["version"] == 2

    assert admin.submitted(form, {"old": 1}, version=1)["version"] == 1
    assert admin.submitted(form, {"new": "x"})["version"] == 2
    assert admin.submitted(form, {"new": "x"}, version=2)["version"] == 2
    assert refusal(admin.submit(form, {"old": 1}), 400, "invalid_value")["field"] == "form_values.old"
    assert refusal(admin.submit(form, {"new": "x"}, version=1), 400, "invalid_value")["field"] == "form_values.new"
    body = refusal(admin.submit(form, {"new": "x"}, version=3), 400, "invalid_value")
    assert (body["field"], body["error"]) == ("version", "version is 3; the form has the versions 1 to 2.")


def test_a_disabled_form_takes_nothing_until_it_is_enabled_again(admin: Caller) -> None:
    form = admin.add_form(APHIDS)
    assert admin.patch(f"{ADMIN_FORMS}/{form}", json={"disabled": True}).json()["data"]["disabled"] is True
    refusal(admin.submit(form, {"aphids": 1}), 409, "form_disabled")
    refusal(admin.submit(form, {"aphids": 1}, inicio=write_instant(SystemClock().now())), 409, "form_disabled")
    assert form not in [one["_id"] for one in forms(admin)]
    admin.patch(f"{ADMIN_FORMS}/{form}", json={"disabled": False})
    admin.submitted(form, {"aphids": 1})


# Sent again


def test_what_was_begun_before_its_form_was_disabled_is_taken_late(admin: Caller) -> None:
    form = admin.add_form(APHIDS)
    admin.patch(f"{ADMIN_FORMS}/{form}", json={"disabled": True})
    admin.submitted(form, {"aphids": 1}, inicio="2025-10-09T10:00:00Z")


def test_a_repeat_is_answered_with_the_first_id_also_after_a_new_version_and_after_the_form_was_disabled(
    server: RunningServer, admin: Caller
) -> None:
    form = admin.add_form(APHIDS)
    first = admin.submitted(form, {"aphids": 3}, **IN_LOT_1, clientEventId="evt_repeat")
    before = stored(server)
    fields = [{"name": "other", "type": "text", "required": True}]
    for change in ({"definition": {"name": "Next", "type": "other", "fields": fields}}, {"disabled": True}):
        admin.patch(f"{ADMIN_FORMS}/{form}", json=change)
        again = admin.submit(form, {"aphids": 3.0}, **IN_LOT_1, clientEventId="evt_repeat")
        assert again.status_code == 200
        assert again.json() == first | {"idempotent": True}
        named = admin.submit(form, {"aphids": 3}, **IN_LOT_1, clientEventId="evt_repeat", version=1)
        assert named.json()["recordId"] == first["recordId"]
    assert stored(server) == before


@pytest.mark.parametrize(
    "changes",
    [
        {"form_values": [{"field": "aphids", "value": 4}]},
        {"form_values": [{"field": "aphids", "value": "3"}]},
        {"form_values": []},
        {"latitude": None, "longitude": None},
        {"segundos": 5},
        {"projectId": demo.PROJECT},
        {"inicio": "2025-10-09T10:00:01Z"},
        {"version": 2},
        {"taskId": "task_of_nobody"},
    ],
)
def test_the_same_event_with_other_content_is_a_conflict(admin: Caller, changes: Json) -> None:
    form = admin.add_form(APHIDS)
    event = f"evt {changes}"[:200]
    told = IN_LOT_1 | {"clientEventId": event, "inicio": "2025-10-09T10:00:00Z"}
    first = admin.submitted(form, {"aphids": 3}, **told)
    body = refusal(admin.submit(form, {"aphids": 3}, **told | changes), 409, "idempotency_conflict")
    assert body["existing"]["recordId"] == first["recordId"]


def test_one_event_from_many_phones_at_once_is_one_record(server: RunningServer, admin: Caller) -> None:
    form = admin.add_form(APHIDS)
    callers = [Caller(server) for _ in range(CALLERS)]
    try:
        with ThreadPoolExecutor(CALLERS) as pool:
            sent = [pool.submit(one.submit, form, {"aphids": 3}, clientEventId="evt_crowd") for one in callers]
            answers = [one.result() for one in sent]
    finally:
        for one in callers:
            one.close()
    assert sorted(answer.status_code for answer in answers) == [200] * (CALLERS - 1) + [201]
    assert len({answer.json()["recordId"] for answer in answers}) == 1
    assert len(admin.form_records(form)) == 1
    question = "select count(*) from pest_observation where variable = 'aphids' and record_no = ?"
    (number,) = read_store(server.data, "select record_no from form_record where client_event_id = 'evt_crowd'")
    assert read_store(server.data, question, record_no=number[0]) == [(1,)]


# Places


@pytest.mark.parametrize(
    ("told", "place", "confirmed"),
    [
        (IN_LOT_1, (demo.PROJECT, "sector_001"), (True, True)),
        (IN_LOT_2, (demo.PROJECT, "sector_002"), (True, True)),
        (ON_THE_TRACK, (demo.PROJECT, None), (True, False)),
        (IN_TOWN, (None, None), (False, False)),
        ({}, (None, None), (False, False)),
        ({"latitude": 0, "longitude": 0}, (None, None), (False, False)),
        ({"projectId": demo.PROJECT}, (demo.PROJECT, None), (False, False)),
        ({"sectorId": "sector_001"}, (demo.PROJECT, "sector_001"), (False, False)),
        ({"sectorId": "sector_001", **IN_LOT_1}, (demo.PROJECT, "sector_001"), (True, True)),
        ({"sectorId": "sector_001", **IN_LOT_2}, (demo.PROJECT, "sector_001"), (True, False)),
        ({"sectorId": "sector_001", **IN_TOWN}, (demo.PROJECT, "sector_001"), (False, False)),
        ({"projectId": demo.PROJECT, "sectorId": "sector_002", **IN_LOT_2}, (demo.PROJECT, "sector_002"), (True, True)),
        ({"projectId": demo.PROJECT, **IN_LOT_2}, (demo.PROJECT, "sector_002"), (True, True)),
        ({"projectId": demo.PROJECT, **IN_TOWN}, (demo.PROJECT, None), (False, False)),
    ],
)
def test_the_place_is_the_forced_one_else_that_of_gps_and_only_gps_confirms_it(
    admin: Caller, told: Json, place: tuple[str | None, str | None], confirmed: tuple[bool, bool]
) -> None:
    answer = admin.submitted(demo.FORM, **told)
    assert (answer.get("projectId"), answer.get("sectorId")) == place
    assert (answer["verification"]["project"], answer["verification"]["sector"]) == confirmed


def test_a_forced_sector_is_confirmed_also_where_a_smaller_one_covers_the_point(admin: Caller) -> None:
    spare = f"{ADMIN_PROJECTS}/proj_overlap"
    user = {"auth0Id": demo.ADMIN}
    admin.post(ADMIN_PROJECTS, json=user | {"projectId": "proj_overlap", "projectName": "Overlap", "timezone": "UTC"})
    for sector, size in (("wide", 0.02), ("narrow", 0.01)):
        corners = [[50, 20], [50 + size, 20], [50 + size, 20 + size], [50, 20 + size], [50, 20]]
        boundary = {"type": "Polygon", "coordinates": [corners]}
        admin.post(f"{spare}/sectors", json=user | {"sectorId": sector, "sector_name": sector, "boundary": boundary})
    point = {"latitude": 20.005, "longitude": 50.005}
    assert admin.submitted(demo.FORM, **point)["sectorId"] == "narrow"
    forced = admin.submitted(demo.FORM, **point, sectorId="wide")
    assert (forced["sectorId"], forced["verification"]["sector"]) == ("wide", True)


@pytest.mark.parametrize(
    ("told", "code"),
    [
        ({"projectId": "proj_999"}, "project_not_found"),
        ({"sectorId": "sector_999"}, "sector_not_found"),
        ({"projectId": demo.PROJECT, "sectorId": demo.OTHER_SECTOR}, "sector_not_found"),
        ({"projectId": demo.OTHER_PROJECT, "sectorId": demo.OTHER_SECTOR}, "project_not_found"),
        ({"sectorId": demo.OTHER_SECTOR}, "sector_not_found"),
    ],
)
def test_a_forced_place_has_to_be_there(admin: Caller, told: Json, code: str) -> None:
    refusal(admin.submit(demo.FORM, **told), 404, code)


def test_the_day_is_the_local_one_of_the_project_else_of_the_companys_first(admin: Caller, neighbour: Caller) -> None:
    evening = {"inicio": "2025-10-10T03:00:00Z"}
    for told, day in ((IN_LOT_1, "2025-10-09"), ({}, "2025-10-09"), ({"projectId": "proj_tokyo"}, "2025-10-10")):
        if "projectId" in told:
            project = {"projectId": "proj_tokyo", "projectName": "Tokyo", "timezone": "Asia/Tokyo"}
            admin.post(ADMIN_PROJECTS, json={"auth0Id": demo.ADMIN} | project)
        record_id = admin.submitted(demo.FORM, **told, **evening)["recordId"]
        (record, *_) = admin.form_records(demo.FORM)
        assert (record["recordId"], record["day"]) == (record_id, day)


# Pests


def test_every_pest_answer_is_an_observation(server: RunningServer, admin: Caller) -> None:
    thrips = {"name": "thrips", "type": "pest"}
    form = admin.add_form(APHIDS, {"name": "remark", "type": "text"}, thrips)
    answers = {"thrips": 0, "remark": "x", "aphids": {"value": 2.5, "severity": 3}}
    admin.submitted(form, answers, **IN_LOT_1, inicio="2025-10-09T10:00:00Z")
    question = (
        "select p.day, p.project_id, p.sector_id, p.variable, p.name, p.value, p.severity, p.scale "
        "from pest_observation as p join form_record as r on r.company = p.company and r.record_no = p.record_no "
        "where r.form_id = ? order by p.answer_no"
    )
    place = ("2025-10-09", demo.PROJECT, "sector_001")
    assert read_store(server.data, question, form_id=form) == [
        (*place, "thrips", "thrips", 0, None, 5_000_000),
        (*place, "aphids", "Aphids", 2_500_000, 3_000_000, 4_000_000),
    ]


# What a phone fetches


def forms(caller: Caller, **query: str) -> list[Json]:
    company = demo.OTHER_COMPANY if caller.user == demo.OTHER_USER else demo.COMPANY
    answer = caller.get(FORMS, params={"auth0Id": caller.user, "companyId": company} | query)
    assert answer.status_code == 200, answer.text
    data: list[Json] = answer.json()["data"]
    return data


def test_forms_are_shown_to_the_roles_that_they_name(admin: Caller, supervisor: Caller, viewer: Caller) -> None:
    form = admin.add_form(APHIDS, roles=["supervisor"], subtype="monitoring", type="scouting")
    seen = [one["_id"] for one in forms(supervisor)]
    assert {form, demo.FORM} <= set(seen)
    for caller in (admin, viewer):
        assert form not in [one["_id"] for one in forms(caller)]
        assert demo.FORM in [one["_id"] for one in forms(caller)]
    refusal(admin.submit(form, {"aphids": 1}, type="scouting"), 403, "role_forbidden")
    supervisor.submitted(form, {"aphids": 1}, type="scouting")


def test_forms_are_kept_by_type_and_subtype(admin: Caller) -> None:
    first = admin.add_form(APHIDS, type="kind A", subtype="monitoring")
    second = admin.add_form(APHIDS, type="kind A")
    assert [one["_id"] for one in forms(admin, type="kind A")] == [first, second]
    assert [one["_id"] for one in forms(admin, type="kind A", subtype="monitoring")] == [first]
    assert forms(admin, type="kind A", subtype="tasks") == []
    assert forms(admin, type="no such") == []


def test_a_form_is_shown_with_what_a_phone_needs(admin: Caller) -> None:
    form = admin.add_form(*EVERY_PLAIN_TYPE, type="shown")
    (shown,) = forms(admin, type="shown")
    assert {name: shown[name] for name in ("_id", "name", "type", "version")} == {
        "_id": form,
        "name": form,
        "type": "shown",
        "version": 1,
    }
    assert [one["name"] for one in shown["fields"]] == [one["name"] for one in EVERY_PLAIN_TYPE]
    assert shown["fields"][1] == {"name": "ph", "label": "ph", "type": "number", "minimum": 0.5, "maximum": 14}


@pytest.mark.parametrize("left_out", ["auth0Id", "companyId"])
def test_forms_are_asked_for_with_user_and_company(admin: Caller, left_out: str) -> None:
    query = {"auth0Id": demo.ADMIN, "companyId": demo.COMPANY}
    del query[left_out]
    assert refusal(admin.get(FORMS, params=query), 400, "missing_field")["field"] == left_out


# Tasks


def task_form(admin: Caller) -> str:
    return admin.add_form(APHIDS, subtype="tasks", type="traps")


def assign(admin: Caller, form: str, user: str, **told: str) -> httpx.Response:
    return admin.post(f"{ADMIN_FORMS}/{form}/tasks", json={"userId": user} | told)


def test_a_task_is_shown_to_its_user_until_it_is_done(admin: Caller, supervisor: Caller) -> None:
    form = task_form(admin)
    task = assign(admin, form, demo.SUPERVISOR, title="North side", dueDay="2025-10-19").json()["data"]
    shown = {one["_id"]: one for one in forms(supervisor, subtype="tasks")}
    assert shown[form]["tasks"] == [{"taskId": task["taskId"], "title": "North side", "dueDay": "2025-10-19"}]
    assert form not in [one["_id"] for one in (*forms(admin, subtype="tasks"), *forms(supervisor))]

    answer = supervisor.submitted(form, {"aphids": 1}, type="traps", clientEventId="evt_task")
    assert answer["task"] == {"taskId": task["taskId"], "status": "done"}
    assert form not in [one["_id"] for one in forms(supervisor, subtype="tasks")]
    again = supervisor.submit(form, {"aphids": 1}, type="traps", clientEventId="evt_task", taskId=task["taskId"])
    assert (again.status_code, again.json()["task"]) == (200, answer["task"])
    assert admin.form_records(form)[0]["taskId"] == task["taskId"]
    (done,) = admin.get(f"{ADMIN_FORMS}/{form}/tasks").json()["data"]["items"]
    assert (done["status"], "endedAt" in done) == ("done", True)
    refusal(admin.post(f"{ADMIN_FORMS}/{form}/tasks/{task['taskId']}/cancel"), 409, "task_done")


def test_of_several_tasks_only_the_named_one_is_done(admin: Caller) -> None:
    form = task_form(admin)
    first, second = (assign(admin, form, demo.ADMIN, title=title).json()["data"]["taskId"] for title in "ab")
    assert "task" not in admin.submitted(form, type="traps")
    assert admin.submitted(form, type="traps", taskId=second)["task"]["taskId"] == second
    assert admin.submitted(form, type="traps")["task"]["taskId"] == first


def test_a_task_of_another_user_or_form_is_unknown(admin: Caller, supervisor: Caller) -> None:
    form, other = task_form(admin), task_form(admin)
    task = assign(admin, form, demo.ADMIN).json()["data"]["taskId"]
    refusal(supervisor.submit(form, type="traps", taskId=task), 404, "task_not_found")
    refusal(admin.submit(other, type="traps", taskId=task), 404, "task_not_found")
    refusal(admin.post(f"{ADMIN_FORMS}/{other}/tasks/{task}/cancel"), 404, "task_not_found")


def test_a_cancelled_task_is_shown_no_more_and_its_record_is_kept_all_the_same(admin: Caller) -> None:
    form = task_form(admin)
    task = assign(admin, form, demo.ADMIN, taskId=f"of {form}").json()["data"]["taskId"]
    for _ in range(2):
        cancelled = admin.post(f"{ADMIN_FORMS}/{form}/tasks/{task}/cancel")
        assert cancelled.json()["data"]["status"] == "cancelled"
    assert form not in [one["_id"] for one in forms(admin, subtype="tasks")]
    answer = admin.submitted(form, type="traps", taskId=task)
    assert answer["task"] == {"taskId": task, "status": "cancelled"}


def test_a_task_is_assigned_once(server: RunningServer, admin: Caller) -> None:
    form = task_form(admin)
    for told in ({}, {"taskId": f"chosen for {form}", "title": "x"}):
        first = assign(admin, form, demo.ADMIN, **told)
        before = counted(server, "form_task", "audit")
        again = assign(admin, form, demo.ADMIN, **told)
        assert (first.status_code, again.status_code) == (201, 200)
        assert again.json() == first.json()
        assert counted(server, "form_task", "audit") == before
    refusal(assign(admin, form, demo.ADMIN, taskId=f"chosen for {form}", title="y"), 409, "id_taken")


def test_an_id_that_the_server_would_draw_next_may_be_chosen(admin: Caller) -> None:
    form = task_form(admin)
    drawn = assign(admin, form, demo.ADMIN, title="a").json()["data"]["taskId"]
    after_next = f"task_{int(drawn.removeprefix('task_'), 16) + 2:016x}"
    assert assign(admin, form, demo.ADMIN, taskId=after_next).status_code == 201
    assert assign(admin, form, demo.ADMIN, title="b").status_code == 201


def test_a_task_needs_a_task_form_and_a_user_of_the_company(admin: Caller) -> None:
    form = task_form(admin)
    refusal(assign(admin, demo.FORM, demo.ADMIN), 400, "invalid_value")
    refusal(assign(admin, form, demo.OTHER_USER), 404, "user_not_found")
    refusal(assign(admin, "form_999", demo.ADMIN), 404, "form_not_found")
    refusal(assign(admin, form, demo.ADMIN, dueDay="tomorrow"), 400, "invalid_value")
    admin.patch(f"{ADMIN_FORMS}/{form}", json={"disabled": True})
    refusal(assign(admin, form, demo.ADMIN), 409, "form_disabled")


# Setting forms up


def test_a_form_is_added_once_and_changed_into_versions(server: RunningServer, admin: Caller) -> None:
    form = admin.add_form(APHIDS)
    first = admin.get(f"{ADMIN_FORMS}/{form}").json()["data"]
    again = admin.post(ADMIN_FORMS, json={"definition": first["definition"]})
    assert (again.status_code, again.json()["data"]) == (200, first)
    refusal(admin.post(ADMIN_FORMS, json={"definition": first["definition"] | {"name": "Other"}}), 409, "id_taken")

    before = counted(server, "form_version", "audit")
    same = admin.patch(f"{ADMIN_FORMS}/{form}", json={"definition": first["definition"], "disabled": False})
    assert same.json()["data"] == first
    assert counted(server, "form_version", "audit") == before
    other = first["definition"] | {"name": "Other"}
    assert admin.patch(f"{ADMIN_FORMS}/{form}", json={"definition": other}).json()["data"]["version"] == 2
    assert admin.patch(f"{ADMIN_FORMS}/{form}", json={"definition": first["definition"]}).json()["data"]["version"] == 3
    for version, name in ((1, form), (2, "Other"), (3, form)):
        read = admin.get(f"{ADMIN_FORMS}/{form}", params={"version": version}).json()["data"]
        assert (read["version"], read["definition"]["name"]) == (version, name)
    refusal(admin.get(f"{ADMIN_FORMS}/{form}", params={"version": 4}), 404, "form_not_found")


def test_the_list_for_admins_holds_disabled_forms_too(admin: Caller) -> None:
    form = admin.add_form(APHIDS)
    admin.patch(f"{ADMIN_FORMS}/{form}", json={"disabled": True})
    listed = {one["formId"]: one["disabled"] for one in admin.get(ADMIN_FORMS).json()["data"]}
    assert (listed[form], listed[demo.FORM]) == (True, False)


def test_every_change_stands_in_the_audit_log(admin: Caller) -> None:
    form = task_form(admin)
    definition = {"name": "Next", "type": "traps", "subtype": "tasks", "fields": [APHIDS]}
    admin.patch(f"{ADMIN_FORMS}/{form}", json={"definition": definition})
    task = assign(admin, form, demo.ADMIN).json()["data"]["taskId"]
    admin.post(f"{ADMIN_FORMS}/{form}/tasks/{task}/cancel")
    admin.patch(f"{ADMIN_FORMS}/{form}", json={"disabled": True})
    admin.patch(f"{ADMIN_FORMS}/{form}", json={"disabled": False})
    entries = admin.get("/api/control/admin/audit", params={"limit": 6}).json()["data"]["items"]
    assert [(one["action"], one["subject"]) for one in reversed(entries)] == [
        *(("form.add", form), ("form.change", form), ("task.assign", task)),
        *(("task.cancel", task), ("form.disable", form), ("form.enable", form)),
    ]
    assert (entries[4]["before"]["version"], entries[4]["after"]) == (1, {"version": 2, "name": "Next"})


def test_a_faulty_definition_is_refused_with_every_fault(server: RunningServer, admin: Caller) -> None:
    before = counted(server, "form", "form_version", "audit")
    fields = [{"name": "a", "type": "text", "minimum": 1}, {"name": "a b", "type": "text"}, {"name": "c", "type": "x"}]
    faulty = {"_id": "form_faulty", "type": "x", "fields": fields}
    body = refusal(admin.post(ADMIN_FORMS, json={"definition": faulty}), 400, "invalid_value")
    assert body["field"] == "definition.name"
    for path in ("definition.name", "fields[0].minimum", "fields[1].name", "fields[2].type"):
        assert path in body["error"]
    assert counted(server, "form", "form_version", "audit") == before
    body = refusal(
        admin.patch(f"{ADMIN_FORMS}/{demo.FORM}", json={"definition": {"_id": "other"}}), 400, "invalid_value"
    )
    assert "definition._id" in body["error"]
    refusal(admin.patch(f"{ADMIN_FORMS}/{demo.FORM}", json={}), 400, "nothing_to_change")


def test_records_are_read_in_pages(admin: Caller) -> None:
    form = admin.add_form(APHIDS)
    ids = [admin.submitted(form, {"aphids": number})["recordId"] for number in range(3)]
    pages = [admin.form_records(form, page=page, limit=2) for page in (1, 2, 3)]
    assert [[one["recordId"] for one in page] for page in pages] == [ids[:0:-1], ids[:1], []]
    assert admin.get(f"{ADMIN_FORMS}/{form}/records").json()["data"]["total"] == 3


# What becomes of it


def test_what_a_scout_hands_in_is_crop_health_at_once(admin: Caller, supervisor: Caller) -> None:
    day = fresh_day()
    span = {"startTime": day, "endTime": day}
    found = {"canes": 10, "aphids": {"value": 12, "severity": 3}, "thrips": 0, "spotted_wing": 0}
    walked = {"type": "scouting", **IN_LOT_1, "inicio": f"{day}T20:29:00.000Z"}
    first = supervisor.submitted("crop_scouting", found, **walked)
    supervisor.submitted("crop_scouting", found | {"aphids": 0}, **walked)

    summary = admin.get("/api/control/phytosanitary/summary", params=span | {"sectorId": "sector_001"}).json()
    assert summary["totalRecords"] == 2
    aphids = {"pest_disease_name": "Aphids", "incidence": 50, "severity": 60}
    assert summary["sectors"][0]["pests_diseases"][0] == aphids

    told = admin.get("/api/control/phytosanitary/company-records", params=span).json()["records"]
    (one,) = [record for record in told if record["record_id"] == first["recordId"]]
    assert (one["user_name"], one["sectorId"], one["record_time"]) == (
        "Demo Supervisor",
        "sector_001",
        f"{day}T20:29:00.000Z",
    )
    seen = [(answer["variable_name"], answer["value_number"], answer.get("severity")) for answer in one["responses"]]
    assert seen == [("aphids", 12, 3), ("thrips", 0, None), ("spotted_wing", 0, None)]
