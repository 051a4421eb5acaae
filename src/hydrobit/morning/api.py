"""The few calls of the public API that the demo makes, as a phone would make them."""

from decimal import Decimal
from typing import Any

import httpx

from hydrobit.demo.company import ADMIN, PROJECT, SECTORS
from hydrobit.errors import HydrobitError
from hydrobit.kit.instants import write_instant
from hydrobit.morning.plan import Count

Json = dict[str, Any]

PRODUCTION = "/api/control/production"
SECTOR = "sector_001"
ANSWER_S_MAX = 30


class DemoFailed(HydrobitError):
    """The server did not answer as the contract promises; the text says where."""


class Unanswered(DemoFailed):
    """The server was told to stop, or answers no more."""


class Api:
    """The demo's admin at one server. Whatever is not answered as it should be raises DemoFailed."""

    def __init__(self, address: str, token: str) -> None:
        self._http = httpx.AsyncClient(
            base_url=address,
            headers={"authorization": f"Bearer {token}"},
            timeout=ANSWER_S_MAX,
            trust_env=False,  # a proxy has no part in a talk with this machine
        )

    async def close(self) -> None:
        await self._http.aclose()

    async def sessions(self, **query: str) -> list[Json]:
        """The user's own sessions that fit, latest day first; one page."""
        answer = await self._call("GET", "/sessions", {200}, params=query)
        items: list[Json] = _data(answer)["items"]
        return items

    async def open_session(self, opened_at: int, local_id: str | None = None) -> Json:
        """Opens the demo's session in its sector. The same `local_id` and instant again return the first one."""
        body = {
            "auth0Id": ADMIN,
            "projectId": PROJECT,
            "openedAt": write_instant(opened_at),
            "sectorId": SECTOR,
            "sector_name": SECTORS[SECTOR],
        }
        if local_id is not None:
            body["localId"] = local_id
        return _data(await self._call("POST", "/sessions", {200, 201}, json=body))

    async def session(self, session_id: str) -> Json:
        """The session with its sums per worker."""
        return _data(await self._call("GET", f"/sessions/{session_id}", {200}))

    async def note(self, session_id: str, notes: str) -> None:
        await self._call("PATCH", f"/sessions/{session_id}", {200}, json={"auth0Id": ADMIN, "notes": notes})

    async def record(self, session_id: str, count: Count) -> tuple[str, bool]:
        """The record's id, and whether it is new."""
        answer = await self._call("POST", "/records", {200, 201}, json=record_body(session_id, count))
        return _data(answer)["payloadPreview"]["recordId"], answer.status_code == 201

    async def record_many(self, session_id: str, counts: tuple[Count, ...]) -> Json:
        """The tally of a list that was sent at once: ok, duplicated, failed."""
        body = {"auth0Id": ADMIN, "records": [record_body(session_id, count) for count in counts]}
        answer = await self._call("POST", "/records/bulk", {207}, json=body)
        summary: Json = answer.json()["summary"]
        return summary

    async def void(self, record_id: str, reason: str) -> None:
        await self._call("POST", f"/records/{record_id}/void", {200}, json={"auth0Id": ADMIN, "reason": reason})

    async def _call(self, method: str, path: str, expected: set[int], **options: Any) -> httpx.Response:
        try:
            answer = await self._http.request(method, PRODUCTION + path, **options)
        except httpx.TransportError as e:
            raise Unanswered(f"{method} {path} was not answered ({type(e).__name__})") from e
        if answer.status_code not in expected:
            raise DemoFailed(f"{method} {path} was answered with {answer.status_code}: {_detail(answer)}")
        return answer


def record_body(session_id: str, count: Count) -> Json:
    """The body of one count; inside a list the user is named beside it as well."""
    return {
        "auth0Id": ADMIN,
        "sessionId": session_id,
        "workerId": count.worker.worker_id,
        "worker_name": count.worker.name,
        "units": count.units,
        "recordedAtUtc": write_instant(count.recorded_at),
        "clientEventId": count.client_event_id,
    }


def _data(answer: httpx.Response) -> Json:
    """What the envelope holds, its numbers exact."""
    data: Json = answer.json(parse_float=Decimal)["data"]
    return data


def _detail(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["error"])
    except (ValueError, KeyError):
        return answer.text
