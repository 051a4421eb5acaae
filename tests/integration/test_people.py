"""Running a company: its users, what an admin may not do to them, and the log of who changed what."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from hydrobit.demo import company as demo
from tests import engines
from tests.callers import SESSIONS, Caller, fresh_day, read_store, refusal
from tests.clocks import DAWN, ManualClock, clocked
from tests.commands import printed
from tests.integration.test_command_line import refusal as refused
from tests.servers import RunningServer, event, opening, running

Json = dict[str, Any]
USERS, AUDIT = "/api/control/admin/users", "/api/control/admin/audit"
FACTS_AGE_MS = 5_000


def add(caller: Caller, user_id: str, role: str = "supervisor", **body: Any) -> httpx.Response:
    return caller.post(USERS, json={"userId": user_id, "name": f"Name of {user_id}", "role": role} | body)


def change(caller: Caller, user_id: str, **body: Any) -> httpx.Response:
    return caller.patch(f"{USERS}/{user_id}", json=body)


def disable(caller: Caller, user_id: str) -> httpx.Response:
    return caller.post(f"{USERS}/{user_id}/disable")


def enable(caller: Caller, user_id: str) -> httpx.Response:
    return caller.post(f"{USERS}/{user_id}/enable")


def listed(caller: Caller) -> dict[str, Json]:
    answer = caller.get(USERS, params={"limit": 100})
    assert answer.status_code == 200
    return {user["userId"]: user for user in answer.json()["data"]["items"]}


def latest(caller: Caller) -> Json:
    """The last line of the audit log."""
    entry: Json = caller.get(AUDIT, params={"limit": 1}).json()["data"]["items"][0]
    return entry


# Users


def test_a_user_who_is_added_may_call_and_the_same_again_changes_nothing(server: RunningServer, admin: Caller) -> None:
    added = add(admin, "user_new", email="new@example.com")
    assert added.status_code == 201
    number = latest(admin)["auditNo"]
    again = add(admin, "user_new", email="new@example.com")
    assert (again.status_code, again.json()["data"]) == (200, added.json()["data"])
    assert latest(admin)["auditNo"] == number
    refusal(add(admin, "user_new", "admin"), 409, "id_taken")
    with Caller(server, "user_new") as new:
        new.opened()


def test_a_user_of_another_company_cannot_be_taken_over(admin: Caller, neighbour: Caller) -> None:
    refusal(add(admin, demo.OTHER_USER), 409, "id_taken")
    assert listed(neighbour)[demo.OTHER_USER]["role"] == "admin"
    assert demo.OTHER_USER not in listed(admin)


def test_users_of_another_company_answer_as_unknown(admin: Caller, neighbour: Caller) -> None:
    for user in (demo.OTHER_USER, "user_of_no_store"):
        for answer in (change(admin, user, role="viewer"), disable(admin, user), enable(admin, user)):
            refusal(answer, 404, "user_not_found")
    assert listed(neighbour)[demo.OTHER_USER]["status"] == "active"


@pytest.mark.parametrize("user_id", ["operator", "system", "key:key_0123456789abcdef", " x", "x" * 256, "a\x00b"])
def test_an_id_that_could_pass_for_another_is_refused(admin: Caller, user_id: str) -> None:
    assert refusal(add(admin, user_id), 400, "invalid_value")["field"] == "userId"


def test_a_blank_id_is_missing(admin: Caller) -> None:
    assert refusal(add(admin, " "), 400, "missing_field")["field"] == "userId"


@pytest.mark.parametrize("body", [{}, {"name": " "}, {"role": None}])
def test_a_change_of_nothing_is_refused(admin: Caller, body: Json) -> None:
    refusal(change(admin, demo.SUPERVISOR, **body), 400, "nothing_to_change")


@pytest.mark.parametrize("body", [{"role": "owner"}, {"email": "nobody"}, {"email": "@"}, {"name": "x" * 201}])
def test_a_change_that_cannot_be_is_refused(admin: Caller, body: Json) -> None:
    refusal(change(admin, demo.SUPERVISOR, **body), 400, "invalid_value")


def test_a_disabled_user_stays_listed_and_the_work_stays(server: RunningServer, admin: Caller) -> None:
    add(admin, "user_leaving")
    with Caller(server, "user_leaving") as leaving:
        session_id = leaving.opened()
        record = leaving.counted(session_id, "evt_1")
    gone = disable(admin, "user_leaving")
    assert gone.json()["data"]["status"] == "disabled"
    assert disable(admin, "user_leaving").json()["data"] == gone.json()["data"]
    assert listed(admin)["user_leaving"]["disabledAt"]
    assert admin.record(record)["sessionId"] == session_id
    assert "disabledAt" not in enable(admin, "user_leaving").json()["data"]


def test_changes_of_a_user_reach_the_next_calls_within_five_seconds(tmp_path: Path) -> None:
    ManualClock.at(tmp_path / "clock").set(DAWN)
    with (
        clocked(tmp_path / "data", tmp_path / "clock") as server,
        Caller(server) as admin,
        Caller(server, demo.SUPERVISOR) as supervisor,
    ):
        supervisor.opened()
        change(admin, demo.SUPERVISOR, role="viewer")
        server.clock.forward(milliseconds=FACTS_AGE_MS)
        refusal(supervisor.open(), 403, "role_forbidden")
        disable(admin, demo.SUPERVISOR)
        server.clock.forward(milliseconds=FACTS_AGE_MS)
        refusal(supervisor.get(SESSIONS), 403, "no_company")
        enable(admin, demo.SUPERVISOR)
        assert supervisor.get(SESSIONS).status_code == 200


# The rights of admins


def test_an_admin_cannot_take_their_own_rights(admin: Caller) -> None:
    add(admin, "user_second", "admin")
    refusal(change(admin, demo.ADMIN, role="viewer"), 409, "own_rights")
    refusal(disable(admin, demo.ADMIN), 409, "own_rights")
    assert change(admin, demo.ADMIN, name="Demo Admin", role="admin").status_code == 200
    assert listed(admin)[demo.ADMIN]["status"] == "active"


def test_two_admins_who_disable_each_other_leave_one(tmp_path: Path) -> None:
    """The second comes while a server alone on its store still believes that he is an admin; the store decides."""
    ManualClock.at(tmp_path / "clock").set(DAWN)
    with clocked(tmp_path / "data", tmp_path / "clock") as server, Caller(server) as first:
        add(first, "user_second", "admin")
        with Caller(server, "user_second") as second:
            assert second.get(USERS).status_code == 200
            assert disable(first, "user_second").status_code == 200
            # Where other nodes may have changed rights, they are asked for with each call.
            expected = (409, "last_admin") if engines.is_sqlite(server.data) else (403, "no_company")
            for answer in (disable(second, demo.ADMIN), change(second, demo.ADMIN, role="viewer")):
                refusal(answer, *expected)
        assert listed(first)[demo.ADMIN]["role"] == "admin"


# The audit log


def test_a_change_says_who_what_before_and_after(admin: Caller) -> None:
    add(admin, "user_told", email="told@example.com")
    change(admin, "user_told", role="viewer")
    entry = latest(admin)
    assert (entry["actor"], entry["action"], entry["subject"]) == (demo.ADMIN, "user.change", "user_told")
    before = {"name": "Name of user_told", "role": "supervisor", "email": "told@example.com"}
    assert (entry["before"], entry["after"]) == (before, before | {"role": "viewer"})


def test_the_log_is_read_page_by_page_without_gaps(admin: Caller, neighbour: Caller) -> None:
    for number in range(5):
        add(admin, f"user_paged_{number}")
    numbers: list[int] = []
    query: Json = {"limit": 2}
    while True:
        page = admin.get(AUDIT, params=query).json()["data"]
        numbers += [entry["auditNo"] for entry in page["items"]]
        if "next" not in page:
            break
        query["before"] = page["next"]
    assert numbers == list(range(numbers[0], 0, -1))
    assert all(entry["actor"] != demo.ADMIN for entry in neighbour.get(AUDIT).json()["data"]["items"])


def test_what_the_log_says_of_a_person_stands_where_it_can_be_erased(server: RunningServer, admin: Caller) -> None:
    add(admin, "user_erased", email="erased@example.com")
    lines = read_store(server.data, "select * from audit where subject = ?", user="user_erased")
    assert lines
    assert not any("erased@example.com" in str(line) for line in lines)
    assert read_store(server.data, "select 1 from personal where text like ?", text="%erased@example.com%")


# The command line


def test_companies_users_and_keys_are_run_from_the_command_line(tmp_path: Path) -> None:
    data = ("--data", tmp_path / "data")
    at = ("--company", "comp_1", *data)
    printed("company", "add", "comp_1", "Huerta Vieja", *data)
    printed("company", "change", "comp_1", "--name", "Huerta Nueva", "--refuses-unknown-workers", *data)
    printed("company", "disable", "comp_1", *data)
    assert rows("company", "list", *data)[0]["disabledAt"] is not None
    printed("company", "enable", "comp_1", *data)
    (company,) = rows("company", "list", *data)
    assert (company["name"], company["refusesUnknownWorkers"], company["disabledAt"]) == ("Huerta Nueva", True, None)

    printed("user", "add", "user_1", "First User", "--role", "admin", *at)
    printed("user", "change", "user_1", "--email", "first@example.com", *data)
    printed("user", "disable", "user_1", *data)  # the operator may: who has the machine can add an admin again
    assert rows("user", "list", *at)[0]["disabledAt"] is not None
    printed("user", "enable", "user_1", *data)
    (user,) = rows("user", "list", *at)
    assert (user["role"], user["email"], user["disabledAt"]) == ("admin", "first@example.com", None)

    key = printed("key", "add", "Export", "--scope", "read:production", "--scope", "read:iot", "--expires", "90d", *at)
    (listed_key,) = rows("key", "list", *at)
    assert (listed_key["keyId"], listed_key["scopes"]) == (key.partition(".")[0], "read:iot read:production")
    printed("key", "revoke", listed_key["keyId"], *at)
    assert rows("key", "list", *at)[0]["status"] == "revoked"

    log = rows("audit", "list", *at)
    assert {entry["actor"] for entry in log} == {"operator"}
    assert [entry["action"] for entry in reversed(log)] == [
        *("company.add", "company.change", "company.disable", "company.enable"),
        *("user.add", "user.change", "user.disable", "user.enable"),
        *("key.add", "key.revoke"),
    ]
    for command in (("company", "list", *data), ("user", "list", *at), ("key", "list", *at), ("audit", "list", *at)):
        assert printed(*command)


def rows(*words: str | Path) -> list[Json]:
    return [json.loads(line) for line in printed(*words, "--json").splitlines()]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("company", "change", "comp_0", "--name", "X"), "there is no company comp_0"),
        (("company", "change", demo.COMPANY), "nothing to change"),
        (("user", "change", "user_0", "--role", "viewer"), "there is no user user_0"),
        (("user", "add", "operator", "X", "--company", demo.COMPANY), "userId must not be operator"),
        (("key", "revoke", "key_0", "--company", demo.COMPANY), "There is no key key_0"),
        (("key", "add", "X", "--scope", "read:iot", "--expires", "1y", "--company", demo.COMPANY), "--expires is '1y'"),
        (("audit", "list", "--company", "comp_0"), "there is no company comp_0"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(server: RunningServer, words: tuple[str, ...], said: str) -> None:
    assert said in refused(*words, "--data", server.data)


def test_a_company_that_refuses_unknown_workers_does_so_for_a_running_server(tmp_path: Path) -> None:
    with running(tmp_path / "data") as server, Caller(server) as admin:
        printed("company", "change", demo.COMPANY, "--refuses-unknown-workers", "--data", server.data)
        session_id = admin.open(**opening(day=fresh_day())).json()["data"]["sessionId"]
        stranger = admin.post("/api/control/production/records", json=event(session_id, "evt_1", workerId="XX0101"))
        refusal(stranger, 404, "worker_not_found")
        admin.counted(session_id, "evt_2")
