"""A simulated field for the naive client: the checks' own faults and log, a plain ledger, and a clock that jumps."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from hydrobit.certify import counts, faults, reports
from hydrobit.certify.checks import Check
from hydrobit.certify.counts import Given
from hydrobit.certify.faults import EXPIRED, Body, Fault, Plan
from hydrobit.certify.seen import End, Record, Seen, heard
from hydrobit.certify.watch import RECORDS, Watch
from hydrobit.errors import CATALOGUE
from hydrobit.kit.instants import read_instant
from tests.naive_client import Answer, NaiveClient, Sin

NOW = read_instant("2025-10-19T14:30:00.000Z")
STARTS_MAX, REQUESTS_MAX = 6, 200
STEP_S = 0.01


class Killed(BaseException):
    """The process is gone."""


class Flood(BaseException):
    """More requests than anybody needs."""


@dataclass
class World:
    """All that outlives a start of the client. Fits `tests.naive_client.World`."""

    check: Check
    counts: tuple[Given, ...]
    watch: Watch
    records: list[Record] = field(default_factory=list)
    printed: list[str] = field(default_factory=list)
    marked: set[str] = field(default_factory=set)
    now: float = 0
    start: int = 0
    expired_start: int = 0
    ids: int = 0

    def post(self, body: Mapping[str, Any]) -> Answer | None:
        self.now += STEP_S
        if self.now < self.check.away_s:
            raise ConnectionRefusedError
        if len(self.watch.requests) >= REQUESTS_MAX:
            raise Flood
        instead = EXPIRED if self.expired_start == self.start else None
        request = self.watch.came(self.start, self.now, "POST", RECORDS, json.dumps(body).encode(), instead)
        fault = request.fault
        answer: Answer | None = None
        if fault is None or fault.is_stored:
            answer = self._take(body)
            self.watch.decided(request.number, answer.status, json.dumps(answer.body).encode())
        if fault is not None:
            answer = self._meet(fault, answer)
        self.now += STEP_S
        if answer is not None:
            self.watch.answered(request.number, answer.status, self.now)
        return answer

    def _meet(self, fault: Fault, answer: Answer | None) -> Answer | None:
        if fault.kills:
            raise Killed
        if fault.expires:
            self.expired_start = self.start
        if fault.is_answered:
            return answer
        if fault.status is None:
            return None
        status, _, body = faults.told(fault)
        return Answer(status, json.loads(body) if fault.body is Body.server else None, fault.retry_after_s)

    def _take(self, body: Mapping[str, Any]) -> Answer:
        count = counts.known(self.counts, body)
        if count is not None and count.refused and body["clientEventId"] == count.event_id:
            meaning = CATALOGUE[count.refused]
            return Answer(meaning.status, {"status": "error", "code": count.refused.value, "error": "No."}, None)
        for record in self.records:
            if (record.event_id, record.worker_id) == (body["clientEventId"], body["workerId"]):
                if record.recorded_at != body["recordedAtUtc"]:
                    return Answer(409, {"status": "error", "code": "idempotency_conflict", "error": "No."}, None)
                return Answer(200, {"status": "success"}, None)
        units = Decimal(str(body["units"]))
        self.records.append(Record(body["clientEventId"], body["workerId"], units, body["recordedAtUtc"]))
        return Answer(201, {"status": "success"}, None)

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def at_once(self, jobs: Iterable[Callable[[], None]]) -> None:
        """The first of two is always the slower one."""
        left = list(jobs)
        while left:
            for job in reversed(left[:4]):
                job()
            left = left[4:]

    def say(self, line: str) -> None:
        self.printed.append(line)

    def done(self) -> set[str]:
        return set(self.marked)

    def mark(self, event_id: str) -> None:
        self.marked.add(event_id)

    def unmark(self, event_id: str) -> None:
        self.marked.discard(event_id)

    def new_id(self) -> str:
        self.ids += 1
        return f"made_up_{self.ids}"


def seen(check: Check, *sins: Sin) -> Seen:
    """What a naive client does in a check."""
    given = counts.made(NOW, check.refused)
    world = World(check, given, Watch(given, Plan(check.faults)))
    statuses: list[int] = []
    end = End.gave_up
    while len(statuses) < STARTS_MAX and end is End.gave_up:
        world.start += 1
        try:
            status = NaiveClient(world, "user_1", "session", [count.members for count in given], set(sins)).run()
        except Killed:
            statuses.append(-9)
            continue
        except Flood:
            end = End.flood
            break
        statuses.append(status)
        end = End.done if status == 0 else End.gave_up
        if all(heard(world.watch.requests, count) for count in given):
            break
    told = tuple(reports.read("\n".join(world.printed)))
    return Seen(given, world.watch.requests, world.records, told, end, statuses, world.now)
