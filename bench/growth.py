"""The long harvest: a store to which millions of records have been written, through the public bulk call."""

from __future__ import annotations

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from bench.api import Api

RECORDS_PER_SESSION = 1_000
SYNCS_AT_ONCE = 2
"""While one call is being answered the next one is prepared, so that the server need not wait for its client."""
DAYS = 28


def fill(api: Api, records: int, seed: int) -> Iterator[int]:
    """Write so many records, 1,000 a session: each session is opened, filled by one call and closed.

    Yields the number written so far, after each session.
    """

    def play(number: int) -> int:
        ids = random.Random(f"{seed} {number}")
        session = api.open_session(1 + number % DAYS)  # Sessions that are open at once differ in their day.
        api.hand_in([_record(session, ids) for _ in range(RECORDS_PER_SESSION)])
        return api.close_sessions((session,))

    written = 0
    with ThreadPoolExecutor(SYNCS_AT_ONCE) as threads:
        for units in threads.map(play, range(records // RECORDS_PER_SESSION)):
            written += units
            yield written


def _record(session: str, ids: random.Random) -> dict[str, object]:
    """One count of the mix that bench/load/mix.lua makes too."""
    number = ids.randrange(1, 51)
    record: dict[str, object] = {
        "sessionId": session,
        "workerId": f"PK{number:04d}",
        "worker_name": f"Picker {number:04d}",
        "units": 1,
        "recordedAtUtc": f"2025-10-19T{ids.randrange(8, 18):02d}:{ids.randrange(60):02d}:{ids.randrange(60):02d}.000Z",
        "clientEventId": f"evt_{ids.getrandbits(64):016x}",
    }
    if ids.randrange(10) == 0:
        record["idempotencyKey"] = f"phone-{ids.getrandbits(64):016x}"
    return record
