"""Who calls, and in which order a write is checked (contract, "Caller" and "Order of checks")."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from hydrobit.demo import company as demo
from tests.callers import (
    BULK,
    RECORDS,
    SESSIONS,
    VIEWER,
    Caller,
    add_people,
    change_store,
    element,
    fresh_day,
    record_id,
    refusal,
)
from tests.clocks import DAWN, ClockedServer, ManualClock, clocked
from tests.servers import RunningServer, event, opening

FACTS_AGE_S_MAX = 5


@pytest.fixture
def anonymous(server: RunningServer) -> Iterator[httpx.Client]:
    with Caller(server) as client:
        del client.headers["authorization"]
        yield client


@pytest.fixture
def session_id(admin: Caller) -> str:
    return admin.opened()


# auth0Id is checked, never believed


def calls(caller: Caller, session_id: str, record: str, **said: Any) -> list[httpx.Response]:
    """Every call whose published body requires auth0Id, with what is said of it."""
    bodies: list[tuple[str, str, dict[str, Any]]] = [
        ("POST", SESSIONS, opening(day=fresh_day())),
        ("PATCH", f"{SESSIONS}/{session_id}", {"notes": "new"}),
        ("POST", f"{SESSIONS}/{session_id}/extend", {"maxDurationHours": 18}),
        ("POST", RECORDS, event(session_id, "evt_1")),
        ("POST", BULK, {"records": [element(session_id, "evt_2")]}),
        ("POST", f"{RECORDS}/{record}/void", {"reason": "Duplicate entry"}),
    ]
    without = [(method, path, {k: v for k, v in body.items() if k != "auth0Id"}) for method, path, body in bodies]
    return [caller.request(method, path, json=body | said) for method, path, body in without]


@pytest.mark.parametrize("said", [{}, {"auth0Id": None}, {"auth0Id": ""}, {"auth0Id": " "}])
def test_a_required_user_that_is_left_out_is_missing(admin: Caller, session_id: str, said: dict[str, Any]) -> None:
    record = admin.counted(session_id, "evt_0")
    for answer in calls(admin, session_id, record, **said):
        assert refusal(answer, 400, "missing_field")["field"] == "auth0Id"


@pytest.mark.parametrize("user", [demo.SUPERVISOR, demo.OTHER_USER, "user_of_no_store", demo.ADMIN.upper()])
def test_another_user_than_the_tokens_is_refused(admin: Caller, session_id: str, user: str) -> None:
    record = admin.counted(session_id, "evt_0")
    for answer in calls(admin, session_id, record, auth0Id=user):
        assert refusal(answer, 403, "caller_mismatch")["field"] == "auth0Id"
    data = admin.session(session_id)
    assert (data["totalUnits"], data["maxDurationHours"]) == (1, 12)


def test_the_tokens_user_acts_whoever_opened_the_session(admin: Caller, supervisor: Caller) -> None:
    session_id = supervisor.opened()
    assert supervisor.session(session_id)["auth0Id"] == demo.SUPERVISOR
    refusal(admin.count(session_id, "evt_1"), 403, "not_owner")
    supervisor.counted(session_id, "evt_1")


def test_where_the_user_is_optional_it_is_checked_all_the_same(admin: Caller, session_id: str) -> None:
    refusal(admin.close_session(session_id, auth0Id=demo.SUPERVISOR), 403, "caller_mismatch")
    refusal(admin.get(SESSIONS, params={"auth0Id": demo.SUPERVISOR}), 403, "caller_mismatch")
    assert admin.session(session_id)["status"] == "open"
    assert admin.get(SESSIONS, params={"auth0Id": ""}).status_code == 200
    assert admin.close_session(session_id, auth0Id=None).status_code == 200


def test_a_user_who_was_switched_off_is_refused_within_seconds(tmp_path: Path) -> None:
    ManualClock.at(tmp_path / "clock").set(DAWN)
    with clocked(tmp_path / "data", tmp_path / "clock") as server, Caller(server) as admin:
        assert admin.get(SESSIONS).status_code == 200
        change_store(server.data, "update user_account set disabled_at = 1 where user_id = ?", user=demo.ADMIN)
        server.clock.forward(milliseconds=FACTS_AGE_S_MAX * 1_000)
        refusal(admin.get(SESSIONS), 403, "no_company")
        assert_role_changes_reach(server)


def assert_role_changes_reach(server: ClockedServer) -> None:
    add_people(server.data)
    with Caller(server, VIEWER) as viewer:
        refusal(viewer.open(), 403, "role_forbidden")
        change_store(server.data, "update user_account set role = 'supervisor' where user_id = ?", user=VIEWER)
        server.clock.forward(milliseconds=FACTS_AGE_S_MAX * 1_000)
        viewer.opened()


# The order of the checks


def test_the_size_is_looked_at_before_the_token(anonymous: httpx.Client) -> None:
    refusal(anonymous.post(RECORDS, content=b" " * 65_537), 413, "body_too_large")


def test_the_token_is_looked_at_before_the_query_and_the_body(anonymous: httpx.Client) -> None:
    refusal(anonymous.post(RECORDS, content=b"no json"), 401, "token_missing")
    refusal(anonymous.get(SESSIONS, params={"limit": "ten"}), 401, "token_missing")
    refusal(anonymous.get(f"{SESSIONS}?page=1&page=2"), 401, "token_missing")


def test_the_role_is_looked_at_before_the_body(viewer: Caller) -> None:
    refusal(viewer.post(RECORDS, content=b"no json"), 403, "role_forbidden")


def test_the_body_is_looked_at_before_its_user(admin: Caller, session_id: str) -> None:
    refusal(admin.count(session_id, "evt_1", auth0Id=demo.SUPERVISOR, workerId=5), 400, "wrong_type")


def test_the_user_is_looked_at_before_the_session(admin: Caller) -> None:
    refusal(admin.count("none", "evt_1", auth0Id=demo.SUPERVISOR), 403, "caller_mismatch")


def test_a_repeat_is_looked_for_before_owner_and_state(admin: Caller, supervisor: Caller, session_id: str) -> None:
    first = admin.counted(session_id, "evt_1")
    admin.close_session(session_id)
    for caller in (admin, supervisor):
        again = caller.count(session_id, "evt_1")
        assert (again.status_code, record_id(again)) == (200, first)


def test_the_owner_is_looked_at_before_the_state(admin: Caller, supervisor: Caller, session_id: str) -> None:
    admin.close_session(session_id)
    for answer in (
        supervisor.count(session_id, "evt_1"),
        supervisor.close_session(session_id),
        supervisor.extend(session_id, 18),
        supervisor.change(session_id, notes="new"),
    ):
        refusal(answer, 403, "not_owner")
