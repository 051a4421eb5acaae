"""Work that was done before the close and arrives after it is kept, counted nowhere (contract, "Late arrivals")."""

import re
from typing import Any

import pytest

from hydrobit.kit.clock import SystemClock
from hydrobit.kit.instants import HOUR_MS, write_instant
from tests.callers import Caller, bulk_codes, element, read_store, refusal
from tests.servers import RunningServer

AFTER = write_instant(SystemClock().now() + HOUR_MS)


@pytest.fixture
def closed(admin: Caller) -> str:
    """A closed session with five units."""
    session_id = admin.opened()
    admin.counted(session_id, "evt_0", units=5)
    assert admin.close_session(session_id).status_code == 200
    return session_id


def test_work_done_before_the_close_is_held(server: RunningServer, admin: Caller, closed: str) -> None:
    refused = refusal(admin.count(closed, "evt_1", units=2), 409, "session_closed")
    assert refused["held"] is True
    assert re.fullmatch(r"held_[0-9a-f]{16}", refused["heldId"])
    kept = read_store(
        server.data,
        "select h.worker_id, h.worker_name, h.client_event_id, h.units, h.actor from held as h"
        " join session as s using (company, session_no) where s.session_id = ?",
        session_id=closed,
    )
    assert kept == [("JS0315", "John Smith", "evt_1", 2_000_000, admin.user)]


def test_it_is_held_beside_the_totals_never_inside_them(admin: Caller, closed: str) -> None:
    admin.count(closed, "evt_1", units=2)
    admin.count(closed, "evt_2", units=3)
    data = admin.session(closed)
    assert (data["totalUnits"], data["heldCount"]) == (5, 2)
    assert data["workers"][0]["units"] == 5


def test_sent_again_it_gets_the_same_id(admin: Caller, closed: str) -> None:
    answers = [refusal(admin.count(closed, "evt_1", units=2), 409, "session_closed") for _ in range(3)]
    assert len({answer["heldId"] for answer in answers}) == 1
    assert admin.session(closed)["heldCount"] == 1


def test_sent_again_with_its_own_key_it_gets_the_same_id(admin: Caller, closed: str) -> None:
    first = refusal(admin.count(closed, "evt_1", idempotencyKey="late-1"), 409, "session_closed")
    for changes in ({}, {"idempotencyKey": "late-1"}, {"idempotencyKey": "late-2"}):
        again = refusal(admin.count(closed, "evt_1", **changes), 409, "session_closed")
        assert again["heldId"] == first["heldId"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [({"units": 3}, "units"), ({"recordedAtUtc": "2025-10-19T15:00:00Z"}, "recordedAtUtc")],
)
def test_other_content_under_a_held_event_is_a_conflict(
    admin: Caller, closed: str, changes: dict[str, Any], field: str
) -> None:
    held = refusal(admin.count(closed, "evt_1", units=2), 409, "session_closed")["heldId"]
    refused = refusal(admin.count(closed, "evt_1", **{"units": 2} | changes), 409, "idempotency_conflict")
    assert f"{field}: stored " in refused["error"]
    assert refused["existing"]["heldId"] == held
    assert admin.session(closed)["heldCount"] == 1


def test_another_event_under_a_held_key_is_a_conflict(admin: Caller, closed: str) -> None:
    refusal(admin.count(closed, "evt_1", idempotencyKey="late-3"), 409, "session_closed")
    refused = refusal(admin.count(closed, "evt_2", idempotencyKey="late-3"), 409, "idempotency_conflict")
    assert "clientEventId: stored evt_1, sent evt_2" in refused["error"]


def test_work_recorded_after_the_close_is_refused_and_not_held(admin: Caller, closed: str) -> None:
    refused = refusal(admin.count(closed, "evt_1", recordedAtUtc=AFTER), 409, "session_closed")
    assert "held" not in refused
    assert "heldId" not in refused
    assert admin.session(closed)["heldCount"] == 0


def test_work_recorded_at_the_instant_of_the_close_came_after_it(admin: Caller, closed: str) -> None:
    closed_at = admin.session(closed)["closedAt"]
    refused = refusal(admin.count(closed, "evt_1", recordedAtUtc=closed_at), 409, "session_closed")
    assert "held" not in refused


def test_a_malformed_late_record_is_refused_as_such(admin: Caller, closed: str) -> None:
    refusal(admin.count(closed, "evt_1", units=-1), 400, "invalid_value")
    refusal(admin.count(closed, "evt_1", workerId=None), 400, "missing_field")
    assert admin.session(closed)["heldCount"] == 0


def test_who_may_not_count_in_the_session_gets_nothing_held(
    admin: Caller, supervisor: Caller, neighbour: Caller, closed: str
) -> None:
    refusal(supervisor.count(closed, "evt_1"), 403, "not_owner")
    refusal(neighbour.count(closed, "evt_1"), 404, "session_not_found")
    assert admin.session(closed)["heldCount"] == 0


def test_a_replay_of_counted_work_is_no_late_arrival(admin: Caller, closed: str) -> None:
    assert admin.count(closed, "evt_0", units=5).status_code == 200
    assert admin.session(closed)["heldCount"] == 0


def test_late_elements_of_a_bulk_call_are_held_each_once(admin: Caller, closed: str) -> None:
    elements = [element(closed, "evt_1"), element(closed, "evt_1"), element(closed, "evt_2", recordedAtUtc=AFTER)]
    answer = admin.bulk(*elements, element(closed, "evt_0", units=5))
    assert bulk_codes(answer) == [(409, "session_closed")] * 3 + [(200, None)]
    first, again, after, _ = answer.json()["results"]
    assert (first["held"], first["heldId"]) == (True, again["heldId"])
    assert "held" not in after
    assert answer.json()["summary"] == {"ok": 0, "duplicated": 1, "failed": 3}
    assert admin.session(closed)["heldCount"] == 1


def test_a_late_unknown_worker_is_held_like_any_other(admin: Caller, closed: str) -> None:
    assert refusal(admin.count(closed, "evt_1", workerId="ZZ9999"), 409, "session_closed")["held"] is True


def test_a_late_void_is_only_refused(admin: Caller) -> None:
    session_id = admin.opened()
    record = admin.counted(session_id, "evt_1")
    admin.close_session(session_id)
    assert "held" not in refusal(admin.void(record), 409, "session_closed")
    assert admin.session(session_id)["heldCount"] == 0
