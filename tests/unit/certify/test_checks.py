"""Each check is failed by a client that does one thing wrong, and by no other; who does nothing wrong passes all."""

import pytest

from hydrobit.certify.checks import CHECKS, FIRST, Check
from tests.naive_client import Sin
from tests.unit.certify.field import seen

FOUND_BY = {
    Sin.rounds_units: ("delivers", "stands in the ledger with units 1; its line says 1.001"),
    Sin.new_event_after_loss: ("lost-answers", "was counted 2 times"),
    Sin.forgets_when_away: (
        "away",
        "No request came at all. Send to CERTIFY_URL what the lines of CERTIFY_COUNTS say.",
    ),
    Sin.takes_502_for_a_refusal: ("failures", "was reported as refused (unknown), and is stored"),
    Sin.believes_any_200: ("portal", "a log-in page by the network, and never reached the server, and it was not sent"),
    Sin.puts_failed_last: ("order", "stands in the ledger before evt_field_005 of the same worker"),
    Sin.sends_in_parallel: ("order", "Send a worker's next count only when the one before has"),
    Sin.repeats_refused: ("refusals", "and sent again as it was in request 2. The same would be refused"),
    Sin.swallows_refused: ("reports", 'Print {"clientEventId": "evt_field_002", "code": "clock_ahead"}'),
    Sin.ignores_retry_after: ("retry-after", "Send nothing to this server until so many seconds have passed."),
    Sin.takes_401_for_a_refusal: ("token", "401 speaks of the token"),
    Sin.calls_on_without_token: ("token", "more came with the same token. Stop with a status that is not 0"),
    Sin.reports_by_status: ("reports", "and reported with the code '400'. Print {"),
    Sin.marks_before_sending: ("killed", "evt_field_009 is lost"),
    Sin.gives_up: ("outage", "is lost"),
}
"""The one check that finds a sin out, and what it says of it."""
FOUND_BY_SEVERAL = {
    Sin.ends_after_two: ("delivers", "and 7 more are lost, and were never sent. Send every line"),
    Sin.makes_own_events: ("delivers", "stands in the ledger with clientEventId made_up_1"),
    Sin.stops_at_refused: ("refusals", "never sent after request 1 had been refused with 409"),
    Sin.renames_refused: ("refusals", "and was recorded under another event id or with other content"),
    Sin.ends_badly_when_refused: ("refusals", "It ended with status 1, though nothing was left to do"),
    Sin.new_time_each_try: ("failures", "went out with recordedAtUtc"),
    Sin.believes_in_silence: ("lost-answers", "and nobody asked again. This time it was stored"),
}

CHECKS_BY_NAME = {check.name: check for check in CHECKS}


def failed(*sins: Sin) -> dict[str, list[str]]:
    """The checks that a client fails, with their sentences; the first one failed, no other is judged."""
    found: dict[str, list[str]] = {}
    for check in CHECKS:
        findings = check.judge(seen(check, *sins))
        if findings:
            found[check.name] = [finding.sentence for finding in findings]
        if FIRST in found:
            break
    return found


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_a_client_without_a_sin_passes(check: Check) -> None:
    assert check.judge(seen(check)) == ()


@pytest.mark.parametrize("sin", FOUND_BY, ids=lambda sin: sin.value)
def test_a_sin_fails_the_one_check_that_is_there_for_it(sin: Sin) -> None:
    name, words = FOUND_BY[sin]
    found = failed(sin)
    assert [*found] == [name]
    assert any(words in sentence for sentence in found[name]), found[name]


@pytest.mark.parametrize("sin", FOUND_BY_SEVERAL, ids=lambda sin: sin.value)
def test_a_sin_that_hurts_in_many_ways_is_told_where_it_shows(sin: Sin) -> None:
    name, words = FOUND_BY_SEVERAL[sin]
    assert any(words in sentence for sentence in failed(sin)[name])


def test_each_check_has_a_client_that_fails_it_alone() -> None:
    assert {name for name, _ in FOUND_BY.values()} == {check.name for check in CHECKS}


def test_every_sin_is_found_out() -> None:
    assert FOUND_BY.keys() | FOUND_BY_SEVERAL.keys() == set(Sin)


def test_with_a_token_that_is_refused_it_ends_and_is_started_again() -> None:
    assert seen(CHECKS_BY_NAME["token"]).statuses == [1, 0]
