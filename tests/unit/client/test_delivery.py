"""The delivery of an outbox, told what came back, without a socket: what it sends, what it keeps, when it stops."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hydrobit.client.counts import count
from hydrobit.client.delivery import BULK_BYTES_MAX, BULK_LENGTH_MIN, Delivery, Progress
from hydrobit.client.outbox import Outbox, State
from hydrobit.client.steps import Answer, Pace
from tests.fields import RETRY_AFTER_S, Field, Ledger, failure

WORKERS = ("JS0315", "AG0110", "LM0622")
PATIENT = Pace(tries_max=100)
AT = "2025-10-19T14:30:00.000Z"


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    with Outbox(tmp_path / "outbox") as opened:
        yield opened


def fill(outbox: Outbox, length: int, **changes: Any) -> None:
    outbox.keep(
        [
            count(
                "session", WORKERS[number % 3], "A Picker", client_event_id=f"evt_{number}", recorded_at=AT, **changes
            )
            for number in range(length)
        ]
    )


def deliver(outbox: Outbox, field: Field, pace: Pace = PATIENT, told: list[Progress] | None = None) -> Progress:
    progress = None if told is None else told.append
    return field.run(Delivery(outbox, "user_1", pace, lambda: 0.0, progress).plan())


def expected(length: int) -> dict[str, list[str]]:
    return {
        worker: [f"evt_{number}" for number in range(length) if WORKERS[number % 3] == worker] for worker in WORKERS
    }


@pytest.mark.parametrize("seed", range(20))
def test_in_any_weather_each_count_is_there_once_and_in_order_per_worker(outbox: Outbox, seed: int) -> None:
    fill(outbox, 60)
    field = Field(Ledger(), seed)
    done = deliver(outbox, field, Pace(tries_max=1_000, bulk_length_first=16, bulk_length_max=32))
    assert (done.waiting, done.refused, done.stopped) == (0, 0, None)
    assert done.recorded + done.repeated == 60
    assert {worker: field.ledger.events(worker) for worker in WORKERS} == expected(60)
    assert {item.record_id for item in outbox.items(State.delivered)} == {f"rec_{number}" for number in range(60)}


def test_few_are_sent_one_by_one_and_a_backlog_in_bulk(outbox: Outbox) -> None:
    fill(outbox, BULK_LENGTH_MIN - 1)
    field = Field(Ledger())
    deliver(outbox, field)
    assert field.lengths == [1] * (BULK_LENGTH_MIN - 1)
    for number in range(BULK_LENGTH_MIN):
        outbox.record("session", "JS0315", "A Picker", client_event_id=f"more_{number}")
    deliver(outbox, field)
    assert field.lengths[-1] == BULK_LENGTH_MIN


def test_a_request_stays_below_the_size_that_every_road_takes(outbox: Outbox) -> None:
    fill(outbox, 30, evidence={"note": "x" * 60_000})
    field = Field(Ledger())
    assert deliver(outbox, field).recorded == 30
    assert max(len(request.body or b"") for request in field.sent) <= BULK_BYTES_MAX + 1_000


def test_a_lost_answer_halves_what_is_sent_and_success_doubles_it(outbox: Outbox) -> None:
    fill(outbox, 200)
    field = Field(Ledger())
    field.next.extend([None, None])
    deliver(outbox, field, Pace(bulk_length_first=64, bulk_length_max=64))
    assert field.lengths[:5] == [64, 32, 16, 32, 64]


def test_retry_after_is_kept_to_and_other_waits_double(outbox: Outbox) -> None:
    fill(outbox, 1)
    field = Field(Ledger())
    field.next.extend([failure(503, "busy"), None, None, Answer(502, b"")])
    deliver(outbox, field, Pace(wait_s_first=1, wait_s_max=5))
    assert field.waits == [RETRY_AFTER_S, 2, 4, 5]


def test_it_stops_after_so_many_tries_that_bring_nothing_and_nothing_is_lost(outbox: Outbox) -> None:
    fill(outbox, 5)
    field = Field(Ledger())
    field.next.extend([None] * 3)
    done = deliver(outbox, field, Pace(tries_max=3))
    assert done.waiting == 5
    assert "no answer" in (done.stopped or "")
    assert deliver(outbox, field).recorded == 5


@pytest.mark.parametrize("length", [1, 9])
def test_what_is_refused_is_a_dead_letter_and_the_rest_goes_on(outbox: Outbox, length: int) -> None:
    fill(outbox, length)
    refusal = (404, {"code": "session_not_found", "serverTime": AT})
    field = Field(Ledger(refuses={"evt_0": refusal}))
    done = deliver(outbox, field)
    assert (done.recorded, done.refused, done.waiting) == (length - 1, 1, 0)
    (letter,) = outbox.items(State.refused)
    assert (letter.event_id, letter.code, letter.sentence) == ("evt_0", "session_not_found", "It is refused.")
    assert len(field.sent) == 1


@pytest.mark.parametrize("length", [1, 9])
def test_what_the_server_holds_for_review_is_final_and_kept_apart(outbox: Outbox, length: int) -> None:
    fill(outbox, length)
    held = (409, {"code": "session_closed", "held": True, "heldId": "held_1"})
    done = deliver(outbox, Field(Ledger(refuses={"evt_0": held})))
    assert (done.recorded, done.held, done.refused) == (length - 1, 1, 0)
    assert [(item.event_id, item.held_id) for item in outbox.items(State.held)] == [("evt_0", "held_1")]


def test_a_token_that_has_expired_is_renewed_and_the_same_goes_on(outbox: Outbox) -> None:
    fill(outbox, 9)
    field = Field(Ledger())
    field.next.append(failure(401, "token_expired"))
    assert deliver(outbox, field).recorded == 9
    assert field.renewals == 1
    assert field.waits == []


def test_a_token_that_is_not_taken_after_all_stops_it_and_nothing_is_refused(outbox: Outbox) -> None:
    fill(outbox, 9)
    field = Field(Ledger())
    field.next.extend([failure(401, "token_expired")] * 2)
    done = deliver(outbox, field)
    assert (done.waiting, done.refused, done.stopped) == (9, 0, "It is token_expired.")


@pytest.mark.parametrize(("status", "code"), [(403, "role_forbidden"), (404, "unknown_path")])
def test_what_would_refuse_every_count_stops_it_and_none_is_a_dead_letter(
    outbox: Outbox, status: int, code: str
) -> None:
    fill(outbox, 9)
    field = Field(Ledger())
    field.next.append(failure(status, code))
    done = deliver(outbox, field)
    assert (done.waiting, done.refused, done.stopped) == (9, 0, f"It is {code}.")


def test_too_much_at_once_is_sent_in_parts(outbox: Outbox) -> None:
    fill(outbox, 40)
    field = Field(Ledger())
    field.next.append(failure(413, "body_too_large"))
    assert deliver(outbox, field).recorded == 40
    assert max(field.lengths[1:]) == 20


class Poisoned(Ledger):
    """A server that fails whenever one event is in a request, and stores nothing then."""

    def answer(self, request: Any) -> Answer:
        if "evt_4" in str(request.body):
            return failure(500, "internal")
        return super().answer(request)

    def healed(self) -> Ledger:
        return Ledger(self.records)


def test_a_count_that_the_server_fails_at_makes_its_worker_wait_and_blocks_nobody_in_the_end(outbox: Outbox) -> None:
    fill(outbox, 30)
    ledger = Poisoned()
    field = Field(ledger)
    done = deliver(outbox, field)
    assert (done.recorded, done.refused, done.waiting) == (29, 0, 1)
    assert done.stopped
    order = [event for _, _, event in field.ledger.records]
    assert order.index("evt_29") < order.index("evt_7"), "others went on before those behind it"
    assert field.ledger.events("AG0110") == [event for event in expected(30)["AG0110"] if event != "evt_4"]
    assert [item.event_id for item in outbox.items(State.waiting)] == ["evt_4"]
    assert deliver(outbox, Field(ledger.healed())).waiting == 0


def test_a_server_that_fails_at_everything_loses_nothing(outbox: Outbox) -> None:
    fill(outbox, 30)
    field = Field(Ledger())
    field.next.extend([failure(500, "internal")] * 50)
    done = deliver(outbox, field, Pace(tries_max=50))
    assert (done.waiting, done.refused) == (30, 0)
    assert deliver(outbox, field).recorded == 30


def test_progress_is_told_after_each_answer(outbox: Outbox) -> None:
    fill(outbox, 9)
    told: list[Progress] = []
    deliver(outbox, Field(Ledger()), Pace(bulk_length_first=5, bulk_length_max=5), told)
    assert [(each.recorded, each.waiting) for each in told] == [(5, 4), (9, 0)]


def test_a_pause_is_told_before_it_begins(outbox: Outbox) -> None:
    fill(outbox, 1)
    field = Field(Ledger())
    field.next.append(failure(503, "busy"))
    told: list[Progress] = []
    deliver(outbox, field, PATIENT, told)
    assert [(each.recorded, each.waiting, each.pause_s is not None) for each in told] == [(0, 1, True), (1, 0, False)]


def test_every_count_names_its_sender_once(outbox: Outbox) -> None:
    fill(outbox, 1)
    field = Field(Ledger())
    deliver(outbox, field)
    assert json.loads(field.sent[0].body or b"")["auth0Id"] == "user_1"
