"""One call, repeated until it is answered: every operation of the server may be sent again as it is."""

from typing import TypeVar

from hydrobit.client.calls import Asked
from hydrobit.client.failures import Declined, Unanswered
from hydrobit.client.judging import Failure, Verdict, judge
from hydrobit.client.steps import Answer, Pace, Plan, Random, Renew, Send

A = TypeVar("A")


def ask(asked: Asked[A], user: str, pace: Pace, random: Random) -> Plan[A]:
    """What the server answers. Raises Declined; Unanswered after `pace.tries_max` tries."""
    request = asked.request(user)
    tries, may_renew = 0, True
    while True:
        answer: Answer | None = yield Send(request)
        if answer is not None and asked.is_head and answer.status in (200, 404):
            return asked.read(answer)
        told, failure = judge(answer)
        if told is Verdict.done and answer is not None:
            found = asked.try_read(answer)
            if found is not None:
                return found
            told = Verdict.passing  # a page of somebody else's, in the place of the answer
        if told is Verdict.stranger and may_renew:
            may_renew = False
            if (yield Renew()):
                continue
        if told not in (Verdict.passing, Verdict.failed):
            raise _declined(answer, failure)
        tries += 1
        if tries >= pace.tries_max:
            raise Unanswered(f"{request.method} {request.path} was not answered, {tries} times{_last(answer)}")
        yield pace.wait(tries, answer, random)


def _declined(answer: Answer | None, failure: Failure | None) -> Declined:
    assert answer is not None, "a lost answer declines nothing"
    if failure is None:
        return Declined(answer.status, "", "the server does not take the call", answer.body)
    return Declined(answer.status, failure.code, failure.sentence, answer.body)


def _last(answer: Answer | None) -> str:
    return "" if answer is None else f"; the last time with status {answer.status}"
