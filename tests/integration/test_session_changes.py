"""Changing, extending and closing a session (contract, "Sessions")."""

from typing import Any

import httpx
import pytest

from hydrobit.demo import company as demo
from hydrobit.kit.clock import SystemClock
from hydrobit.kit.instants import HOUR_MS, write_instant
from tests.callers import SESSIONS, Caller, read_store, refusal
from tests.servers import RunningServer


def from_now(hours: float) -> str:
    return write_instant(SystemClock().now() + int(hours * HOUR_MS))


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
