"""The harvest export of a large company: 200,000 records in 180 days, while others count and read."""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from http.client import HTTPConnection
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlsplit

import httpx
import msgspec

from bench.api import RECORDS, SESSIONS
from bench.errors import BenchError
from bench.processes import ServerProcess
from bench.wrk import USER
from hydrobit import app
from hydrobit.demo import company as demo
from hydrobit.kit.amounts import MILLION
from hydrobit.kit.clock import SystemClock
from hydrobit.kit.instants import MINUTE_MS, read_instant
from hydrobit.operation import Caller, Role, Source
from hydrobit.records.batch import RecordBatch
from hydrobit.records.reading import RecordDraft
from hydrobit.sessions import service as sessions
from hydrobit.sessions.description import Description, Quality
from hydrobit.sessions.reading import Opening
from hydrobit.settings import Settings
from hydrobit.storage import directory
from hydrobit.storage.sqlite import SqliteStore

HARVEST = "/api/control/harvest"
Request = tuple[str, str, bytes | None]
"""Method, path and body."""
DAYS = 180
FIRST_DAY = date(2025, 1, 1)
SESSIONS_A_DAY = 10
WORKERS = 60
REQUESTS_PER_S = 25
"""Of each of the two others: one counts, one reads a session of a day's work."""
QUIET_SECONDS_MIN = 10
EXPORTS = 3
BUSY_MS_MAX = 5_000
AGE_MS_MAX = 10**12


@dataclass(frozen=True, slots=True)
class HarvestRun:
    """What was seen. Milliseconds are those of the other requests, from the moment each was due."""

    records: int
    export_s: float
    export_mb: float
    resident_mb: float
    quiet_p50_ms: float
    quiet_p99_ms: float
    busy_p50_ms: float
    busy_p99_ms: float
    busy_requests: int


def fill(data: Path, records: int, seed: int) -> None:
    """Makes a store with the demo company and so many records in 180 days, by the ledger's own units."""
    clock = SystemClock()
    directory.prepare(data)
    app.bring_up(Settings(data=data), clock)
    with closing(directory.open_store(data, busy_ms_max=BUSY_MS_MAX, checkpoints=True)) as store:
        store.write(demo.add_demo, clock.now(), os.urandom)
        batch, chosen = RecordBatch(os.urandom, AGE_MS_MAX), random.Random(seed)
        count = DAYS * SESSIONS_A_DAY
        for number in range(count):
            day = FIRST_DAY + timedelta(days=number // SESSIONS_A_DAY)
            length = records * (number + 1) // count - records * number // count
            _play(store, batch, chosen, read_instant(f"{day.isoformat()}T14:00:00.000Z"), number, length)


def _play(store: SqliteStore, batch: RecordBatch, chosen: random.Random, now: int, number: int, length: int) -> None:
    """One session: opened, filled in one transaction, closed, graded."""
    caller = Caller(USER, 1, demo.COMPANY, Role.admin)
    sector = f"sector_00{1 + number % 2}"
    opening = Opening(demo.PROJECT, sector, demo.SECTORS[sector], now, None, None, None, None, "A fine day", None)
    view, _ = store.write(sessions.open_session, caller, opening, Source.file, now, os.urandom(16))
    session_id = view.session.session_id
    drafts = [_draft(session_id, chosen.randrange(WORKERS), now + place * MINUTE_MS // 10) for place in range(length)]
    batch.committed(store.write(batch.write, drafts, now), now)
    told = Description("unit_1", f"HL-{number}", "ABC-123", "Juan Perez", (Quality("Q1", "Primera", length * MILLION),))
    salts = os.urandom(16), os.urandom(16), os.urandom(16)
    store.write(sessions.close_session, caller, session_id, None, told, Source.file, now + MINUTE_MS, salts)


def _draft(session_id: str, worker: int, at: int) -> RecordDraft:
    return RecordDraft(
        company=1,
        actor=USER,
        source=Source.file,
        session_id=session_id,
        worker_id=f"PK{worker:04d}",
        worker_name=f"Picker {worker:04d}",
        client_event_id=f"evt_{os.urandom(8).hex()}",
        idempotency_key=None,
        units=MILLION,
        recorded_at=at,
        sent_at=None,
        device_id=None,
        device_seq=None,
        evidence=None,
        salt=None,
    )


def measure(server: ServerProcess, token: str, open_session: str, records: int, seconds: int) -> HarvestRun:
    """Others alone, then others while the export is asked for a few times over. Raises BenchError for a wrong one."""
    told = _told(server, token)
    _demand_all(told, records)
    others = (lambda: _count(open_session)), (lambda: _read(told[0]["sessionId"]))
    with _at_a_pace(server, token, others) as quiet:
        time.sleep(max(seconds, QUIET_SECONDS_MIN))
    took, sizes = [], []
    with _at_a_pace(server, token, others) as busy:
        for _ in range(EXPORTS):
            begun = time.perf_counter()
            sizes.append(_export(server, token))
            took.append(time.perf_counter() - begun)
    return HarvestRun(
        records,
        round(median(took), 3),
        round(median(sizes) / 2**20, 1),
        round(server.resident_mb_peak(), 1),
        _percentile(quiet.waits, 50),
        _percentile(quiet.waits, 99),
        _percentile(busy.waits, 50),
        _percentile(busy.waits, 99),
        len(busy.waits),
    )


def _export(server: ServerProcess, token: str) -> int:
    """The number of bytes of one export, not looked into: the measuring process has its own requests to watch."""
    headers = {"Authorization": f"Bearer {token}", "Accept-Encoding": "identity"}
    with httpx.stream("GET", f"{server.url}{HARVEST}", params=_span(), headers=headers, timeout=120) as answer:
        answer.raise_for_status()
        return sum(len(part) for part in answer.iter_raw(2**18))


def _told(server: ServerProcess, token: str) -> list[dict[str, Any]]:
    headers = {"Authorization": f"Bearer {token}"}
    answer = httpx.get(f"{server.url}{HARVEST}", params=_span(), headers=headers, timeout=120)
    told: list[dict[str, Any]] = msgspec.json.decode(answer.content)["data"]
    return told


def _demand_all(told: list[dict[str, Any]], records: int) -> None:
    counted = sum(worker["recordCount"] for session in told for worker in session["workers"])
    units = sum(session["totalUnits"] for session in told)
    if (len(told), counted, units) != (DAYS * SESSIONS_A_DAY, records, records):
        raise BenchError(f"The export told {len(told)} sessions, {counted} records and {units} units, not {records}.")


def _span() -> dict[str, str]:
    return {"startTime": FIRST_DAY.isoformat(), "endTime": (FIRST_DAY + timedelta(days=DAYS - 1)).isoformat()}


@dataclass(slots=True)
class _Others:
    """How long each of the other requests took from the moment it was due, in ms; and what went wrong."""

    waits: list[float] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


@contextmanager
def _at_a_pace(server: ServerProcess, token: str, others: Sequence[Callable[[], Request]]) -> Iterator[_Others]:
    """Each of the others sends its requests at an even pace, until the block is left."""
    seen, over = _Others(), threading.Event()
    threads = [threading.Thread(target=_keep_pace, args=(server, token, make, seen, over)) for make in others]
    for thread in threads:
        thread.start()
    try:
        yield seen
    finally:
        over.set()
        for thread in threads:
            thread.join()
    if seen.faults:
        raise BenchError(f"A request beside the export failed: {seen.faults[0][:300]}")


def _keep_pace(
    server: ServerProcess, token: str, make: Callable[[], Request], seen: _Others, over: threading.Event
) -> None:
    place = urlsplit(server.url)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    due = time.perf_counter()
    with closing(HTTPConnection(place.hostname or "", place.port, timeout=30)) as connection:
        while not over.is_set():
            time.sleep(max(0.0, due - time.perf_counter()))
            connection.request(*make(), headers)
            answer = connection.getresponse()
            text = answer.read()
            seen.waits.append((time.perf_counter() - due) * 1000)
            if answer.status not in (200, 201):
                seen.faults.append(text.decode(errors="replace"))
            due += 1 / REQUESTS_PER_S


def _read(session_id: str) -> Request:
    return "GET", f"{SESSIONS}/{session_id}", None


def _count(session_id: str) -> Request:
    record = {
        "auth0Id": USER,
        "sessionId": session_id,
        "workerId": "JS0315",
        "worker_name": "John Smith",
        "units": 1,
        "recordedAtUtc": "2025-10-19T14:30:00.000Z",
        "clientEventId": f"evt_{os.urandom(8).hex()}",
    }
    return "POST", RECORDS, msgspec.json.encode(record)


def _percentile(values: list[float], percent: int) -> float:
    ordered = sorted(values)
    return round(ordered[min(len(ordered) - 1, len(ordered) * percent // 100)], 3)
