"""The file of the outbox: what it keeps, what it refuses, who may send it, and a disk without room."""

import sqlite3
import stat
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from hydrobit.client.failures import NotKept, OutboxError, OutboxInUse
from hydrobit.client.outbox import DELIVERED_KEPT_MAX, FORM, Outbox, Outcome, State
from hydrobit.errors import Refused
from tests.embedded import DAWN, MovedClock

WORKER = ("session", "JS0315", "John Smith")
PAGES_MAX = 30


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    with Outbox(tmp_path / "outbox", clock=MovedClock()) as opened:
        yield opened


def test_a_count_is_there_again_when_the_file_is_opened_anew(outbox: Outbox) -> None:
    kept = outbox.record(*WORKER, units=Decimal("2.50"), evidence={"gross": 21.5})
    with Outbox(outbox.path) as other:
        (found,) = other.waiting(10)
    assert found == kept
    assert (found.body["units"], found.body["recordedAtUtc"]) == (2.5, "2025-10-19T14:00:00.000Z")
    assert found.event_id.startswith("evt_")


def test_the_same_event_again_is_the_first_one_and_other_content_is_refused(outbox: Outbox) -> None:
    first = outbox.record(*WORKER, units=5, client_event_id="evt_1")
    assert outbox.record(*WORKER, units=5, client_event_id="evt_1") == first
    with pytest.raises(Refused, match="evt_1 was handed in before"):
        outbox.record(*WORKER, units=6, client_event_id="evt_1")
    assert outbox.counts()[State.waiting] == 1


def test_an_event_is_told_apart_by_session_and_worker_however_the_worker_is_typed(outbox: Outbox) -> None:
    first = outbox.record("session", "js0315", "John Smith", client_event_id="evt_1")
    assert outbox.record(*WORKER, client_event_id="evt_1") == first
    assert outbox.record("session", "AG0110", "Ana", client_event_id="evt_1") != first


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"units": -1}, "units"),
        ({"units": 0.1234567}, "units"),
        ({"units": float("nan")}, "units"),
        ({"units": True}, "units"),
        ({"units": 1_000_001}, "units"),
        ({"recorded_at": "yesterday"}, "recordedAtUtc"),
        ({"client_event_id": " "}, "clientEventId"),
        ({"idempotency_key": ""}, "idempotencyKey"),
        ({"device_seq": 0, "device_id": "d"}, "deviceSeq"),
    ],
)
def test_what_the_server_could_not_read_is_refused_and_not_kept(
    outbox: Outbox, changes: dict[str, Any], field: str
) -> None:
    with pytest.raises(Refused, match=field):
        outbox.record(*WORKER, **changes)
    assert outbox.counts()[State.waiting] == 0


def test_a_clock_that_jumps_back_changes_no_order(tmp_path: Path) -> None:
    clock = MovedClock(DAWN)
    with Outbox(tmp_path / "outbox", clock=clock) as outbox:
        for hours in (0, -100_000, 300_000, -5):
            clock.forward_hours(hours)
            outbox.record(*WORKER, units=abs(hours) / 1_000_000)
        assert [item.number for item in outbox.waiting(10)] == [1, 2, 3, 4]


def test_a_full_disk_refuses_the_count_and_keeps_what_was_kept(outbox: Outbox) -> None:
    outbox._file.execute(f"pragma max_page_count = {PAGES_MAX}")
    kept = 0
    with suppress(NotKept):
        while True:
            outbox.record(*WORKER, client_event_id=f"evt_{kept}", evidence={"note": "x" * 3_000})
            kept += 1
    with pytest.raises(NotKept, match="full"):
        outbox.record(*WORKER, client_event_id="another", evidence={"note": "x" * 3_000})
    assert kept > 0
    with Outbox(outbox.path) as other:
        assert [item.event_id for item in other.waiting(100)] == [f"evt_{number}" for number in range(kept)]
    outbox._file.execute("pragma max_page_count = 10000")
    assert outbox.record(*WORKER, client_event_id=f"evt_{kept}").number == kept + 1


def test_many_are_kept_together_or_not_at_all(outbox: Outbox) -> None:
    made = [outbox.record(*WORKER, client_event_id="evt_1").body]
    made += [{**made[0], "clientEventId": "evt_2"}, {**made[0], "units": 9}]
    with pytest.raises(Refused):
        outbox.keep(made)
    assert outbox.counts()[State.waiting] == 1


def test_one_at_a_time_sends_and_others_hand_in_meanwhile(outbox: Outbox) -> None:
    with Outbox(outbox.path) as other, outbox.sending():
        with pytest.raises(OutboxInUse), other.sending():
            raise AssertionError("two send")
        other.record(*WORKER)
    with Outbox(outbox.path) as other, other.sending():
        assert other.counts()[State.waiting] == 1


def test_threads_hand_in_at_once(outbox: Outbox) -> None:
    threads = [threading.Thread(target=outbox.record, args=WORKER) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outbox.counts()[State.waiting] == 8


def refuse(outbox: Outbox, number: int) -> None:
    outbox.settle([Outcome(number, State.refused, code="session_not_found", sentence="There is none.")])


def test_a_dead_letter_is_handed_in_anew_with_what_was_put_right(outbox: Outbox) -> None:
    number = outbox.record(*WORKER, client_event_id="evt_1").number
    refuse(outbox, number)
    again = outbox.again(number, sessionId="other")
    assert (again.state, again.event_id, again.body["sessionId"], again.code) == (State.waiting, "evt_1", "other", None)
    with pytest.raises(OutboxError, match="waiting"):
        outbox.again(number)


@pytest.mark.parametrize("changes", [{"workerId": ""}, {"worker": "JS0315"}, {"recordedAtUtc": "now"}])
def test_a_dead_letter_that_is_not_put_right_stays_one(outbox: Outbox, changes: dict[str, str]) -> None:
    number = outbox.record(*WORKER).number
    refuse(outbox, number)
    with pytest.raises(Refused):
        outbox.again(number, **changes)
    assert outbox.item(number).state is State.refused


def test_only_what_has_its_outcome_can_be_forgotten(outbox: Outbox) -> None:
    number = outbox.record(*WORKER).number
    with pytest.raises(OutboxError, match="waiting"):
        outbox.forget(number)
    refuse(outbox, number)
    outbox.forget(number)
    with pytest.raises(OutboxError, match="no count"):
        outbox.item(number)


def test_what_was_delivered_is_known_for_a_while_and_then_forgotten(outbox: Outbox) -> None:
    first = outbox.record(*WORKER, client_event_id="evt_1")
    outbox.settle([Outcome(first.number, State.delivered, "rec_1")])
    assert outbox.record(*WORKER, client_event_id="evt_1").record_id == "rec_1"
    made = [{**first.body, "clientEventId": f"more_{number}"} for number in range(DELIVERED_KEPT_MAX)]
    outbox.settle([Outcome(item.number, State.delivered) for item in outbox.keep(made)])
    assert outbox.counts()[State.delivered] == DELIVERED_KEPT_MAX


def test_the_file_is_its_owners_alone(outbox: Outbox) -> None:
    assert stat.S_IMODE(outbox.path.stat().st_mode) == 0o600


def test_a_file_of_another_release_or_of_something_else_is_not_touched(tmp_path: Path) -> None:
    newer = tmp_path / "newer"
    with closing(sqlite3.connect(newer)) as file:
        file.execute(f"pragma user_version = {FORM + 1}")
    with pytest.raises(OutboxError, match="another release"):
        Outbox(newer)
    letter = tmp_path / "letter"
    letter.write_text("Dear all, " * 1_000)
    with pytest.raises(OutboxError):
        Outbox(letter)
    assert letter.read_text().startswith("Dear all")
