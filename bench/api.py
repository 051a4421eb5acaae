"""What the benchmark asks of a service besides load: open sessions, close them and count, and answer rightly at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx
import msgspec

from bench.errors import BenchError
from bench.wrk import USER

SESSIONS_OPEN = 16
RECORDS = "/api/control/production/records"
SESSIONS = "/api/control/production/sessions"


@dataclass(frozen=True, slots=True)
class Api:
    """A thin caller of the published operations of one running service."""

    client: httpx.Client

    @classmethod
    @contextmanager
    def at(cls, url: str, token: str) -> Iterator[Api]:
        with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=30) as client:
            yield cls(client)

    def open_sessions(self, count: int = SESSIONS_OPEN) -> tuple[str, ...]:
        """Open so many sessions, one a day: there is at most one a project, sector and day."""
        return tuple(self.open_session(day) for day in range(1, count + 1))

    def open_session(self, day: int) -> str:
        """Open a session of the demo's first sector on a day of August 2025; ours is open from now on for 72 hours."""
        body = {
            "auth0Id": USER,
            "projectId": "proj_123",
            "sectorId": "sector_001",
            "sector_name": "Lote A-1",
            "openedAt": f"2025-08-{day:02d}T14:00:00.000Z",
            "maxDurationHours": 72,
        }
        return str(self._post(SESSIONS, body, expected=201)["data"]["sessionId"])

    def close_sessions(self, sessions: tuple[str, ...]) -> int:
        """Close them and return how many records they hold: in the benchmark every record has one unit."""
        return sum(
            int(self._post(f"{SESSIONS}/{each}/close", {}, expected=200)["data"]["totalUnits"]) for each in sessions
        )

    def hand_in(self, records: list[dict[str, object]]) -> None:
        """Hand in records by one bulk call. Raises BenchError unless every one of them was counted."""
        body = msgspec.json.encode({"auth0Id": USER, "records": records})
        answer = self.client.post(f"{RECORDS}/bulk", content=body, headers={"Content-Type": "application/json"})
        _demand(answer.status_code == 207, "a bulk call is answered 207", answer.text)
        tally = msgspec.json.decode(answer.content)["summary"]
        _demand(tally["ok"] == len(records), "every record of a bulk call is counted", str(tally))

    def prove_it_answers_rightly(self) -> None:
        """Create, repeat, contradict, repeat under an own key, ask without a token: a fast wrong answer is no peer."""
        (session,) = self.open_sessions(1)
        record = {
            "auth0Id": USER,
            "sessionId": session,
            "workerId": "JS0315",
            "worker_name": "John Smith",
            "units": 5,
            "recordedAtUtc": "2025-10-19T14:30:00.000Z",
            "clientEventId": f"evt_{uuid4().hex}",
            "idempotencyKey": f"phone-{uuid4().hex}",
        }
        first = self._post(RECORDS, record, expected=201)["data"]
        again = self._post(RECORDS, record, expected=200)["data"]
        _demand(first["idempotent"] is False and again["idempotent"] is True, "a repeat is marked as one")
        _demand(first["payloadPreview"] == again["payloadPreview"], "a repeat gets the first answer")
        self._post(RECORDS, {**record, "units": 6}, expected=409)
        self._post(RECORDS, {**record, "clientEventId": f"evt_{uuid4().hex}"}, expected=409)
        self._post(RECORDS, {**record, "sessionId": "0" * 24, "idempotencyKey": None}, expected=404)
        self._post(RECORDS, {**record, "auth0Id": "user_987654321"}, expected=403)
        _demand(httpx.post(f"{self.client.base_url}{RECORDS}", json=record).status_code == 401, "no token, no answer")
        _demand(self.close_sessions((session,)) == record["units"], "the sum holds the record once")
        self._post(RECORDS, record, expected=200)
        late = {**record, "clientEventId": f"evt_{uuid4().hex}", "idempotencyKey": f"phone-{uuid4().hex}"}
        self._post(RECORDS, late, expected=409)

    def _post(self, path: str, body: dict[str, Any], *, expected: int) -> dict[str, Any]:
        answer = self.client.post(path, json=body)
        _demand(answer.status_code == expected, f"POST {path} answers {expected}", answer.text)
        content: dict[str, Any] = answer.json()
        return content


def _demand(condition: bool, claim: str, seen: str = "") -> None:
    if not condition:
        raise BenchError(f"The service breaks this claim: {claim}. {seen[:500]}")
