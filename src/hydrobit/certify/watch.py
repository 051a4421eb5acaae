"""The log of a scenario: what comes from the client, what the server decides, what the client is answered.

It reads bodies, and touches no socket and no clock, so that a simulated field keeps the same log as a real one.
"""

import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from hydrobit.certify.counts import Given, is_text, known
from hydrobit.certify.faults import Fault, Plan
from hydrobit.certify.seen import Carried, Outcome, Request

RECORDS = "/api/control/production/records"
BULK = f"{RECORDS}/bulk"
BODY_BYTES_MAX = 8 * 1024 * 1024
PLAIN_BYTES_MAX = 4 * BODY_BYTES_MAX
"""Of a packed body; counts beyond are not known."""
_GZIP = 16 + zlib.MAX_WBITS


class Watch:
    """One scenario. Requests are numbered in the order in which they came."""

    def __init__(self, counts: Sequence[Given], plan: Plan) -> None:
        self._counts, self._plan = counts, plan
        self.requests: list[Request] = []

    def came(self, start: int, at: float, method: str, path: str, body: bytes, instead: Fault | None = None) -> Request:
        """What came, with the fault that it meets: that of the plan, or another one in its place."""
        carried = tuple(Carried(known(self._counts, said), said) for said in _counts_in(method, path, body))
        fault = instead or self._plan.meet(each.count.number for each in carried if each.count is not None)
        request = Request(len(self.requests) + 1, start, at, method, path, carried, fault)
        self.requests.append(request)
        return request

    def decided(self, number: int, status: int, body: bytes) -> None:
        """What the server made of it, heard or not."""
        request = self.requests[number - 1]
        told = _json(body)
        outcomes = _outcomes(request, status, told)
        counts = tuple(
            replace(carried, outcome=outcome) for carried, outcome in zip(request.counts, outcomes, strict=True)
        )
        self._change(number, counts=counts, code=_text(told, "code"))

    def answered(self, number: int, status: int, at: float) -> None:
        """The client has been told."""
        self._change(number, status=status, answered_at=at)

    def _change(self, number: int, **changes: Any) -> None:
        self.requests[number - 1] = replace(self.requests[number - 1], **changes)


def written(requests: Iterable[Request]) -> str:
    """The log for people: one JSON object a request."""
    return "".join(f"{json.dumps(_line(request), ensure_ascii=False)}\n" for request in requests)


def _line(request: Request) -> dict[str, Any]:
    return {
        "request": request.number,
        "start": request.start,
        "at": round(request.at, 3),
        "call": f"{request.method} {request.path}",
        "counts": [carried.said for carried in request.counts],
        "outcomes": [carried.outcome and str(carried.outcome) for carried in request.counts],
        "met": None if request.fault is None else request.fault.words,
        "answered": request.status,
        "answeredAt": None if request.answered_at is None else round(request.answered_at, 3),
    }


def plain(body: bytes, coding: str) -> bytes:
    """A body without its coding; as it is where that is unknown or broken."""
    if coding != "gzip":
        return body
    try:
        return zlib.decompressobj(_GZIP).decompress(body, PLAIN_BYTES_MAX)
    except zlib.error:
        return body


def _counts_in(method: str, path: str, body: bytes) -> list[Mapping[str, Any]]:
    place = path.partition("?")[0].rstrip("/")
    if method != "POST" or place not in (RECORDS, BULK):
        return []
    said = _json(body)
    if place == RECORDS:
        return [said] if said else []
    records = said.get("records")
    return [each for each in records if isinstance(each, dict)] if isinstance(records, list) else []


def _outcomes(request: Request, status: int, told: Mapping[str, Any]) -> list[Outcome | None]:
    results = told.get("results")
    if isinstance(results, list) and len(results) == len(request.counts):
        return [_outcome(result.get("statusCode", 0), result) for result in results]
    one = _outcome(status, told)
    return [one if len(request.counts) == 1 else None for _ in request.counts]


def _outcome(status: int, told: Mapping[str, Any]) -> Outcome:
    return Outcome(status, _text(told, "code"), _text(told, "error"))


def _text(told: Mapping[str, Any], name: str) -> str:
    found = told.get(name)
    return found if isinstance(found, str) else ""


def _json(body: bytes) -> Mapping[str, Any]:
    """An object; an empty one for everything else. Numbers keep their digits."""
    try:
        found = json.loads(body, parse_float=str)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) and is_text(found) else {}
