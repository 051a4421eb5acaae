"""How an outbox gets to the server: what to send next, told what came back. One request is under way at a time.

The order of each worker's counts is that of handing in. A lost answer is met by sending the same again, which the
server counts once. Nothing is sent past a count of the same worker that has no outcome yet. A count that the server
fails at makes its worker wait, and nobody else; after many failures it is passed over until the others are through.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import msgspec
from msgspec import UnsetType

from hydrobit.client import calls
from hydrobit.client.judging import Failure, Verdict, judge, verdict
from hydrobit.client.outbox import Item, Outbox, Outcome, State
from hydrobit.client.steps import Answer, Keep, Pace, Plan, Random, Renew, Request, Send
from hydrobit.wire.records import BulkOutcome, BulkResult

BULK_LENGTH_MIN = 4
"""Fewer are sent one by one: each is told apart then, and small requests get through where large ones do not."""
BULK_BYTES_MAX = 512 * 1024
"""Fits a packet of MQTT, too."""
FAILURES_MAX = 6
"""So often the server may fail at a count in a delivery, until what the same worker did later is sent before it."""
_SHRINK_FAILED = 8


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a delivery has come: its own outcomes, and what still waits."""

    recorded: int = 0
    repeated: int = 0
    """Counted by an earlier request whose answer was lost."""
    held: int = 0
    refused: int = 0
    waiting: int = 0
    stopped: str | None = None
    """At the end, why some still wait; None where all have an outcome."""
    pause_s: float | None = None
    """So long it waits now, after an answer that brought nothing, or none."""


@dataclass(slots=True)
class _Told:
    """What one answer says of each item, in order."""

    outcomes: Sequence[Outcome | None]
    repeated: int = 0


class Delivery:
    """One delivery; `plan` is what a shell runs."""

    def __init__(
        self,
        outbox: Outbox,
        user: str,
        pace: Pace,
        random: Random,
        progress: Callable[[Progress], None] | None = None,
    ) -> None:
        self._outbox, self._user, self._pace, self._random = outbox, user, pace, random
        self._tell = progress or _nothing
        self._done = Progress()
        self._length, self._length_max = pace.bulk_length_first, pace.bulk_length_max
        self._tries = 0
        self._may_renew = True
        self._failures: Counter[int] = Counter()
        self._waits: set[str] = set()
        """Workers whose first count the server failed at."""
        self._over: set[int] = set()
        """Counts that are passed over."""
        self._proven: set[int] = set()
        """Those that were tried once more when another had gone through."""

    def plan(self) -> Plan[Progress]:
        """Until nothing waits, or nothing can be done. Raises OutboxInUse, OutboxError, NotKept."""
        with self._outbox.sending():
            stopped = None
            while stopped is None:
                found: list[Item] = yield Keep(self._next())
                if found:
                    stopped = yield from self._send(_fitting(found))
                elif self._waits:
                    self._waits.clear()
                elif self._over:
                    stopped = yield from self._once_more()
                else:
                    break
            waiting: int = yield Keep(self._waiting)
            return replace(self._done, waiting=waiting, stopped=stopped)

    def _once_more(self) -> Plan[str | None]:
        """Nothing is left but what was passed over."""
        left = len(self._over)
        self._over.clear()
        is_over = yield from self._wait(None)
        return f"the server fails at {left} of the counts, whenever they are sent" if is_over else None

    def _next(self) -> Callable[[], list[Item]]:
        """Past a count that was passed over, one goes alone: it shows whether the server fails at everything."""
        length = 1 if self._over - self._proven else self._length
        return partial(self._outbox.waiting, length, frozenset(self._waits), frozenset(self._over))

    def _waiting(self) -> int:
        return self._outbox.counts()[State.waiting]

    def _send(self, items: Sequence[Item]) -> Plan[str | None]:
        """Sends some, and does what their answer asks for; returns why to stop, if so."""
        answer: Answer | None = yield Send(self._request(items))
        whole, failure = judge(answer)
        told = _told(items, answer, whole, failure)
        if told is not None:
            return (yield from self._settle(items, told, answer))
        match whole:
            case Verdict.stranger:
                return (yield from self._renew(failure))
            case Verdict.stop:
                return failure.sentence if failure is not None else "the server does not take the call"
            case Verdict.too_much | Verdict.held | Verdict.refused:
                self._length_max = self._length = max(1, len(items) // 2)  # each will have its own answer in the end
                return None
            case Verdict.failed:
                return (yield from self._failed(items, answer))
        self._length = max(1, len(items) // 2)
        return (yield from self._wait(answer))

    def _request(self, items: Sequence[Item]) -> Request:
        if len(items) == 1:
            return calls.record(items[0].body).request(self._user)
        return calls.record_many([item.body for item in items]).request(self._user)

    def _settle(self, items: Sequence[Item], told: _Told, answer: Answer | None) -> Plan[str | None]:
        """Writes down what is final; whoever the server failed at waits."""
        final = [outcome for outcome in told.outcomes if outcome is not None]
        proven = frozenset(self._proven)
        if final:
            yield Keep(partial(self._outbox.settle, final))
            self._add(final, told.repeated)
            waiting: int = yield Keep(self._waiting)
            self._tell(replace(self._done, waiting=waiting))
            self._length = min(self._length_max, max(self._length, len(items)) * 2)
            self._tries, self._may_renew = 0, True
            self._proven |= self._over  # unless they go through now that another did
            self._over -= self._proven - proven
        behind = [item for item, outcome in zip(items, told.outcomes, strict=True) if outcome is None]
        for item in behind:
            self._fault(item)
        return None if final else (yield from self._wait(answer))

    def _failed(self, items: Sequence[Item], answer: Answer | None) -> Plan[str | None]:
        """The server failed at all of them: fewer at once, down to the one that it fails at."""
        self._length = max(1, len(items) // _SHRINK_FAILED)
        if len(items) == 1:
            self._fault(items[0])
        return (yield from self._wait(answer))

    def _fault(self, item: Item) -> None:
        self._failures[item.number] += 1
        self._waits.add(item.worker_id)
        if self._failures[item.number] >= FAILURES_MAX:
            self._over.add(item.number)

    def _add(self, outcomes: Sequence[Outcome], repeated: int) -> None:
        states = [outcome.state for outcome in outcomes]
        done = self._done
        delivered = states.count(State.delivered)
        self._done = Progress(
            done.recorded + delivered - repeated,
            done.repeated + repeated,
            done.held + states.count(State.held),
            done.refused + states.count(State.refused),
        )

    def _renew(self, failure: Failure | None) -> Plan[str | None]:
        if self._may_renew:
            self._may_renew = False
            if (yield Renew()):
                return None
        return failure.sentence if failure is not None else "the token is not taken"

    def _wait(self, answer: Answer | None) -> Plan[str | None]:
        self._tries += 1
        if self._tries >= self._pace.tries_max:
            last = "" if answer is None else f"; the last time with status {answer.status}"
            return f"the server gave no answer to be used, {self._tries} times{last}"
        pause = self._pace.wait(self._tries, answer, self._random)
        waiting: int = yield Keep(self._waiting)
        self._tell(replace(self._done, waiting=waiting, pause_s=pause.seconds))
        yield pause
        return None


def _nothing(_: Progress) -> None:
    """Nobody wants to know."""


def _fitting(items: Sequence[Item]) -> Sequence[Item]:
    """As many of the first as one request takes: one alone, where few wait."""
    if len(items) < BULK_LENGTH_MIN:
        return items[:1]
    size = 0
    for place, item in enumerate(items):
        size += len(msgspec.json.encode(item.body)) + 1
        if size > BULK_BYTES_MAX and place:
            return items[:place]
    return items


def _told(items: Sequence[Item], answer: Answer | None, whole: Verdict, failure: Failure | None) -> _Told | None:
    """What an answer says of each; None where it speaks of none of them."""
    if whole is Verdict.done and answer is not None:
        return _read(items, answer)
    if whole in (Verdict.held, Verdict.refused, Verdict.too_much) and len(items) == 1 and failure is not None:
        return _Told([_refusal(items[0], whole, failure)])
    return None


def _read(items: Sequence[Item], answer: Answer) -> _Told | None:
    """None where it is no answer to this request."""
    try:
        if len(items) == 1:
            data = calls.record(items[0].body).read(answer)
            done = Outcome(items[0].number, State.delivered, data.payloadPreview.recordId)
            return _Told([done], int(data.idempotent))
        results = msgspec.json.decode(answer.body, type=BulkOutcome).results
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if [result.index for result in results] != [*range(len(items))]:
        return None
    outcomes = [_outcome(item, result) for item, result in zip(items, results, strict=True)]
    return _Told(outcomes, sum(result.statusCode == 200 for result in results))


def _outcome(item: Item, result: BulkResult) -> Outcome | None:
    """None while it has to be sent again."""
    told = verdict(result.statusCode, _said(result.code) or "", held=result.held is True)
    if told is Verdict.done:
        return _delivered(item, result)
    if told in (Verdict.passing, Verdict.failed):
        return None
    state = State.held if told is Verdict.held else State.refused
    said = (result.heldId, result.code, result.error, result.serverTime)
    return Outcome(item.number, state, None, *map(_said, said))


def _delivered(item: Item, result: BulkResult) -> Outcome | None:
    if isinstance(result.payloadPreview, UnsetType):
        return None
    return Outcome(item.number, State.delivered, result.payloadPreview.recordId)


def _said(text: str | UnsetType) -> str | None:
    return None if isinstance(text, UnsetType) else text


def _refusal(item: Item, told: Verdict, failure: Failure) -> Outcome:
    state = State.held if told is Verdict.held else State.refused
    return Outcome(item.number, state, None, failure.held_id, failure.code, failure.sentence, failure.server_time)
