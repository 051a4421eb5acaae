"""What a client is graded against: a fresh space of the mock for each check, in this process."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import httpx

from hydrobit.certify.counts import GAP_MS, Given
from hydrobit.certify.road import Call, Reply
from hydrobit.certify.seen import Record
from hydrobit.certify.watch import RECORDS
from hydrobit.demo import company as demo
from hydrobit.errors import Code, HydrobitError
from hydrobit.kit.clock import SystemClock
from hydrobit.kit.instants import write_instant
from hydrobit.mock.endpoints import endpoints, refusing
from hydrobit.mock.spaces import Spaces as MockSpaces
from hydrobit.settings import Settings
from hydrobit.transport.http.shell import Routes, Shell

USER = demo.ADMIN
SECTOR = "sector_002"
OPEN_MS = 120 * GAP_MS
"""So long ago the session was opened."""
_SESSIONS = "/api/control/production/sessions"
_DAYS = "/api/control/production/workers/{worker}/days/{day}"
_COMPANY = "/api/control/admin/company"
_PASSED_ON = (b"content-type", b"content-encoding")
_ADDRESS = "http://mock.invalid"


class SpaceFailed(HydrobitError):
    """The mock did not do what a scenario begins or ends with."""


class Space:
    """The space of one check, with an open session of the user's."""

    def __init__(self, name: str, mock: httpx.AsyncClient) -> None:
        self._mock = mock
        self._headers = {
            "authorization": "Bearer certify",
            "x-mock-space": f"certify {name}",
            "accept-encoding": "identity",  # what the server decides is read here
        }
        self.session_id = self._day = ""
        self._own: set[str] = set()
        """Records that were there before the client."""

    async def prepare(self, counts: tuple[Given, ...], now: int) -> None:
        """Opens the session, and lets other content be known under the event ids of those that shall be in conflict."""
        opening = {
            "auth0Id": USER,
            "projectId": demo.PROJECT,
            "sectorId": SECTOR,
            "sector_name": demo.SECTORS[SECTOR],
            "openedAt": write_instant(now - OPEN_MS),
        }
        session = (await self._said("POST", _SESSIONS, json=opening))["data"]
        self.session_id, self._day = session["sessionId"], session["day"][:10]
        if any(count.refused is Code.worker_not_found for count in counts):
            await self._said("PATCH", _COMPANY, json={"auth0Id": USER, "refusesUnknownWorkers": True})
        for count in counts:
            if count.refused is Code.idempotency_conflict:
                said = count.members | {"auth0Id": USER, "sessionId": self.session_id, "units": 0}
                made = await self._said("POST", RECORDS, json=said)
                self._own.add(made["data"]["payloadPreview"]["recordId"])

    async def serve(self, call: Call) -> Reply:
        """Answers the client's calls."""
        passed = {name.decode(): call.headers[name].decode("latin-1") for name in _PASSED_ON if name in call.headers}
        url = call.target if call.target.startswith("/") else f"/{call.target}"
        answer = await self._mock.request(call.method, url, content=call.body, headers=passed | self._headers)
        return Reply(answer.status_code, dict(answer.headers), answer.content)

    async def records(self) -> list[Record]:
        """What was recorded in the session, in the order of the ledger."""
        session = (await self._said("GET", f"{_SESSIONS}/{self.session_id}"))["data"]
        lines = [line for worker in session["workers"] for line in await self._lines(worker)]
        lines.sort(key=lambda line: str(line["recordId"]))  # which carries the number in the ledger
        return [
            Record(line["clientEventId"], line["workerId"], Decimal(line["units"]), line["recordedAtUtc"])
            for line in lines
            if line["state"] == "counted" and line["recordId"] not in self._own
        ]

    async def _lines(self, worker: dict[str, Any]) -> list[dict[str, Any]]:
        """A worker's movements; of a made up id that no path can name, the sum alone."""
        worker_id = worker["workerId"]
        if "/" in worker_id or worker_id in (".", ".."):
            sum_of = {"clientEventId": "", "units": worker["units"], "recordedAtUtc": "", "recordId": ""}
            return [{"state": "counted", "workerId": worker_id, **sum_of}]
        found: list[dict[str, Any]] = []
        query = {"auth0Id": USER}
        path = _DAYS.format(worker=quote(worker_id, safe=""), day=self._day)
        while True:
            day = (await self._said("GET", path, params=query))["data"]
            found += [line | {"workerId": worker_id} for line in day["items"]]
            if "next" not in day:
                return found
            query["after"] = day["next"]

    async def _said(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        answer = await self._mock.request(method, path, headers=self._headers, **options)
        if not answer.is_success:
            raise SpaceFailed(f"the mock answered {method} {path} with {answer.status_code}: {answer.text[:300]}")
        told: dict[str, Any] = answer.json(parse_float=Decimal)
        return told


@dataclass(frozen=True, slots=True)
class Spaces:
    """The mock of one grading."""

    mock: httpx.AsyncClient

    def fresh(self, name: str) -> Space:
        """A space that nobody has used."""
        return Space(name, self.mock)


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Spaces]:
    """The mock, for the length of the block."""
    spaces = MockSpaces(settings, SystemClock(), os.urandom, prefix="", rests=False)
    refuse = refusing(settings)
    shell = Shell(Routes(endpoints(spaces, settings, refuse, ("",))), refuse)
    try:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(shell), base_url=_ADDRESS, timeout=None) as mock:
            yield Spaces(mock)
    finally:
        await spaces.stop()
