"""A session ends when its time is over, whether or not that was written yet (contract, "Sessions")."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hydrobit.demo import company as demo
from tests.callers import SESSIONS, Caller, bulk_codes, element, fresh_day, read_store, record_id, refusal
from tests.clocks import DAWN, ClockedServer, ManualClock, clocked

WRITTEN_S_MAX = 20


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClockedServer]:
    folder = tmp_path_factory.mktemp("clocked")
    ManualClock.at(folder / "clock").set(DAWN)
    with clocked(folder / "data", folder / "clock") as started:
        yield started


@pytest.fixture
def clock(server: ClockedServer) -> ManualClock:
    return server.clock


@pytest.fixture
def admin(server: ClockedServer) -> Iterator[Caller]:
    with Caller(server) as calling:
        yield calling


def until(is_so: Callable[[], bool]) -> None:
    """Looks again and again until it is so; fails after a while."""
    end = time.monotonic() + WRITTEN_S_MAX
    while not is_so():
        assert time.monotonic() < end, "it did not come to pass"


def written_close(server: ClockedServer, session_id: str) -> list[tuple[object, ...]]:
    question = "select closed_by, closed_reason, closed_at from session where session_id = ? and closed_at is not null"
    return read_store(server.data, question, session_id=session_id)


def test_a_session_is_open_until_its_last_millisecond(admin: Caller, clock: ManualClock) -> None:
    session_id = admin.opened(maxDurationHours=2)
    clock.forward(hours=2, milliseconds=-1)
    admin.counted(session_id, "evt_1", recordedAtUtc=clock.text())
    clock.forward(milliseconds=1)
    refusal(admin.count(session_id, "evt_2", recordedAtUtc=clock.text()), 409, "session_closed")


def test_it_counts_as_closed_at_once(server: ClockedServer, admin: Caller, clock: ManualClock) -> None:
    session_id = admin.opened(maxDurationHours=2)
    record = admin.counted(session_id, "evt_1", units=5, recordedAtUtc=clock.text())
    clock.forward(hours=2)
    ended_at = clock.text()
    clock.forward(hours=1)
    data = admin.session(session_id)
    assert (data["status"], data["closedAt"]) == ("closed", ended_at)
    assert (data["closedReason"], data["closedBy"]) == ("expired", "system")
    refusal(admin.void(record), 409, "session_closed")
    refusal(admin.change(session_id, notes="new"), 409, "session_closed")
    assert bulk_codes(admin.bulk(element(session_id, "evt_2", recordedAtUtc=clock.text()))) == [(409, "session_closed")]
    assert admin.count(session_id, "evt_1", units=5, recordedAtUtc=clock.text(hours=-3)).status_code == 200


def test_a_listed_session_has_the_status_of_the_moment(admin: Caller, clock: ManualClock) -> None:
    day = fresh_day()
    session_id = admin.opened(day=day, maxDurationHours=1)

    def listed(status: str) -> list[str]:
        items = admin.get(SESSIONS, params={"day": day, "status": status}).json()["data"]["items"]
        return [item["sessionId"] for item in items if item["status"] == status]

    assert (listed("open"), listed("closed")) == ([session_id], [])
    clock.forward(hours=1)
    assert (listed("open"), listed("closed")) == ([], [session_id])


def test_work_done_before_the_expiry_is_held(admin: Caller, clock: ManualClock) -> None:
    session_id = admin.opened(maxDurationHours=1)
    clock.forward(hours=2)
    late = refusal(admin.count(session_id, "evt_1", recordedAtUtc=clock.text(hours=-1.5)), 409, "session_closed")
    assert late["held"] is True
    after = refusal(admin.count(session_id, "evt_2", recordedAtUtc=clock.text(hours=-0.5)), 409, "session_closed")
    assert "held" not in after
    assert admin.session(session_id)["heldCount"] == 1


def test_a_close_after_the_expiry_answers_with_the_totals(admin: Caller, clock: ManualClock) -> None:
    session_id = admin.opened(maxDurationHours=1)
    admin.counted(session_id, "evt_1", units=5, recordedAtUtc=clock.text())
    clock.forward(hours=1)
    ended_at = clock.text()
    clock.forward(hours=5)
    for _ in range(2):
        answer = admin.close_session(session_id, auth0Id=demo.ADMIN)
        data = answer.json()["data"]
        assert (answer.status_code, data["closedAt"], data["totalUnits"]) == (200, ended_at, 5)
        assert data["workers"][0]["units"] == 5
    assert admin.session(session_id)["closedReason"] == "expired"


def test_the_owners_extension_opens_an_expired_session_again(admin: Caller, clock: ManualClock) -> None:
    session_id = admin.opened(maxDurationHours=2)
    clock.forward(hours=3)
    assert admin.extend(session_id, 4).status_code == 200
    data = admin.session(session_id)
    assert (data["status"], data["closedAt"], data["maxDurationHours"]) == ("open", None, 4)
    assert "closedReason" not in data
    admin.counted(session_id, "evt_1", recordedAtUtc=clock.text())
    clock.forward(hours=1)
    assert admin.session(session_id)["status"] == "closed"


def test_an_extension_that_is_over_already_is_refused(admin: Caller, clock: ManualClock) -> None:
    session_id = admin.opened(maxDurationHours=2)
    clock.forward(hours=5)
    refusal(admin.extend(session_id, 5), 409, "session_over")
    assert admin.extend(session_id, 6).status_code == 200


def test_an_extension_is_counted_from_the_opening(admin: Caller, clock: ManualClock) -> None:
    ends_at = clock.text(hours=6)
    session_id = admin.opened(maxDurationHours=2)
    clock.forward(hours=1)
    admin.extend(session_id, 6)
    assert admin.session(session_id)["expiresAt"] == ends_at


def test_a_late_sync_of_a_dawn_opening_lasts_from_its_arrival(admin: Caller, clock: ManualClock) -> None:
    ends_at = clock.text(hours=12)
    data = admin.open(openedAt=clock.text(hours=-30)).json()["data"]
    assert (data["status"], data["expiresAt"]) == ("open", ends_at)


def test_an_opening_ahead_of_the_server_lasts_from_itself(admin: Caller, clock: ManualClock) -> None:
    ends_at = clock.text(hours=20)
    data = admin.open(openedAt=clock.text(hours=8)).json()["data"]
    assert data["expiresAt"] == ends_at


def test_opening_writes_the_expiry_of_a_session_that_stands_in_the_way(
    server: ClockedServer, admin: Caller, clock: ManualClock
) -> None:
    day = fresh_day()
    first = admin.opened(day=day, maxDurationHours=1)
    clock.forward(hours=1)
    ended_at = clock.now()
    clock.forward(hours=1)
    second = admin.opened(day=day)
    assert second != first
    assert written_close(server, first) == [("system", "expired", ended_at)]


def test_another_user_may_take_the_place_of_an_expired_session(
    server: ClockedServer, admin: Caller, clock: ManualClock
) -> None:
    day = fresh_day()
    admin.opened(day=day, maxDurationHours=1)
    clock.forward(hours=1)
    with Caller(server, demo.SUPERVISOR) as supervisor:
        supervisor.opened(day=day)


def test_an_expired_session_is_not_opened_again_while_another_has_its_place(admin: Caller, clock: ManualClock) -> None:
    day = fresh_day()
    first = admin.opened(day=day, maxDurationHours=1)
    clock.forward(hours=1)
    second = admin.opened(day=day, maxDurationHours=2)
    assert refusal(admin.extend(first, 40), 409, "session_already_open")["existing"]["sessionId"] == second
    clock.forward(hours=2)
    assert admin.extend(first, 40).status_code == 200, "the other's time is over too"
    assert refusal(admin.extend(second, 40), 409, "session_already_open")["existing"]["sessionId"] == first


def test_a_session_closed_by_hand_stays_closed_when_its_time_is_over(admin: Caller, clock: ManualClock) -> None:
    session_id = admin.opened(maxDurationHours=1)
    admin.close_session(session_id)
    clock.forward(hours=2)
    refusal(admin.extend(session_id, 40), 409, "session_closed")
    refusal(admin.close_session(session_id), 409, "session_closed")
    assert admin.session(session_id)["closedReason"] == "manual"


def test_held_work_that_is_counted_after_an_extension_is_held_no_more(admin: Caller, clock: ManualClock) -> None:
    session_id = admin.opened(maxDurationHours=1)
    recorded_at = clock.text()
    clock.forward(hours=2)
    refusal(admin.count(session_id, "evt_1", recordedAtUtc=recorded_at), 409, "session_closed")
    refusal(admin.count(session_id, "evt_2", recordedAtUtc=recorded_at), 409, "session_closed")
    admin.extend(session_id, 4)
    admin.counted(session_id, "evt_1", recordedAtUtc=recorded_at)
    data = admin.session(session_id)
    assert (data["totalUnits"], data["heldCount"]) == (1, 1)


def test_held_work_is_not_replaced_by_other_content_after_an_extension(admin: Caller, clock: ManualClock) -> None:
    session_id = admin.opened(maxDurationHours=1)
    recorded_at = clock.text()
    clock.forward(hours=2)
    held = refusal(admin.count(session_id, "evt_1", recordedAtUtc=recorded_at, units=3), 409, "session_closed")
    admin.extend(session_id, 4)
    other = admin.count(session_id, "evt_1", recordedAtUtc=recorded_at, units=7)
    refused = refusal(other, 409, "idempotency_conflict")
    assert "units: stored 3, sent 7" in refused["error"]
    assert refused["existing"]["heldId"] == held["heldId"]
    data = admin.session(session_id)
    assert (data["totalUnits"], data["heldCount"]) == (0, 1)


def test_a_void_repeated_after_the_expiry_is_answered(admin: Caller, clock: ManualClock) -> None:
    session_id = admin.opened(maxDurationHours=1)
    record = admin.counted(session_id, "evt_1", recordedAtUtc=clock.text())
    void = record_id(admin.void(record))
    clock.forward(hours=1)
    again = admin.void(record)
    assert (again.status_code, record_id(again)) == (200, void)


def test_a_token_counts_until_the_clocks_time_is_past_it(server: ClockedServer, clock: ManualClock) -> None:
    with Caller(server, token=server.token(lifetime_s=3600)) as admin:
        assert admin.get(SESSIONS).status_code == 200
        clock.forward(hours=2)
        refusal(admin.get(SESSIONS), 401, "token_expired")


def test_the_job_writes_what_time_has_closed(tmp_path: Path) -> None:
    clock = ManualClock.at(tmp_path / "clock")
    clock.set(DAWN)
    with clocked(tmp_path / "data", tmp_path / "clock") as server, Caller(server) as admin:
        session_id = admin.opened(maxDurationHours=1)
        clock.forward(hours=1)
        ended_at = clock.now()
        assert written_close(server, session_id) == []
    clock.forward(hours=1)
    with clocked(tmp_path / "data", tmp_path / "clock") as server:
        until(lambda: bool(written_close(server, session_id)))
        assert written_close(server, session_id) == [("system", "expired", ended_at)]
