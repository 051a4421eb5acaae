"""What is wrong with a client, in sentences: what happened, in which request, and what to do about it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from hydrobit.certify.counts import Given
from hydrobit.certify.seen import Carried, Outcome, Request, Seen


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a client does wrong, told to its author."""

    sentence: str
    requests: tuple[int, ...] = ()
    """The numbers of those that show it."""


Rule = Callable[[Seen], Iterator[Finding]]
"""Something that a client has to keep, and what breaks it. A pure function."""


def judge(seen: Seen, rules: Sequence[Rule]) -> tuple[Finding, ...]:
    """What the rules find, in their order."""
    return tuple(finding for rule in rules for finding in rule(seen))


@dataclass(frozen=True, slots=True)
class Refusal:
    """The answer by which a client first heard that a count is refused for good."""

    request: Request
    count: Given
    carried: Carried
    outcome: Outcome


def refusals(seen: Seen) -> Iterator[Refusal]:
    """Those of a scenario, one a count, in the order of the counts."""
    for count in seen.counts:
        for request, carried in seen.sendings(count):
            if request.is_heard and carried.outcome is not None and carried.outcome.is_refused:
                yield Refusal(request, count, carried, carried.outcome)
                break


def at_the_begin(request: Request) -> str:
    """A request as the first word of a sentence."""
    text = str(request)
    return text[0].upper() + text[1:]
