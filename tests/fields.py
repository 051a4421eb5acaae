"""A field between a client's plan and a server, seeded: answers are lost, requests come twice and late, servers fail.

The server is a plain model of what the contract promises of records; the plan and its outbox are the real ones.
"""

import json
from collections import Counter, deque
from dataclasses import dataclass, field
from random import Random
from typing import Any, TypeVar

from hydrobit.client.steps import Answer, Keep, Plan, Renew, Request, Send, Wait

T = TypeVar("T")
Json = dict[str, Any]
STEPS_MAX = 20_000
RETRY_AFTER_S = 7


@dataclass
class Ledger:
    """Records in the order in which they were first taken, by the key of their event."""

    records: dict[tuple[str, str, str], Json] = field(default_factory=dict)
    refuses: dict[str, tuple[int, Json]] = field(default_factory=dict)
    """What is answered to an event, by its id, in the place of a record."""

    def take(self, record: Json) -> tuple[int, Json]:
        """Status and answer of one record."""
        if record["clientEventId"] in self.refuses:
            status, more = self.refuses[record["clientEventId"]]
            return status, {"status": "error", "message": "It is refused.", "error": "It is refused.", **more}
        key = (record["sessionId"], record["workerId"], record["clientEventId"])
        known = key in self.records
        self.records.setdefault(key, record)
        preview = {name: record[name] for name in ("sessionId", "workerId", "units")}
        preview["recordId"] = f"rec_{[*self.records].index(key)}"
        return (200 if known else 201), {"payloadPreview": preview, "idempotent": known}

    def answer(self, request: Request) -> Answer:
        body = json.loads(request.body or b"")
        if request.path.endswith("/bulk"):
            results = [_result(number, *self.take(each)) for number, each in enumerate(body["records"])]
            return _json(207, {"status": "success", "results": results, "summary": _SUMMARY})
        status, told = self.take(body)
        return _json(status, {"status": "success", "data": told} if status < 300 else told)

    def events(self, worker_id: str) -> list[str]:
        """The events of a worker in the order of the ledger."""
        return [event for _, worker, event in self.records if worker == worker_id]


_SUMMARY = {"ok": 0, "duplicated": 0, "failed": 0}


def _result(number: int, status: int, told: Json) -> Json:
    return {"index": number, "statusCode": status, **{name: value for name, value in told.items() if name != "status"}}


def _json(status: int, body: Json, retry_after_s: float | None = None) -> Answer:
    return Answer(status, json.dumps(body).encode(), retry_after_s)


def failure(status: int, code: str, **more: Any) -> Answer:
    """An error as our server tells it."""
    told = {"status": "error", "message": code, "error": f"It is {code}.", "code": code, **more}
    return _json(status, told, RETRY_AFTER_S if status == 503 else None)


class Field:
    """Runs plans. `waits` and `sent` are what they asked for; time passes at once."""

    def __init__(self, ledger: Ledger, seed: int | None = None) -> None:
        self.ledger, self._random = ledger, Random(seed)
        self._is_rough = seed is not None
        self.waits: list[float] = []
        self.sent: list[Request] = []
        self.lengths: list[int] = []
        self.met: Counter[str] = Counter()
        self.next: deque[Answer | None] = deque()
        """What is answered next, and nothing is carried out."""
        self.renewals = 0
        self._late: list[Request] = []

    def run(self, plan: Plan[T]) -> T:
        told: object = None
        for _ in range(STEPS_MAX):
            try:
                step = plan.send(told)
            except StopIteration as end:
                found: T = end.value
                return found
            told = None
            match step:
                case Send():
                    told = self._send(step.request)
                case Wait():
                    self.waits.append(step.seconds)
                case Keep():
                    told = step.run()
                case Renew():
                    self.renewals += 1
                    told = True
        raise AssertionError("the plan does not come to an end")

    def _send(self, request: Request) -> Answer | None:
        self.sent.append(request)
        self.lengths.append(len(json.loads(request.body or b"{}").get("records", [0])))
        if self.next:
            return self.next.popleft()
        if not self._is_rough:
            return self.ledger.answer(request)
        what = self._random.choice(_WEATHER)
        self.met[what] += 1
        return self._weather(what, request)

    def _weather(self, what: str, request: Request) -> Answer | None:
        for late in [each for each in self._late if self._random.random() < 0.5]:
            self._late.remove(late)
            self.ledger.answer(late)
        if what == "late":  # it is carried out when its client has long sent others
            self._late.append(request)
        if what in _CARRIED_OUT:
            answer = self.ledger.answer(request)
        if what == "twice":  # the first answer is what comes back
            self.ledger.answer(request)
        return answer if what in ("fine", "twice") else _TOLD[what]


_CARRIED_OUT = ("fine", "twice", "answer lost", "500 after commit")
_TOLD = {
    "request lost": None,
    "answer lost": None,
    "late": None,
    "busy": failure(503, "busy"),
    "500 before": failure(500, "internal"),
    "500 after commit": failure(500, "internal"),
    "portal": Answer(200, b"<html>Please log in</html>"),
    "proxy": Answer(404, b"<html>not here</html>"),
}
_WEATHER = ("fine", "fine", "twice", "answer lost", *_TOLD)
