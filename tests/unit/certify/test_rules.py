"""What the rules say of clients that no sin of the naive one stands for."""

from dataclasses import replace
from decimal import Decimal

import pytest

from hydrobit.certify import arrival, counts, repeating, reports
from hydrobit.certify.checks import CHECKS, Check
from hydrobit.certify.faults import LOST_ANSWER
from hydrobit.certify.findings import Rule, judge
from hydrobit.certify.seen import End, Outcome, Record, Report, Request, Seen
from hydrobit.certify.watch import RECORDS
from tests.naive_client import Sin
from tests.unit.certify.field import seen

FAIR = CHECKS[0]
LOSING = Check("losing", "One answer is lost.", {4: (LOST_ANSWER,)})


def sentences(found: Seen, *rules: Rule) -> list[str]:
    return [finding.sentence for finding in judge(found, rules)]


def test_a_record_that_no_line_asks_for_is_told() -> None:
    found = seen(FAIR)
    extra = Record("heartbeat", "JS0315", Decimal(99), found.records[0].recorded_at)
    (sentence,) = sentences(replace(found, records=[*found.records, extra]), arrival.each_once)
    assert sentence.startswith("The ledger holds 99 units of JS0315 as heartbeat, which no line asks for.")


def test_a_count_of_another_worker_or_time_is_told() -> None:
    found = seen(FAIR)
    changed = replace(found.records[0], worker_id="AG0110", recorded_at="2025-10-19T14:00:00.000Z")
    said = sentences(replace(found, records=[changed, *found.records[1:]]), arrival.each_once)
    assert [sentence.partition(" with ")[2].partition(" ")[0] for sentence in said] == ["workerId", "recordedAtUtc"]


def test_many_that_were_never_sent_are_one_finding() -> None:
    (sentence,) = sentences(seen(FAIR, Sin.ends_after_two), arrival.each_once)
    assert sentence == (
        "evt_field_003, evt_field_004, evt_field_005 and 7 more are lost, and were never sent. Send every line, "
        "whatever became of another."
    )


def test_who_asks_for_the_key_need_not_send_again() -> None:
    found = seen(LOSING, Sin.believes_in_silence)
    assert sentences(found, repeating.asks_again)
    key = f"{RECORDS}/check-idempotency?key=client%3Asession%3AJS0315%3Aevt_field_004"
    look = Request(len(found.requests) + 1, 1, found.seconds, "HEAD", key, status=200)
    assert sentences(replace(found, requests=[*found.requests, look]), repeating.asks_again) == []
    elsewhere = replace(look, path=f"{RECORDS}?named=evt_field_004")
    assert sentences(replace(found, requests=[*found.requests, elsewhere]), repeating.asks_again)


def test_units_may_be_written_in_another_way() -> None:
    found = seen(LOSING)
    first, *others = (request for request in found.requests if request.counts[0].count == found.counts[3])
    (carried,) = first.counts
    again = replace(carried, said={**carried.said, "units": "4.0040"})
    assert sentences(replace(found, requests=[first, replace(others[0], counts=(again,))]), repeating.same_again) == []


def test_a_200_of_the_server_is_no_refusal() -> None:
    told = replace(seen(LOSING), reports=[Report("evt_field_004", "idempotent")])
    (sentence,) = sentences(told, reports.nothing_else)
    assert "was reported as refused (idempotent), and is stored. Request 4 was stored, and its answer" in sentence


def test_what_was_on_its_way_is_not_too_early_and_a_repeat_is() -> None:
    (check,) = (check for check in CHECKS if check.name == "retry-after")
    found = seen(check)
    asking = next(request for request in found.requests if request.fault is not None)
    assert asking.answered_at is not None
    another = replace(found.requests[0], number=98, at=asking.answered_at + 0.05)
    assert sentences(replace(found, requests=[asking, another]), repeating.waits_as_asked) == []
    repeat = replace(asking, number=99, at=asking.answered_at + 0.05, fault=None)
    (sentence,) = sentences(replace(found, requests=[asking, repeat]), repeating.waits_as_asked)
    assert "request 99 came 0.1 s later" in sentence


def test_each_end_that_is_none_is_told() -> None:
    found = replace(seen(FAIR), seconds=60.2, statuses=[3, 3], complaint="No route to host", records=[], requests=[])
    assert sentences(found, arrival.ends) == []
    said = {end: sentences(replace(found, end=end), arrival.ends)[0] for end in End if end is not End.done}
    assert said[End.time].startswith("It was stopped after 60 s, with 0 of 12 counts stored.")
    assert said[End.flood].startswith("It was stopped after 0 requests for 12 counts.")
    assert said[End.not_started] == "The command cannot be started: No route to host"
    assert said[End.gave_up] == (
        "It ended with status 3 each of the 2 times that it was started, with 0 of 12 counts stored. It said: No route "
        "to host"
    )


def test_a_finding_names_the_requests_that_show_it() -> None:
    (finding,) = judge(seen(LOSING, Sin.believes_in_silence), [repeating.asks_again])
    assert finding.requests == (4,)


@pytest.mark.parametrize(
    ("status", "is_refused"),
    [(200, False), (201, False), (400, True), (409, True), (422, True)]
    + [(status, False) for status in (401, 408, 425, 429, 500, 503)],
)
def test_only_a_status_about_the_count_itself_refuses_it(status: int, is_refused: bool) -> None:
    assert Outcome(status).is_refused is is_refused


@pytest.mark.parametrize("units", ["sNaN", "NaN", "Infinity", "many", None, []])
def test_what_is_no_number_is_no_units(units: object) -> None:
    assert counts.units_of({"units": units}) is None


def test_half_a_character_is_no_text_that_anybody_reads() -> None:
    told = '{"clientEventId": "evt_1", "code": "%s"}'
    assert [report.code for report in reports.read(told % "wrong_type")] == ["wrong_type"]
    assert list(reports.read(told % "\\ud800")) == []
