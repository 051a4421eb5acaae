"""The checks: what each asks of a client, what happens to it meanwhile, and by which rules it is judged."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from hydrobit.certify import arrival, faults, repeating, reports
from hydrobit.certify.faults import Fault
from hydrobit.certify.findings import Finding, Rule, judge
from hydrobit.certify.seen import Seen
from hydrobit.errors import Code

RETRY_AFTER_S = 2
AWAY_S = 1.0

ALWAYS: tuple[Rule, ...] = (
    arrival.ends,
    arrival.each_once,
    repeating.asks_again,
    repeating.same_again,
    reports.nothing_else,
)
"""What holds in every weather."""


@dataclass(frozen=True, slots=True)
class Check:
    """One row of the grade: a scenario of its own in a fresh space."""

    name: str
    asks: str
    faults: Mapping[int, Sequence[Fault]] = field(default_factory=dict)
    """By the number of a count, what the requests that carry it meet."""
    refused: Mapping[int, Code] = field(default_factory=dict)
    """The counts that the server refuses, and why."""
    away_s: float = 0
    """So long nobody listens at first."""
    renews: bool = False
    """Each start has another token."""
    rules: tuple[Rule, ...] = ()
    """Beside those that hold always."""

    def judge(self, seen: Seen) -> tuple[Finding, ...]:
        """What the client does wrong here; nothing where it passes."""
        return judge(seen, (*ALWAYS, *self.rules))


FIRST = "delivers"
"""The check without which no other says anything."""

CHECKS: tuple[Check, ...] = (
    Check(FIRST, "In fair weather each count arrives once, as the file says it."),
    Check(
        "lost-answers",
        "After a connection that broke without an answer it sends the same again.",
        {
            2: (faults.LOST_ANSWER,),
            4: (faults.LOST_REQUEST,),
            7: (faults.LOST_REQUEST, faults.LOST_ANSWER),
            9: (faults.LOST_ANSWER, faults.LOST_ANSWER),
            12: (faults.LOST_ANSWER,),
        },
    ),
    Check("away", "A server that cannot be reached at first is waited for.", away_s=AWAY_S),
    Check(
        "failures",
        "After 500, 502 and 503 it sends the same again, whether it was stored or not.",
        {
            2: (faults.FAILED_AFTER,),
            5: (faults.FAILED_BEFORE,),
            8: (faults.BAD_GATEWAY,),
            11: (faults.UNAVAILABLE,),
        },
    ),
    Check("portal", "A log-in page with status 200 counts as no answer.", {3: (faults.LOG_IN_PAGE,)}),
    Check(
        "order",
        "Each worker's counts stay in their order, also when one is slow or fails.",
        {1: (faults.SLOW,), 5: (faults.FAILED_BEFORE,)},
        rules=(arrival.in_order,),
    ),
    Check(
        "refusals",
        "A refused count is not sent again, and blocks no other.",
        refused={1: Code.idempotency_conflict, 6: Code.worker_not_found, 11: Code.clock_ahead},
        rules=(repeating.never_again,),
    ),
    Check(
        "reports",
        "A refused count is reported with the server's code.",
        refused={2: Code.clock_ahead, 7: Code.idempotency_conflict, 12: Code.worker_not_found},
        rules=(reports.each_refusal,),
    ),
    Check(
        "retry-after",
        "It comes back when the server has asked for it, and not before.",
        {3: (faults.busy(503, RETRY_AFTER_S),), 9: (faults.busy(429, RETRY_AFTER_S),)},
        rules=(repeating.waits_as_asked,),
    ),
    Check(
        "token",
        "A token that has expired costs no count: it stops, and goes on with the next token.",
        {4: (faults.EXPIRED,)},
        renews=True,
        rules=(repeating.holds_still,),
    ),
    Check(
        "killed",
        "Killed in the middle and started again, it goes on where it was.",
        {4: (faults.KILLED_AFTER,), 9: (faults.KILLED_BEFORE,)},
    ),
    Check(
        "outage",
        "A server that fails for long is asked until it answers.",
        {2: (faults.UNAVAILABLE,) * 5, 10: (faults.FAILED_BEFORE,) * 4},
    ),
)
"""In the order in which they are run."""
